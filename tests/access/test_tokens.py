"""Tokens for programs."""

from __future__ import annotations

import pytest

from appliance.access.house import House
from appliance.access.tokens import DAY, PREFIX
from appliance.errors import ApplianceError
from tests.access.conftest import GOOD, Clock


@pytest.fixture(autouse=True)
def _people(house: House) -> None:
    house.accounts.add("root", "admin", GOOD)
    house.accounts.add("ada", "manager", GOOD, ["north", "south"])


async def test_a_token_may_what_it_was_made_for_until_its_day(house: House, clock: Clock) -> None:
    token = house.tokens.make("ada", "  the   printer ", "visitor", 30, ["north", "west"])
    assert token.startswith(PREFIX)
    who = await house.known("", token)
    assert who
    assert (who.name, who.role, who.scope, who.by) == ("ada", "visitor", {"north"}, "token")
    assert who.may("visitor")
    assert not who.may("manager")
    [kept] = house.tokens.all("ada")
    assert (kept.label, kept.used) == ("the printer", clock())
    clock.time += 30 * DAY
    assert await house.known("", token) is None


async def test_a_token_falls_with_its_account(house: House) -> None:
    token = house.tokens.make("ada", "", "manager")
    house.accounts.change("ada", "visitor", ["south"])
    who = await house.known("", token)
    assert who
    assert (who.role, who.scope) == ("visitor", {"south"})
    house.accounts.remove("ada")
    assert await house.known("", token) is None


def test_a_token_may_not_more_than_its_account(house: House) -> None:
    with pytest.raises(ApplianceError, match="more than its account"):
        house.tokens.make("ada", "", "admin")


def test_nobody_removes_what_is_not_his(house: House) -> None:
    house.tokens.make("ada", "", "manager")
    [token] = house.tokens.all()
    with pytest.raises(ApplianceError, match="no such token"):
        house.tokens.remove(token.id, "root")
    house.tokens.remove(token.id, "ada")
    assert not house.tokens.all()


async def test_no_token_is_anybody(house: House) -> None:
    for text in ("", PREFIX, f"{PREFIX}x", "x" * 10_000, "\udc80"):
        assert await house.known("", text) is None
        assert await house.known(text, "") is None
