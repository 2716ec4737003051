"""When a desk is open: by the day of the week, less its days off. Times are those of the wall clock."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Stretch = tuple[time, time]
"""From and until."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours: monday = ["09:00-12:00", "13:00-17:00"]. A day that is not named is a day off."""

    monday: tuple[str, ...] = ()
    tuesday: tuple[str, ...] = ()
    wednesday: tuple[str, ...] = ()
    thursday: tuple[str, ...] = ()
    friday: tuple[str, ...] = ()
    saturday: tuple[str, ...] = ()
    sunday: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    """Days off: "2026-12-25"."""

    def __post_init__(self) -> None:
        for day in range(7):
            self.on(day)
        self.days_off()

    def on(self, weekday: int) -> tuple[Stretch, ...]:
        """The stretches of a weekday, 0 being Monday."""
        return tuple(map(stretch, getattr(self, WEEKDAYS[weekday])))

    def days_off(self) -> frozenset[date]:
        return days(self.closed)

    def open_at(self, moment: datetime) -> bool:
        """Whether the desk is open then; no longer so on the minute it closes."""
        if moment.date() in self.days_off():
            return False
        return any(opens <= moment.time() < closes for opens, closes in self.on(moment.weekday()))


def stretch(text: str) -> Stretch:
    """ "09:00-12:30". ValueError(wrong, mend) where it is none."""
    match = re.fullmatch(r"\s*(\d{1,2}:\d\d)\s*[-–]\s*(\d{1,2}:\d\d)\s*", text)
    try:
        if not match:
            raise ValueError(text)
        opens, closes = (datetime.strptime(part, "%H:%M").time() for part in match.groups())
    except ValueError as error:
        raise ValueError(f'has "{text}", which is no stretch of hours', 'write "09:00-17:00"') from error
    if opens >= closes:
        raise ValueError(f'has "{text}", which ends before it begins', 'write "09:00-17:00"')
    return opens, closes


def days(written: Iterable[str]) -> frozenset[date]:
    """Dates as a file has them. ValueError(wrong, mend) where one is none."""
    found = set()
    for each in written:
        try:
            found.add(date.fromisoformat(str(each)))
        except ValueError as error:
            raise ValueError(f'has "{each}", which is no day', 'write it as "2026-12-25"') from error
    return frozenset(found)


def local_now() -> datetime:
    """The time on the wall where the desk stands."""
    return datetime.now().astimezone().replace(tzinfo=None)
