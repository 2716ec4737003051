"""Who may change the desk file by the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.console.keeper import ALL_TRIES, HOURS, TRIES, Keeper
from appliance.errors import ApplianceError

PASSPHRASE = "a brass bell"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(f"{PASSPHRASE}\nthe second line is a note\n")
    return path


def test_a_page_that_only_this_machine_opens_is_open() -> None:
    assert Keeper(True, None).may("")


def test_a_page_that_others_open_is_closed_without_a_passphrase_and_says_why() -> None:
    keeper = Keeper(False, None)
    assert not keeper.may("")
    assert "password_file" in keeper.why_closed()


@pytest.mark.parametrize("only_here", [True, False])
def test_who_knows_the_passphrase_may(file: Path, only_here: bool) -> None:
    keeper = Keeper(only_here, file)
    assert keeper.why_closed() == ""
    assert not keeper.may("")
    token = keeper.enter("here", PASSPHRASE)
    assert keeper.may(token)
    assert not keeper.may(token[:-1])
    keeper.leave(token)
    assert not keeper.may(token)


@pytest.mark.parametrize(
    "wrong", ["", "a brass", "A brass bell", "a brass bell!", "\ud800", "the second line"]
)
def test_who_does_not_may_not(file: Path, wrong: str) -> None:
    with pytest.raises(ApplianceError, match="not the passphrase"):
        Keeper(False, file).enter("here", wrong)


def test_guessing_is_slow(file: Path) -> None:
    clock = Clock()
    keeper = Keeper(False, file, clock)
    for _ in range(TRIES):
        with pytest.raises(ApplianceError, match="not the passphrase"):
            keeper.enter("a stranger", "guess")
    with pytest.raises(ApplianceError, match="too often"):
        keeper.enter("a stranger", PASSPHRASE)
    assert keeper.may(keeper.enter("the manager", PASSPHRASE))
    clock.now += 61
    assert keeper.may(keeper.enter("a stranger", PASSPHRASE))


def test_guessing_from_many_places_is_slow_too(file: Path) -> None:
    keeper = Keeper(False, file, Clock())
    for number in range(ALL_TRIES):
        with pytest.raises(ApplianceError, match="not the passphrase"):
            keeper.enter(f"stranger {number}", "guess")
    with pytest.raises(ApplianceError, match="too often"):
        keeper.enter("another", "guess")


def test_it_ends_after_a_day_of_work(file: Path) -> None:
    clock = Clock()
    keeper = Keeper(False, file, clock)
    token = keeper.enter("here", PASSPHRASE)
    clock.now += HOURS * 3600 + 1
    assert not keeper.may(token)


def test_a_new_passphrase_ends_what_the_old_one_opened(file: Path) -> None:
    keeper = Keeper(False, file)
    token = keeper.enter("here", PASSPHRASE)
    file.write_text("another passphrase")
    assert not keeper.may(token)
    assert keeper.may(keeper.enter("here", "another passphrase"))


@pytest.mark.parametrize("text", ["", "\n", "short\n", None])
def test_a_passphrase_that_is_none_opens_to_nobody(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "passphrase"
    if text is not None:
        path.write_text(text)
    keeper = Keeper(True, path)
    assert str(path) in keeper.why_closed()
    with pytest.raises(ApplianceError):
        keeper.enter("here", (text or "").strip())
    assert not keeper.may("")
