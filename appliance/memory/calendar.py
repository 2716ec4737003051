"""Appointments: when the desk is open, how many fit into a slot, and who has which. Times are the wall clock
of the desk, without a zone: three o'clock stays three o'clock when summer time ends."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Literal
from uuid import uuid4

from appliance.config.hours import WEEKDAYS, days, stretch
from appliance.errors import ConfigError
from appliance.memory.store import Database, stamp

Why = Literal["past", "far", "closed", "full", "odd", "none"]
"""Why there is no appointment: before now, too far ahead, not open then, no place left, not the beginning of
a slot, no such appointment."""


class Unbookable(Exception):
    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Opening:
    """When appointments can be had."""

    hours: Mapping[int, tuple[tuple[time, time], ...]] = field(
        default_factory=lambda: {day: ((time(9), time(17)),) for day in range(5)}
    )
    """Weekday (0 is Monday) to stretches of opening hours."""
    slot: int = 30
    """Minutes."""
    capacity: int = 1
    """Appointments at the same time."""
    ahead: int = 90
    """Days that can be booked, from today."""
    closed: frozenset[date] = frozenset()
    """Days off."""

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Opening:
        """From the desk file: {hours = {monday = ["09:00-12:00", "13:00-17:00"]}, slot = 30, capacity = 1,
        ahead = 90, closed = ["2026-12-25"]}. ConfigError where that makes no sense."""
        default = cls()
        try:
            hours = default.hours
            if "hours" in settings:
                hours = {
                    WEEKDAYS.index(day.lower()): tuple(map(stretch, stretches))
                    for day, stretches in settings["hours"].items()
                }
            opening = cls(
                hours, int(settings.get("slot", 30)), int(settings.get("capacity", 1)),
                int(settings.get("ahead", 90)),
                days(settings.get("closed", ())),
            )  # fmt: skip
        except (AttributeError, TypeError, ValueError) as error:
            raise ConfigError(
                f"the calendar's settings cannot be read ({error.args[0]})",
                'write hours like monday = ["09:00-17:00"] and days like "2026-12-25"',
            ) from error
        if not (5 <= opening.slot <= 24 * 60 and opening.capacity >= 1 and opening.ahead >= 0):
            raise ConfigError(
                "the calendar's slot, capacity or ahead makes no sense",
                "slot is 5 to 1440 minutes, capacity at least 1, ahead at least 0 days",
            )
        return opening

    def slots(self, day: date) -> list[datetime]:
        """When slots begin on a day; none where the desk is closed."""
        if day in self.closed:
            return []
        step = timedelta(minutes=self.slot)
        starts = []
        for opens, closes in self.hours.get(day.weekday(), ()):
            start, end = datetime.combine(day, opens), datetime.combine(day, closes)
            while start + step <= end:
                starts.append(start)
                start += step
        return starts


@dataclass(frozen=True, slots=True)
class Appointment:
    reference: str
    """Six digits that the caller is told; not to be guessed from another's."""
    uid: str
    """What calendars call it."""
    start: datetime
    end: datetime
    name: str
    phone: str
    whole: bool = False
    """True for what takes the whole desk, not one place of it: a day off that was imported."""


COLUMNS = "reference, uid, start, ends, name, phone, whole"


class Calendar:
    """Works within a transaction that is under way. `now` is the desk's wall clock."""

    def __init__(self, db: Database, opening: Opening, now: datetime) -> None:
        self._db = db
        self._opening = opening
        self._now = now
        self._wall = now.replace(tzinfo=None)

    def free(self, day: date) -> list[datetime]:
        """When on that day an appointment can begin; Unbookable says why there is none."""
        slots = self._on(day)
        free = [start for start in slots if start > self._wall and self._room(start)]
        if not free:
            raise Unbookable("full" if any(start > self._wall for start in slots) else "past")
        return free

    def check(self, start: datetime, but: str = "") -> None:
        """Unbookable where no appointment can begin then. `but` is a reference whose place counts as free."""
        slots = self._on(start.date())
        if start not in slots:
            inside = any(slot < start < self._end(slot) for slot in slots)
            raise Unbookable("odd" if inside else "closed")
        if start <= self._wall:
            raise Unbookable("past")
        if not self._room(start, but):
            raise Unbookable("full")

    def book(self, start: datetime, name: str, phone: str, conversation: str) -> Appointment:
        """Take a place; Unbookable where there is none."""
        self.check(start)
        booked = Appointment(
            new_reference(self._db), f"{uuid4()}@appliance", start, self._end(start), name, phone
        )
        self.put(booked, conversation)
        return booked

    def cancel(self, reference: str) -> Appointment:
        """Give a place back; Unbookable where nothing is booked under that reference."""
        booked = self.find(reference)
        self._db.execute("update appointment set state = 'cancelled' where reference = ?", reference)
        return booked

    def move(self, reference: str, start: datetime) -> Appointment:
        """Take another place and give this one back, or neither."""
        booked = self.find(reference)
        self.check(start, but=reference)
        return self.place(reference, start, start + (booked.end - booked.start))

    def place(self, reference: str, start: datetime, end: datetime) -> Appointment:
        """Put an appointment somewhere, asking nothing."""
        self._db.execute(
            "update appointment set state = 'booked', start = ?, ends = ? where reference = ?",
            wall(start), wall(end), reference,
        )  # fmt: skip
        return self.find(reference)

    def find(self, reference: str) -> Appointment:
        rows = self._db.execute(
            f"select {COLUMNS} from appointment where reference = ? and state = 'booked'", reference
        )
        if not rows:
            raise Unbookable("none")
        return appointment(rows[0])

    def of(self, person: int) -> list[Appointment]:
        """What is still to come of what a person booked, soonest first. A phone number is nobody's proof."""
        rows = self._db.execute(
            f"""select {COLUMNS} from appointment where state = 'booked' and start > ? and conversation in (
                select conversation from event where kind = 'identified'
                and json_extract(data, '$.person') = ?) order by start""",
            wall(self._wall), person,
        )  # fmt: skip
        return [appointment(row) for row in rows]

    def put(self, booked: Appointment, conversation: str | None) -> None:
        """Enter an appointment, asking nothing."""
        self._db.execute(
            f"insert into appointment ({COLUMNS}, conversation, made) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            booked.reference, booked.uid, wall(booked.start), wall(booked.end), booked.name, booked.phone,
            booked.whole, conversation, stamp(self._now),
        )  # fmt: skip

    def _on(self, day: date) -> list[datetime]:
        today = self._wall.date()
        if day < today:
            raise Unbookable("past")
        if day > today + timedelta(days=self._opening.ahead):
            raise Unbookable("far")
        if not (slots := self._opening.slots(day)):
            raise Unbookable("closed")
        return slots

    def _room(self, start: datetime, but: str = "") -> bool:
        [(taken, whole)] = self._db.execute(
            """select count(*), coalesce(max(whole), 0) from appointment
                where state = 'booked' and start < ? and ends > ? and reference != ?""",
            wall(self._end(start)), wall(start), but,
        )  # fmt: skip
        return not whole and taken < self._opening.capacity

    def _end(self, start: datetime) -> datetime:
        return start + timedelta(minutes=self._opening.slot)


def new_reference(db: Database) -> str:
    """Six digits that no appointment has yet."""
    while True:
        reference = f"{secrets.randbelow(900_000) + 100_000}"
        if not db.execute("select 1 from appointment where reference = ?", reference):
            return reference


def wall(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


def zone(now: datetime) -> tzinfo | None:
    """The zone of the desk; None: this machine's. What `now` has may be but the offset of today, and on the
    other side of the end of summer time another holds."""
    return None if isinstance(now.tzinfo, timezone) else now.tzinfo


def instant(at: datetime, now: datetime) -> datetime:
    """When it is that on the wall clock of the desk."""
    there = zone(now)
    return at.replace(tzinfo=there) if there else at.astimezone()


def appointment(row: tuple[Any, ...]) -> Appointment:
    reference, uid, start, ends, name, phone, whole = row
    return Appointment(
        reference, uid, datetime.fromisoformat(start), datetime.fromisoformat(ends), name, phone, bool(whole)
    )
