"""The secret of a second factor is in no file as it is, whichever key the house has."""

from __future__ import annotations

from pathlib import Path

import pyotp
import pytest

from appliance.access.house import House
from appliance.errors import ApplianceError, StorageError
from tests.access.conftest import GOOD, ROLES, Clock

KEY, OTHER = b"k" * 32, b"o" * 32


def opened(folder: Path, clock: Clock, key: bytes | None = None) -> House:
    return House(folder / "access.db", ROLES, "desk", clock, key=lambda: key)


def with_second(house: House, clock: Clock) -> str:
    """An account `ada` that has one; its secret."""
    house.accounts.add("ada", "admin", GOOD)
    secret = house.accounts.propose_second("ada")
    house.accounts.confirm_second("ada", pyotp.TOTP(secret).at(int(clock())))
    return secret


def enters(house: House, secret: str, clock: Clock) -> bool:
    clock.time += 60
    return house.accounts.check("ada", GOOD, pyotp.TOTP(secret).at(int(clock()))) == "ada"


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.mark.parametrize("key", [None, KEY])
def test_it_is_in_no_file_as_it_is(tmp_path: Path, clock: Clock, key: bytes | None) -> None:
    house = opened(tmp_path, clock, key)
    house.accounts.add("bob", "admin", GOOD)
    proposed = house.accounts.propose_second("bob")
    secret = with_second(house, clock)
    for each in (secret, proposed):
        assert each.encode() not in files(tmp_path)
    house.close()
    house = opened(tmp_path, clock, key)
    assert enters(house, secret, clock)
    house.close()
    beside = tmp_path / "access.key"
    assert beside.exists() is (key is None)
    assert key or beside.stat().st_mode & 0o077 == 0


def test_what_an_older_program_left_in_the_clear_is_sealed_and_still_opens(
    tmp_path: Path, clock: Clock
) -> None:
    secret = pyotp.random_base32()
    house = opened(tmp_path, clock)
    house.accounts.add("ada", "admin", GOOD)
    with house._ledger.write() as db:
        db.execute("update account set second = ?", (secret,))
    assert secret.encode() in files(tmp_path)
    house.close()
    house = opened(tmp_path, clock)
    assert secret.encode() not in files(tmp_path)
    assert enters(house, secret, clock)
    house.close()


def test_a_box_that_is_given_a_key_seals_by_it_and_keeps_no_key_beside(tmp_path: Path, clock: Clock) -> None:
    house = opened(tmp_path, clock)
    secret = with_second(house, clock)
    house.close()
    for _ in range(2):
        house = opened(tmp_path, clock, KEY)
        assert enters(house, secret, clock)
        assert not (tmp_path / "access.key").exists()
        house.close()


def test_without_its_key_nobody_enters_and_an_admin_may_drop_it(tmp_path: Path, clock: Clock) -> None:
    house = opened(tmp_path, clock, KEY)
    secret = with_second(house, clock)
    house.close()
    house = opened(tmp_path, clock, OTHER)
    with pytest.raises(StorageError, match="cannot be read"):
        enters(house, secret, clock)
    # Who does not know the password is told nothing else than always.
    assert house.accounts.check("ada", "a wrong password", "123456") is None
    house.accounts.drop_second("ada")
    assert house.accounts.check("ada", GOOD) == "ada"
    house.close()


def test_one_that_is_sealed_for_another_account_is_none(tmp_path: Path, clock: Clock) -> None:
    house = opened(tmp_path, clock, KEY)
    with_second(house, clock)
    house.accounts.add("bob", "admin", GOOD)
    with house._ledger.write() as db:
        db.execute("update account set second = (select second from account where name = 'ada')")
    with pytest.raises(StorageError):
        house.accounts.check("bob", GOOD, "123456")
    house.close()


def test_where_the_key_is_not_here_all_others_enter(tmp_path: Path, clock: Clock) -> None:
    def gone() -> bytes:
        raise StorageError("the key is not here")

    house = House(tmp_path / "access.db", ROLES, "desk", clock, key=gone)
    house.accounts.add("ada", "admin", GOOD)
    assert house.accounts.check("ada", GOOD) == "ada"
    with pytest.raises(ApplianceError, match="not here"):
        house.accounts.propose_second("ada")
    house.close()


def test_systemd_may_hand_over_a_key_for_this_alone(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed, folder = tmp_path / "handed", tmp_path / "house"
    handed.mkdir()
    (handed / "appliance.access-key").write_text(KEY.hex())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    house = opened(folder, clock)
    secret = with_second(house, clock)
    house.close()
    assert not (folder / "access.key").exists()
    house = opened(folder, clock, KEY)
    assert enters(house, secret, clock)
    house.close()
