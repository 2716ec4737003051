"""The code that makes the first admin."""

from __future__ import annotations

import pytest

from appliance.access.house import House
from appliance.access.pairing import HOLDS, TRIES, Pairing
from appliance.errors import ApplianceError
from tests.access.conftest import BETTER, GOOD, Clock


def other(code: str) -> str:
    return f"{(int(code[0]) + 1) % 10}{code[1:]}"


def test_a_code_holds_for_a_while_and_counts_once(clock: Clock) -> None:
    pairing = Pairing(clock)
    code = pairing.code()
    assert pairing.code() == code
    clock.time += HOLDS - 1
    pairing.use(code.replace(" ", "-"))
    with pytest.raises(ApplianceError, match="no code"):
        pairing.use(code)
    assert pairing.code() != code


def test_a_code_ends(clock: Clock) -> None:
    pairing = Pairing(clock)
    code = pairing.code()
    clock.time += HOLDS
    with pytest.raises(ApplianceError, match="no code"):
        pairing.use(code)


def test_after_a_few_tries_there_is_another_code(clock: Clock) -> None:
    pairing = Pairing(clock)
    code = pairing.code()
    for _ in range(TRIES):
        with pytest.raises(ApplianceError, match="not the code"):
            pairing.use(other(code))
    with pytest.raises(ApplianceError, match="no code"):
        pairing.use(code)


async def test_who_knows_the_code_is_the_first_admin_and_the_only_one_so(house: House) -> None:
    code = house.pairing.code()
    with pytest.raises(ApplianceError, match="easy to guess"):
        await house.pair("10.0.0.1", code, "ada", "password1234")
    with pytest.raises(ApplianceError, match="not the code"):
        await house.pair("10.0.0.1", other(code), "ada", GOOD)
    session = await house.pair("10.0.0.1", code, "Ada", GOOD)
    who = await house.known(session, "")
    assert who
    assert (who.name, who.role) == ("ada", "admin")
    with pytest.raises(ApplianceError, match="already"):
        await house.pair("10.0.0.1", house.pairing.code(), "eve", BETTER)
