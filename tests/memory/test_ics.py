"""The calendar goes out as a file and comes back the same."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance.errors import StorageError
from appliance.memory import ics
from appliance.memory.calendar import Appointment, Calendar, Opening
from appliance.memory.store import Store

NOW = datetime(2026, 7, 13, 9, 0, tzinfo=ZoneInfo("Europe/Vienna"))
SHORT = timedelta(minutes=30)


def store_of(folder: Path, *booked: Appointment) -> Store:
    store = Store(folder / "desk.db", lambda: NOW)
    with store.write() as db:
        for each in booked:
            Calendar(db, Opening(), NOW).put(each, "call")
    return store


def content(store: Store) -> list[tuple[object, ...]]:
    return store.read(
        "select uid, start, ends, name, phone, whole from appointment where state = 'booked' order by uid"
    )


def event(*lines: str) -> bytes:
    return "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:x",
            "BEGIN:VEVENT",
            *lines,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    ).encode()


said = some.text(some.characters(exclude_categories=["Cc", "Cs"]), max_size=120).map(str.strip)
moments = some.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)


@settings(max_examples=25, deadline=None)
@given(some.lists(some.tuples(moments, some.integers(1, 3000), said, said, some.booleans()), max_size=5))
def test_what_goes_out_comes_back_the_same(
    rows: list[tuple[datetime, int, str, str, bool]],
) -> None:
    booked = []
    for number, (start, minutes, name, phone, whole) in enumerate(rows):
        end = start + timedelta(minutes=minutes)
        if whole:
            start = start.replace(hour=0, minute=0)
            end = start + timedelta(days=1 + minutes // 1440)
        booked.append(Appointment(str(number), f"uid {number}", start, end, name, phone, whole))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first, second = store_of(Path(one), *booked), store_of(Path(two))
        text = ics.export(first)
        assert ics.load(second, text).added == len(booked)
        assert content(second) == content(first)
        # Taking the same file in again changes nothing.
        again = ics.load(second, text)
        assert (again.added, again.changed) == (0, len(booked))
        assert content(second) == content(first)
        first.close()
        second.close()


@settings(max_examples=40, deadline=None)
@given(some.binary(max_size=300) | some.text(max_size=300).map(str.encode))
def test_no_file_breaks_the_box(junk: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = store_of(Path(folder))
        for text in (
            junk,
            event("UID:1", "DTSTART:20260714T100000", b"SUMMARY:".decode() + junk.decode("latin1")),
        ):
            try:
                ics.load(store, text)
            except StorageError as error:
                assert error.mend
        store.close()


@pytest.mark.parametrize(
    ("lines", "start", "end"),
    [
        (["DTSTART:20260714T080000Z", "DTEND:20260714T083000Z"], "2026-07-14T10:00", "2026-07-14T10:30"),
        (
            ["DTSTART;TZID=America/New_York:20260714T040000", "DURATION:PT45M"],
            "2026-07-14T10:00",
            "2026-07-14T10:45",
        ),
        (["DTSTART:20260714T100000"], "2026-07-14T10:00", "2026-07-14T10:30"),
        (["DTSTART;VALUE=DATE:20260714"], "2026-07-14T00:00", "2026-07-15T00:00"),
    ],
)
def test_times_become_the_wall_clock_of_the_desk(
    tmp_path: Path, lines: list[str], start: str, end: str
) -> None:
    store = store_of(tmp_path)
    assert ics.load(store, event("UID:1", "SUMMARY:Ann", *lines)).added == 1
    assert store.read("select start, ends from appointment") == [(start, end)]


@pytest.mark.usefixtures("summer_time")
def test_an_appointment_of_next_summer_is_taken_in_at_its_hour(tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db", lambda: datetime(2026, 11, 28, 9, 0).astimezone())
    ics.load(store, event("UID:1", "DTSTART:20270714T080000Z", "DTEND:20270714T083000Z"))
    assert store.read("select start from appointment") == [("2027-07-14T10:00",)]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["UID:1", "DTSTART:20260714T100000", "RRULE:FREQ=DAILY"], "repeats"),
        (["DTSTART:20260714T100000"], "UID"),
        (["UID:1"], "DTSTART"),
        (["UID:1", "DTSTART:tomorrow"], "DTSTART"),
        (["UID:1", "DTSTART:20260714T100000", "DTEND:20260714T090000"], "ends before"),
        (["UID:1", "DTSTART:20260714T100000", "DTEND:soon"], "DTEND"),
        (["UID:1", "DTSTART:20260714T100000", "DURATION:a while"], "DURATION"),
        (["UID:1", "DTSTART:20260714T100000", "TRANSP:TRANSPARENT"], "takes no time"),
    ],
)
def test_what_cannot_be_taken_is_said(tmp_path: Path, lines: list[str], reason: str) -> None:
    imported = ics.load(store_of(tmp_path), event(*lines))
    assert imported.added == 0
    assert reason in imported.skipped[0]


def test_what_was_cancelled_elsewhere_is_cancelled_here(tmp_path: Path) -> None:
    start = datetime(2026, 7, 14, 10, 0)
    store = store_of(tmp_path, Appointment("1", "one", start, start + SHORT, "Ann", "1"))
    imported = ics.load(store, event("UID:one", "DTSTART:20260714T100000", "STATUS:CANCELLED"))
    assert imported.cancelled == 1
    assert content(store) == []


def test_the_file_is_one_that_others_read(tmp_path: Path) -> None:
    start = datetime(2026, 7, 14, 10, 0)
    name = 'Ann; the "first", of\nmany' + " and more" * 20
    text = ics.export(store_of(tmp_path, Appointment("1", "one", start, start + SHORT, name, "1")))
    assert all(len(line) <= 75 for line in text.split(b"\r\n"))
    [read] = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert str(read["SUMMARY"]) == name
    assert read["DTSTAMP"].dt == NOW.astimezone(UTC)
