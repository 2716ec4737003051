"""When there is room, and when there is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.errors import ConfigError
from appliance.memory.calendar import Appointment, Calendar, Opening, Unbookable, instant
from appliance.memory.events import insert
from appliance.memory.store import Database, Store

NOW = datetime(2026, 7, 13, 10, 10, tzinfo=UTC)  # A Monday.
TUESDAY = date(2026, 7, 14)
TEN = datetime(2026, 7, 14, 10, 0)
CLINIC = Opening.read(
    {
        "hours": {"Monday": ["09:00-12:00"], "tuesday": ["09:00-12:00", "14:00-15:30"]},
        "closed": ["2026-07-21"],
    }
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Store(tmp_path / "desk.db").write() as db:
        yield db


def calendar(db: Database, opening: Opening = CLINIC, now: datetime = NOW) -> Calendar:
    return Calendar(db, opening, now)


def why(do: object, *args: object) -> str:
    with pytest.raises(Unbookable) as error:
        do(*args)  # type: ignore[operator]
    return error.value.why


def test_the_free_times_of_a_day_leave_out_the_lunch(db: Database) -> None:
    free = calendar(db).free(TUESDAY)
    assert [f"{start:%H:%M}" for start in free] == (
        "09:00 09:30 10:00 10:30 11:00 11:30 14:00 14:30 15:00".split()
    )


def test_what_is_past_today_is_not_free(db: Database) -> None:
    assert [f"{start:%H:%M}" for start in calendar(db).free(NOW.date())] == ["10:30", "11:00", "11:30"]
    assert why(calendar(db, now=NOW.replace(hour=12)).free, NOW.date()) == "past"


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (datetime(2026, 7, 10, 10, 0), "past"),
        (datetime(2026, 7, 13, 10, 0), "past"),
        (datetime(2026, 7, 14, 10, 10), "odd"),
        (datetime(2026, 7, 14, 12, 0), "closed"),
        (datetime(2026, 7, 15, 10, 0), "closed"),
        (datetime(2026, 7, 21, 10, 0), "closed"),
        (datetime(2026, 12, 14, 10, 0), "far"),
    ],
)
def test_why_an_appointment_cannot_be_had(db: Database, start: datetime, reason: str) -> None:
    assert why(calendar(db).book, start, "Ann", "1", "call") == reason


def test_a_slot_holds_as_many_as_it_has_places(db: Database) -> None:
    opening = Opening(capacity=2)
    for name in ("Ann", "Bob"):
        calendar(db, opening).book(TEN, name, "1", "call")
    assert why(calendar(db, opening).book, TEN, "Cay", "1", "call") == "full"
    assert TEN not in calendar(db, opening).free(TUESDAY)
    assert TEN + timedelta(minutes=30) in calendar(db, opening).free(TUESDAY)


def test_a_day_that_is_booked_out_is_full(db: Database) -> None:
    desk = calendar(db)
    for start in desk.free(TUESDAY):
        desk.book(start, "Ann", "1", "call")
    assert why(desk.free, TUESDAY) == "full"


def test_a_cancelled_place_is_free_again(db: Database) -> None:
    desk = calendar(db)
    booked = desk.book(TEN, "Ann", "1", "call")
    desk.cancel(booked.reference)
    assert why(desk.cancel, booked.reference) == "none"
    assert desk.book(TEN, "Bob", "2", "call").reference != booked.reference


def test_moving_to_a_full_place_keeps_the_old_one(db: Database) -> None:
    desk = calendar(db)
    ann, bob = desk.book(TEN, "Ann", "1", "call"), desk.book(TEN + timedelta(minutes=30), "Bob", "2", "call")
    assert why(desk.move, ann.reference, bob.start) == "full"
    assert desk.find(ann.reference) == ann
    assert desk.move(ann.reference, TEN).start == TEN  # Onto itself.
    assert desk.move(ann.reference, TEN + timedelta(hours=1)).end == TEN + timedelta(minutes=90)


def test_a_whole_day_off_leaves_no_room_however_many_places_there_are(db: Database) -> None:
    desk = calendar(db, Opening(capacity=9))
    day = datetime(2026, 7, 14)
    desk.put(Appointment("1", "off", day, day + timedelta(days=1), "Outing", "", whole=True), None)
    assert why(desk.free, TUESDAY) == "full"
    assert desk.free(TUESDAY + timedelta(days=1))


def test_three_o_clock_stays_three_o_clock_over_the_end_of_summer_time(db: Database) -> None:
    now = datetime(2026, 10, 20, 9, 0, tzinfo=ZoneInfo("Europe/Vienna"))
    desk = calendar(db, Opening(), now)
    booked = desk.book(datetime(2026, 10, 26, 15, 0), "Ann", "1", "call")  # The day after the change.
    insert(db, "call", "2026-10-20", "identified", {"how": "code", "person": 1})
    assert [each.start.hour for each in desk.of(1)] == [15]
    assert desk.of(2) == []
    assert booked.end - booked.start == timedelta(minutes=30)


@pytest.mark.usefixtures("summer_time")
def test_ten_o_clock_is_another_moment_after_the_end_of_summer_time() -> None:
    now = datetime(2026, 10, 20, 9, 0).astimezone()  # As the desk has it: with no more than today's offset.
    before, after = datetime(2026, 10, 24, 10, 0), datetime(2026, 10, 26, 10, 0)
    assert [instant(at, now).astimezone(UTC).hour for at in (before, after)] == [8, 9]
    vienna = now.astimezone(ZoneInfo("Europe/Vienna"))
    assert [instant(at, vienna).astimezone(UTC).hour for at in (before, after)] == [8, 9]


@pytest.mark.parametrize(
    "settings",
    [
        {"hours": {"funday": ["09:00-10:00"]}},
        {"hours": {"monday": ["nine to ten"]}},
        {"hours": {"monday": ["10:00-09:00"]}},
        {"hours": {"monday": [9]}},
        {"hours": ["monday"]},
        {"closed": ["Christmas"]},
        {"slot": 0},
        {"slot": "long"},
        {"capacity": 0},
    ],
)
def test_settings_without_sense_are_said_plainly(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as error:
        Opening.read(settings)
    assert error.value.mend
