"""Who may open a door, and which."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.actions import door
from appliance.errors import DeviceError
from tests.actions.conftest import Desk


@pytest.fixture
def opened() -> Iterator[list[str]]:
    happened: list[str] = []
    door.DOORS["front"] = lambda: happened.append("front")
    yield happened
    door.DOORS.clear()


def known(desk: Desk) -> None:
    desk.log.append("call", "identified", {"how": "code", "person": 1})


def test_a_caller_whom_the_desk_knows_is_let_in(desk: Desk, opened: list[str]) -> None:
    known(desk)
    assert desk.run("door.open", level="verified").result == {"door": "front"}
    assert opened == ["front"]


def test_a_stranger_is_not(desk: Desk, opened: list[str]) -> None:
    assert desk.run("door.open").why == "refused"
    assert opened == []


def test_where_there_are_several_one_must_be_named(desk: Desk, opened: list[str]) -> None:
    known(desk)
    door.DOORS["yard"] = lambda: opened.append("yard")
    assert desk.run("door.open", level="verified").why == "several"
    assert desk.run("door.open", level="verified", door="cellar").why == "none"
    assert desk.run("door.open", level="verified", door="yard").ok
    assert opened == ["yard"]


def test_a_relay_that_does_not_answer_is_a_failure_and_no_lie(desk: Desk, opened: list[str]) -> None:
    known(desk)

    def broken() -> None:
        raise DeviceError("the door front at pin 23 does not work")

    door.DOORS["front"] = broken
    outcome = desk.run("door.open", level="verified")
    assert not outcome.ok
