"""The calendar as an iCalendar file (RFC 5545), out and in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import StorageError
from appliance.memory.calendar import (
    COLUMNS,
    Appointment,
    Calendar,
    Opening,
    appointment,
    new_reference,
    wall,
    zone,
)
from appliance.memory.store import Database, Store
from appliance.system.writing import plain_errors, write

if TYPE_CHECKING:  # A tenth of a second of each start, and asked for when a call is over.
    import icalendar

LARGEST = 16_000_000
"""Bytes of a file that is read."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file."""

    added: int = 0
    changed: int = 0
    cancelled: int = 0
    skipped: tuple[str, ...] = ()
    """Why, for each event that was left out."""


def export(store: Store) -> bytes:
    """All that is booked. Times float: they are the wall clock of wherever the desk is."""
    import icalendar

    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//appliance//front desk//EN")
    calendar.add("version", "2.0")
    stamped = store.now()
    for row in store.read(f"select {COLUMNS} from appointment where state = 'booked' order by start, id"):
        booked = appointment(row)
        event = icalendar.Event()
        event.add("uid", booked.uid)
        event.add("dtstamp", stamped)
        event.add("dtstart", booked.start.date() if booked.whole else booked.start)
        event.add("dtend", booked.end.date() if booked.whole else booked.end)
        event.add("summary", booked.name)
        if booked.phone:
            event.add("contact", booked.phone)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def publish(store: Store, path: Path) -> None:
    """Put the calendar where other programs find it; whole at every moment. StorageError where it cannot be
    written."""
    with plain_errors(path):
        write(path, export(store))


def load(store: Store, text: bytes) -> Imported:
    """Take a file in: what has a known UID is changed, the rest is added, whatever the opening hours say. An
    event that takes whole days takes the whole desk. Repeating events are left out, and said so. StorageError
    where it is no iCalendar file; then nothing was taken."""
    import icalendar

    if len(text) > LARGEST:
        raise StorageError("the calendar file is larger than 16 MB", "export a shorter stretch of time")
    try:
        calendar = icalendar.Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        raise StorageError(f"this is no iCalendar file ({error})", "export it again as .ics") from error
    added = changed = cancelled = 0
    skipped = []
    with store.write() as db:
        now = store.now()
        for number, event in enumerate(_events(calendar), 1):
            try:
                entry = _entry(event, zone(now), new_reference(db))
            except ValueError as error:
                skipped.append(f"event {number}: {error}")
                continue
            if _gone(event):
                cancelled += _cancel(db, entry.uid)
            elif _change(db, entry):
                changed += 1
            else:
                Calendar(db, Opening(), now).put(entry, None)
                added += 1
    return Imported(added, changed, cancelled, tuple(skipped))


def _events(calendar: icalendar.Component) -> Iterator[icalendar.Component]:
    yield from calendar.walk("VEVENT")


def _entry(event: icalendar.Component, there: tzinfo | None, reference: str) -> Appointment:
    """ValueError says why an event cannot be taken."""
    if "RRULE" in event or "RDATE" in event:
        raise ValueError("it repeats")
    if str(event.get("TRANSP", "OPAQUE")).upper() == "TRANSPARENT":
        raise ValueError("it takes no time")
    uid = str(event.get("UID", ""))
    if not uid:
        raise ValueError("it has no UID")
    start = _moment(event, "DTSTART")
    end = _end(event, start)
    whole = not isinstance(start, datetime)
    begins, ends = _wall(start, there), _wall(end, there)
    if ends <= begins:
        raise ValueError("it ends before it begins")
    name, phone = (str(event.get(field, "")).strip() for field in ("SUMMARY", "CONTACT"))
    return Appointment(reference, uid, begins, ends, name, phone, whole)


def _end(event: icalendar.Component, start: date) -> date:
    if "DTEND" in event:
        return _moment(event, "DTEND")
    if "DURATION" in event:
        duration = _read(event, "DURATION")
        if not isinstance(duration, timedelta):
            raise ValueError("its DURATION cannot be read")
        return start + duration
    return start + (timedelta(minutes=30) if isinstance(start, datetime) else timedelta(days=1))


def _moment(event: icalendar.Component, field: str) -> date:
    moment = _read(event, field)
    if not isinstance(moment, date):
        raise ValueError(f"its {field} cannot be read")
    return moment


def _read(event: icalendar.Component, field: str) -> object:
    try:
        return getattr(event.get(field), "dt", None)
    except ValueError:
        return None


def _wall(moment: date, there: tzinfo | None) -> datetime:
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time())
    try:
        local = moment.astimezone(there) if moment.tzinfo else moment
    except OverflowError as error:
        raise ValueError("its time is out of range") from error
    return local.replace(tzinfo=None, second=0, microsecond=0)


def _gone(event: icalendar.Component) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _cancel(db: Database, uid: str) -> int:
    return len(db.execute("update appointment set state = 'cancelled' where uid = ? returning id", uid))


def _change(db: Database, entry: Appointment) -> bool:
    rows = db.execute(
        """update appointment set start = ?, ends = ?, name = ?, phone = ?, whole = ?, state = 'booked'
            where uid = ? returning id""",
        wall(entry.start), wall(entry.end), entry.name, entry.phone, entry.whole, entry.uid,
    )  # fmt: skip
    return bool(rows)
