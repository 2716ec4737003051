"""Days counted in the calendar, without a word being read."""

from __future__ import annotations

import calendar
from datetime import date


class NoSuchDay(ValueError):
    """The thirty first of November: no part of these words is another day."""

    def __init__(self, end: int) -> None:
        """`end`: the token after them."""
        super().__init__("there is no such day")
        self.end = end


def move(day: date, months: int) -> date:
    """The same day of another month, or that month's last."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def ahead(today: date, month: int, number: int) -> date:
    """The next such day; a 29th of February may be years off."""
    for year in range(today.year, today.year + 9):
        if number <= calendar.monthrange(year, month)[1] and date(year, month, number) >= today:
            return date(year, month, number)
    raise ValueError("there is no such day")


def next_number(today: date, number: int) -> date:
    for months in range(13):
        first = move(today.replace(day=1), months)
        if number <= calendar.monthrange(first.year, first.month)[1] and first.replace(day=number) >= today:
            return first.replace(day=number)
    raise ValueError("there is no such day")
