"""What is moved is meant where it is moved to; what nobody moves is a stretch."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time

import pytest

from appliance.slots import Context, find, parse
from appliance.slots.moving import moves

HERE = Context(datetime(2026, 7, 7, 14, 20))
"""A Tuesday."""

WEDNESDAY, THURSDAY, FRIDAY = "2026-07-08", "2026-07-09", "2026-07-10"


@pytest.mark.parametrize(
    "said",
    [
        "move it from Thursday to Friday", "can you change the appointment from Thursday the ninth to Friday",
        "move it to Friday from Thursday", "change Thursday to Friday",
        "reschedule my Thursday visit to Friday",
        "postpone it from Thursday at ten to Friday at nine", "put it back from Thursday to Friday",
        "Friday instead of Thursday", "instead of Thursday, Friday", "Friday rather than Thursday",
        "not Thursday but Friday", "swap it from Thursday to Friday please",
    ],
)  # fmt: skip
def test_a_day_is_moved(said: str) -> None:
    value = parse("date", said, HERE)
    assert value
    assert value.value == FRIDAY
    assert value.score >= 0.75


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("move it from eight to nine", "09:00"), ("move it from quarter to four to five", "17:00"),
        ("change it from half past ten to quarter past eleven", "11:15"), ("change eight to nine", "09:00"),
        ("shift it from 10:30 to 11:30", "11:30"), ("move it to nine", "09:00"),
        ("postpone it from Thursday at ten to Friday at nine", "09:00"),
    ],
)  # fmt: skip
def test_an_hour_is_moved(said: str, meant: str) -> None:
    value = parse("time", said, HERE)
    assert value
    assert value.value == meant


def test_of_a_stretch_neither_end_is_given_up() -> None:
    two = {"arrival": "date", "departure": "date"}
    assert {slot: each.value for slot, each in find(two, "from Thursday to Friday", HERE).items()} == {
        "arrival": THURSDAY,
        "departure": FRIDAY,
    }
    hours = find({"opens": "time", "closes": "time"}, "we are open from nine to five", HERE)
    assert {slot: each.value for slot, each in hours.items()} == {"opens": "09:00", "closes": "17:00"}


def test_a_day_that_is_only_left_is_none() -> None:
    assert parse("date", "move it from Thursday", HERE) is None
    better = parse("date", "move it from Thursday, Friday would be better", HERE)
    assert better
    assert better.value == FRIDAY
    mother = parse("date", "I bring my mother from Berlin on Thursday", HERE)
    assert mother
    assert mother.value == THURSDAY
    late = parse("date", "change it to a week from Friday", HERE)
    assert late
    assert late.value == "2026-07-17"


def test_the_ways_to_tell_apart_from_where_and_where_to() -> None:
    assert list(moves("from quarter to four to five")) == [
        ("quarter", "four to five"),
        ("quarter to four", "five"),
    ]
    assert list(moves("change George Moss to Priya")) == [("George Moss", "Priya")]
    assert list(moves("to Friday")) == []


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("a cab for eight", "08:00"), ("a cab for eight tomorrow", "08:00"), ("for nine please", "09:00"),
        ("a cab for eight thirty", "08:30"), ("a cab for eight people", ""), ("for three nights", ""),
        ("for room eight", ""), ("a table for eight of us", ""),
    ],
)  # fmt: skip
def test_for_eight_may_be_an_hour(said: str, meant: str) -> None:
    value = parse("time", said, HERE)
    assert (value.value if value else "") == meant


def test_for_two_is_no_hour_where_nobody_is_there_at_two() -> None:
    dinner = replace(HERE, hours=((time(18), time(22)),))
    assert parse("time", "a table for two", dinner) is None
    eight = parse("time", "a table for eight", dinner)
    assert eight
    assert eight.value == "20:00"


ROOM = replace(HERE, counts=False, nouns=frozenset({"room"}))
PARTY = replace(HERE, counts=True, nouns=frozenset({"guests"}))


@pytest.mark.parametrize(
    ("said", "room", "party"),
    [
        ("eight", 8, 8), ("room eight", 8, None), ("room number eight", 8, None),
        ("we are eight", 8, 8), ("eight people", None, 8),
        ("eight guests", None, 8), ("half past eight", None, 8), ("at quarter to eight", None, 8),
        ("table eight", None, None),
        ("eight o'clock", None, 8),
    ],
)  # fmt: skip
def test_a_number_is_of_what_it_stands_beside(said: str, room: int | None, party: int | None) -> None:
    for context, meant in ((ROOM, room), (PARTY, party)):
        value = parse("number", said, context)
        assert (value.value if value and value.score >= 0.3 else None) == meant


def test_a_number_for_which_two_slots_wait_goes_to_the_one_that_it_is_of() -> None:
    kinds = {"time": "time", "room": "number"}
    found = find(kinds, "a cab for eight", HERE, {"room": ROOM})
    assert found["time"].value == "08:00"
    kinds = {"time": "time", "party": "number"}
    found = find(kinds, "a table for eight at seven", HERE, {"party": PARTY})
    assert {slot: each.value for slot, each in found.items()} == {"time": "07:00", "party": 8}
