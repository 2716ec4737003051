"""Numbers under which a case is gone on with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.memory.cases import Cases, find
from appliance.memory.events import EventLog
from appliance.memory.store import Store


class Clock:
    moment = datetime(2026, 7, 13, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


class Desk:
    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = Store(folder / "desk.db", self.clock)
        self.log, self.cases = EventLog(self.store), Cases(self.store, hours=24)

    def find(self, number: str) -> str | None:
        with self.store.write() as db:
            return find(db, number, self.clock(), 24)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_case_has_one_number_that_leads_to_it_for_a_day(desk: Desk) -> None:
    number = desk.cases.number("kiosk")
    assert len(number) == 4
    assert number.isdecimal()
    assert desk.cases.number("kiosk") == number
    assert desk.find(number) == "kiosk"
    desk.clock.moment += timedelta(hours=25)
    assert desk.find(number) is None
    assert desk.cases.go_on("phone", "kiosk") == []


def test_a_number_works_once(desk: Desk) -> None:
    desk.log.append("kiosk", "slot.filled", {"slot": "day"})
    number = desk.cases.number("kiosk")
    assert "slot.filled" in [event.kind for event in desk.cases.go_on("phone", "kiosk")]
    assert desk.find(number) is None
    assert desk.cases.go_on("eve", "kiosk") == []
    again = desk.cases.number("phone")
    assert desk.find(again) == "kiosk"


def test_no_two_open_cases_share_a_number(desk: Desk) -> None:
    numbers = [desk.cases.number(f"call {number}") for number in range(300)]
    assert len(set(numbers)) == 300


def test_what_was_said_before_a_case_was_taken_up_is_none_of_it(desk: Desk) -> None:
    desk.log.append("kiosk", "flow.started", {"form": 1})
    desk.cases.number("kiosk")
    desk.log.append("phone", "flow.started", {"form": 1, "flow": "another"})
    desk.cases.go_on("phone", "kiosk")
    desk.log.append("phone", "slot.filled", {"form": 1})
    story = [(event.conversation, event.kind) for event in desk.cases.story("phone")]
    assert ("phone", "flow.started") not in story
    assert story[0] == ("kiosk", "flow.started")
    assert story[-1] == ("phone", "slot.filled")


def test_the_newest_open_case_of_a_person_is_found(desk: Desk) -> None:
    for call in ("one", "two", "other"):
        person = 2 if call == "other" else 1
        desk.log.append(call, "identified", {"how": "code", "person": person})
        desk.cases.number(call)
    assert desk.cases.of(1) == "two"
    desk.cases.go_on("three", "two")
    assert desk.cases.of(1) == "one"
    assert desk.cases.of(3) is None
