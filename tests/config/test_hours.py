"""When a desk is open, and what it says while it is not."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import read_desk
from appliance.config.hours import WEEKDAYS, Hours
from appliance.errors import ConfigError
from appliance.memory.calendar import Opening

HOURS = Hours(monday=("09:00-12:00", "13:00-17:00"), friday=("09:00-12:00",), closed=("2026-11-27",))


@pytest.mark.parametrize(
    ("moment", "opened"),
    [
        ("2026-11-23T08:59", False), ("2026-11-23T09:00", True), ("2026-11-23T11:59", True),
        ("2026-11-23T12:00", False), ("2026-11-23T13:00", True), ("2026-11-23T17:00", False),
        ("2026-11-24T10:00", False), ("2026-11-27T10:00", False), ("2026-12-04T10:00", True),
    ],
)  # fmt: skip
def test_a_desk_is_open_from_the_minute_to_the_minute(moment: str, opened: bool) -> None:
    assert HOURS.open_at(datetime.fromisoformat(moment)) is opened


@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)))
def test_open_is_within_a_stretch_of_that_weekday_and_no_day_off(moment: datetime) -> None:
    stretches = HOURS.on(moment.weekday())
    within = any(opens <= moment.time() < closes for opens, closes in stretches)
    assert HOURS.open_at(moment) == (within and moment.date() != date(2026, 11, 27))


@given(st.lists(st.tuples(st.times(), st.times()), max_size=3), st.sampled_from(WEEKDAYS))
def test_what_is_written_is_read_or_refused(stretches: list[tuple[time, time]], day: str) -> None:
    written = tuple(f"{opens:%H:%M}-{closes:%H:%M}" for opens, closes in stretches)
    minutes = [(a.hour * 60 + a.minute, b.hour * 60 + b.minute) for a, b in stretches]
    try:
        hours = Hours(**{day: written})
    except ValueError as error:
        assert "ends before it begins" in str(error)
        assert any(a >= b for a, b in minutes)
    else:
        assert [
            (a.hour * 60 + a.minute, b.hour * 60 + b.minute) for a, b in hours.on(WEEKDAYS.index(day))
        ] == minutes


def read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "desk.toml"
    path.write_text('name = "A"\n' + text)
    read_desk(path)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('[hours]\nmonday = ["9 to 5"]', 'line 2: hours has "9 to 5", which is no stretch of hours; write'),
        ('[hours]\nmonday = ["17:00-09:00"]', "ends before it begins"),
        ('[hours]\nclosed = ["Christmas"]', 'hours has "Christmas", which is no day'),
        (
            '[hours]\nmondays = ["09:00-17:00"]',
            "line 3: hours.mondays is not a known key; did you mean monday?",
        ),
    ],
)
def test_hours_that_make_no_sense_are_told_with_their_line(tmp_path: Path, text: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    assert wrong in str(error.value)


def test_appointments_are_had_when_the_desk_is_open_unless_the_calendar_says_otherwise(
    tmp_path: Path,
) -> None:
    path = tmp_path / "desk.toml"
    hours = '[hours]\nmonday = ["09:00-12:00"]\nclosed = ["2026-12-25"]\n'
    for calendar, slots in (("", 6), ('[actions.calendar]\nhours = {monday = ["09:00-10:00"]}\n', 2)):
        path.write_text(f'name = "A"\n{hours}{calendar}')
        opening = Opening.read(read_desk(path)[0].actions["calendar"])
        monday = date(2026, 11, 23)
        assert len(opening.slots(monday)) == slots
        assert not opening.slots(monday + timedelta(days=1))
        assert date(2026, 12, 25) in opening.closed
