"""Accounts, their passwords and second factors."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pyotp
import pytest

from appliance.access import passwords
from appliance.access.house import House
from appliance.errors import ApplianceError
from tests.access.conftest import BETTER, GOOD, ROLES, Clock


def test_who_knows_name_and_password_is_known(house: House) -> None:
    house.accounts.add("Ada", "manager", GOOD)
    assert house.accounts.check(" ADA ", GOOD) == "ada"
    assert house.accounts.check("ada", GOOD + "!") is None
    assert house.accounts.check("eve", GOOD) is None


def test_a_password_is_kept_as_argon2_and_nowhere_else(house: House, tmp_path: Path) -> None:
    house.accounts.add("ada", "admin", GOOD)
    token = house.tokens.make("ada", "printer", "manager")
    session = house.sessions.open("ada")
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"$argon2id$" in kept
    for secret in (GOOD, token, session):
        assert secret.encode() not in kept
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


@pytest.mark.parametrize(
    "weak", ["", "short", "password1234", "aaaaaaaaaaaaaaaa", "ada12345678", "qwerty123456", "x" * 300]
)
def test_what_is_guessed_first_is_no_password(house: House, weak: str) -> None:
    with pytest.raises(ApplianceError, match="password"):
        house.accounts.add("ada", "admin", weak)
    assert not house.accounts.all()


@pytest.mark.parametrize("name", ["", " ", "-a", "a b", "a/b", "ä" * 3, "a" * 65, "<script>"])
def test_names_are_plain(house: House, name: str) -> None:
    with pytest.raises(ApplianceError, match="name"):
        house.accounts.add(name, "admin", GOOD)


def test_a_password_typed_on_another_keyboard_is_the_same(house: House) -> None:
    house.accounts.add("ada", "admin", "Bäume blühen im Garten")
    assert house.accounts.check("ada", "Ba\u0308ume blu\u0308hen im Garten") == "ada"


def test_the_last_admin_stays(house: House) -> None:
    house.accounts.add("ada", "admin", GOOD)
    with pytest.raises(ApplianceError, match="last admin"):
        house.accounts.remove("ada")
    with pytest.raises(ApplianceError, match="last admin"):
        house.accounts.change("ada", "manager")
    assert house.accounts.claimed()
    house.accounts.add("bob", "admin", BETTER)
    house.accounts.remove("ada")
    assert [account.name for account in house.accounts.all()] == ["bob"]


def test_another_password_ends_every_session(house: House) -> None:
    house.accounts.add("ada", "admin", GOOD)
    session = house.sessions.open("ada")
    house.accounts.set_password("ada", BETTER)
    assert house.sessions.find(session) is None
    assert house.accounts.check("ada", GOOD) is None
    assert house.accounts.check("ada", BETTER) == "ada"


def test_a_second_factor_is_asked_for_once_it_was_seen_to_work(house: House, clock: Clock) -> None:
    house.accounts.add("ada", "admin", GOOD)
    codes = pyotp.TOTP(house.accounts.propose_second("ada"))
    assert house.accounts.check("ada", GOOD) == "ada"
    with pytest.raises(ApplianceError, match="not the code"):
        house.accounts.confirm_second("ada", codes.at(int(clock()) + 600))
    house.accounts.confirm_second("ada", codes.at(int(clock())))
    assert house.accounts.check("ada", GOOD) is None
    clock.time += 30
    assert house.accounts.check("ada", GOOD, codes.at(int(clock()))) == "ada"
    house.accounts.drop_second("ada")
    assert house.accounts.check("ada", GOOD) == "ada"


def test_a_code_counts_once(house: House, clock: Clock) -> None:
    house.accounts.add("ada", "admin", GOOD)
    codes = pyotp.TOTP(house.accounts.propose_second("ada"))
    house.accounts.confirm_second("ada", codes.at(int(clock())))
    assert house.accounts.check("ada", GOOD, codes.at(int(clock()))) is None
    clock.time += 60
    code = codes.at(int(clock()))
    assert house.accounts.check("ada", GOOD, code) == "ada"
    assert house.accounts.check("ada", GOOD, code) is None
    assert house.accounts.check("ada", GOOD, codes.at(int(clock()) - 30)) is None


def test_an_account_that_is_not_there_is_looked_at_as_hard(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.accounts.add("ada", "admin", GOOD)
    worked: list[str] = []
    fits = passwords.fits
    monkeypatch.setattr(passwords, "fits", lambda password, hash: worked.append(hash) or fits(password, hash))
    house.accounts.check("ada", "wrong")
    house.accounts.check("nobody", "wrong")
    assert len(worked) == 2
    assert worked[1] == passwords.NOBODY


def test_nobody_has_the_password_of_nobody_and_its_hash_costs_what_others_cost() -> None:
    from argon2 import extract_parameters
    from argon2.profiles import RFC_9106_LOW_MEMORY

    assert extract_parameters(passwords.NOBODY) == RFC_9106_LOW_MEMORY
    assert not passwords.fits("", passwords.NOBODY)


def test_an_endless_password_keeps_nobody_waiting(house: House) -> None:
    """Putting accents in order takes the square of their number: minutes, of what a request may hold."""
    house.accounts.add("ada", "admin", GOOD)
    endless = "\u0300\u0316" * 60_000
    began = time.process_time()
    assert house.accounts.check("ada", endless) is None
    with pytest.raises(ApplianceError, match="too long"):
        house.accounts.set_password("ada", endless)
    assert time.process_time() - began < 5


def test_what_is_no_code_is_a_wrong_code(house: House) -> None:
    """And tells nobody whether there is a second factor."""
    house.accounts.add("ada", "admin", GOOD)
    secret = house.accounts.propose_second("ada")
    house.accounts.confirm_second("ada", pyotp.TOTP(secret).at(1_800_000_000))
    assert house.accounts.check("ada", "wrong", "\ud800") is None


def test_the_last_admin_of_all_groups_stays_so(house: House) -> None:
    house.accounts.add("ned", "admin", GOOD, ["north"])
    assert not house.accounts.claimed()
    house.accounts.add("ada", "admin", GOOD)
    assert house.accounts.claimed()
    with pytest.raises(ApplianceError, match="last admin"):
        house.accounts.change("ada", "admin", ["north"])
    with pytest.raises(ApplianceError, match="last admin"):
        house.accounts.remove("ada")


def test_a_file_that_others_could_read_is_theirs_no_more(tmp_path: Path) -> None:
    House(tmp_path / "access.db", ROLES).close()
    (tmp_path / "access.db").chmod(0o644)
    House(tmp_path / "access.db", ROLES).close()
    assert stat.S_IMODE((tmp_path / "access.db").stat().st_mode) == 0o600


def test_before_there_is_an_admin_others_may_go(house: House) -> None:
    house.accounts.add("bob", "manager", GOOD)
    house.accounts.change("bob", "visitor")
    house.accounts.remove("bob")
    assert not house.accounts.all()
