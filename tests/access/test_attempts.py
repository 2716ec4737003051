"""How often one may guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.access.attempts import ADDRESS, ALL, FIRST, FREE, LAST, Attempts, TooOften, is_here, network
from appliance.access.house import House
from appliance.errors import ApplianceError
from tests.access.conftest import GOOD, Clock


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock)


def guesses(attempts: Attempts, clock: Clock, seconds: int, addresses: int = 100) -> int:
    """How many of a storm at one account were looked at: one a second, each from another address."""
    looked_at = 0
    for second in range(seconds):
        clock.time += 1
        try:
            attempts.guess(f"10.0.0.{second % addresses}", "ada")
            looked_at += 1
        except TooOften:
            pass
    return looked_at


def test_who_mistypes_a_few_times_does_not_wait(attempts: Attempts) -> None:
    for _ in range(FREE + 1):
        attempts.guess("10.0.0.1", "ada")
    with pytest.raises(TooOften) as too_often:
        attempts.guess("10.0.0.1", "ada")
    assert too_often.value.wait == FIRST


def test_a_storm_at_one_account_comes_to_four_guesses_an_hour(attempts: Attempts, clock: Clock) -> None:
    guesses(attempts, clock, 3600)
    assert guesses(attempts, clock, 8 * 3600) <= 8 * 3600 / LAST + 1


def test_who_knows_the_password_begins_anew(attempts: Attempts) -> None:
    for _ in range(5):
        for _ in range(FREE):
            attempts.guess("10.0.0.1", "ada")
        attempts.right("10.0.0.1", "ada")


def test_one_address_tries_few_accounts_and_all_together_not_many(attempts: Attempts, clock: Clock) -> None:
    for number in range(ADDRESS):
        attempts.guess("10.0.0.1", f"name{number}")
    with pytest.raises(TooOften):
        attempts.guess("10.0.0.1", "other")
    for number in range(ALL - ADDRESS):
        attempts.guess(f"10.0.1.{number}", f"more{number}")
    with pytest.raises(TooOften):
        attempts.guess("10.0.2.1", "last")
    clock.time += 60
    attempts.guess("10.0.0.1", "other")


def test_at_the_machine_itself_nobody_is_kept_out_by_others(attempts: Attempts, clock: Clock) -> None:
    guesses(attempts, clock, 600)
    attempts.guess("127.0.0.1", "ada")


def test_a_household_of_ipv6_is_one_address(attempts: Attempts) -> None:
    assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9") != network("2001:db8:1:3::1")
    assert network("::ffff:10.0.0.1") == "10.0.0.1"
    assert is_here("::ffff:127.0.0.1")
    assert is_here("::1")
    assert not is_here("10.0.0.1")


@given(st.text(max_size=60))
def test_whatever_an_address_looks_like_it_is_one(address: str) -> None:
    assert network(address) is not None
    is_here(address)


async def test_guesses_are_refused_in_the_same_words_whoever_is_asked_for(house: House) -> None:
    house.accounts.add("ada", "admin", GOOD)
    told = []
    for name in ("ada", "nobody"):
        with pytest.raises(ApplianceError) as refused:
            await house.enter("10.0.0.1", name, "wrong")
        told.append(str(refused.value))
    assert told[0] == told[1]
    assert house.sessions.find(await house.enter("10.0.0.1", "ADA", GOOD)) == "ada"
