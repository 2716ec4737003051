"""Days as they are said: "Tuesday week", "the fourteenth", "in a fortnight". What a desk talks of lies
ahead."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from appliance.slots.days import NoSuchDay, ahead, move, next_number
from appliance.slots.lexer import Context, Found, Token, Value, has, passes, word, words
from appliance.slots.numbers import cardinal, ordinal, say_number, say_ordinal
from appliance.spoken import TENS

WEEKDAYS = {name.lower(): i for i, name in enumerate(calendar.day_name)}
SHORT_WEEKDAYS = {
    "mon": 0, "tue": 1, "tues": 1, "wed": 2, "weds": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4,
}  # fmt: skip
MONTHS = {name.lower(): i for i, name in enumerate(calendar.month_name) if name}
MONTHS |= {name.lower(): i for i, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
UNITS = {"day": 1, "days": 1, "week": 7, "weeks": 7, "fortnight": 14, "fortnights": 14}
FEASTS = {
    "christmas day": (12, 25), "christmas eve": (12, 24), "boxing day": (12, 26), "christmas": (12, 25),
    "new year's eve": (12, 31), "new years eve": (12, 31), "new year's day": (1, 1), "new years day": (1, 1),
    "new year's": (1, 1), "halloween": (10, 31), "valentine's day": (2, 14), "valentines day": (2, 14),
}  # fmt: skip

MONTH_FIRST = ("US", "PH")
"""Countries that write the month before the day."""

_ONE = (
    "a fortnight", "a fortnight's", "a week", "a week's", "a month", "a month's", "a day", "a year",
    "a year's", "another week",
)  # fmt: skip
_FEAST_WORDS = ("easter", "good", "black", "whit", "ash", "cyber", "shrove")
_PEOPLE = frozenset("i we you he she they it that this one who".split())
_NOT_DAYS = frozenset(
    "one ones floor time thing things available person door half of two option line name letter room"
    " place class quarter slot appointment part bit chance day days week month left right digit"
    " number free available possible open empty".split()
)

OVER = 0.4
"""How sure one is of a day that is over: a desk talks of what lies ahead."""

Day = tuple[date, int, float]
"""A day, the token after it, how sure."""


def find_dates(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every day that is said."""
    found = list(_every(heard, context))
    for first, second in pairwise(found):
        yield _with_its_month(heard, first, second, context.now.date())
    yield from found[-1:]


def _every(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    today = context.now.date()
    i = 0
    while i < len(heard):
        try:
            said = _day(heard, i, today, context.country)
        except NoSuchDay as none:
            i = none.end
            continue
        except (ValueError, OverflowError):
            said = None
        if said:
            day, end, score = said
            yield Found(Value(day.isoformat(), say_date(day, today), score), i, end)
            i = end
        else:
            i += 1


def _with_its_month(heard: Sequence[Token], first: Found, second: Found, today: date) -> Found:
    """ "the twelfth to the fifteenth of August": both are in August."""
    joined = words(heard, first.end, second.start - first.end)
    named = [any(token.word in MONTHS for token in heard[each.start : each.end]) for each in (first, second)]
    if joined not in (("to",), ("until",), ("till",), ("through",), ("and",), ("or",)) or named != [
        False,
        True,
    ]:
        return first
    if not any(ordinal(heard, i) for i in range(first.start, first.end)):
        return first
    day, other = (date.fromisoformat(str(each.value.value)) for each in (first, second))
    if day.day > calendar.monthrange(other.year, other.month)[1]:
        return first
    day = other.replace(day=day.day)
    value = Value(day.isoformat(), say_date(day, today), first.value.score)
    return replace(first, value=value)


def say_date(day: date, today: date) -> str:
    """ "Tuesday the fourteenth of July", with its year where that may be another than one thinks."""
    said = (
        f"{calendar.day_name[day.weekday()]} the {say_ordinal(day.day)} of {calendar.month_name[day.month]}"
    )
    return said if today <= day < today + timedelta(days=300) else f"{said} {say_year(day.year)}"


def say_year(year: int) -> str:
    """2026 is "twenty twenty six", 2005 "two thousand and five"."""
    first, last = divmod(year, 100)
    if (first % 10 == 0 and last < 10) or first < 10:
        return say_number(year)
    if last == 0:
        return f"{say_number(first)} hundred"
    return f"{say_number(first)} {'oh ' if last < 10 else ''}{say_number(last)}"


def _day(heard: Sequence[Token], i: int, today: date, country: str) -> Day | None:
    for reading in (_nth_weekday, _weekday_of, _distance, _named, _written, _calendar, _loose):
        if said := reading(heard, i, today, country):
            return said
    return None


def _named(heard: Sequence[Token], i: int, today: date, country: str) -> Day | None:
    """today, tomorrow, Christmas Eve."""
    near = (
        ("the day after tomorrow", 2), ("day after tomorrow", 2), ("tomorrow", 1), ("today", 0), ("tonight",
        0),
        ("this morning", 0), ("this afternoon", 0), ("this evening", 0), ("yesterday", -1),
    )  # fmt: skip
    for phrase, days in near:
        if used := has(heard, i, phrase):
            end = i + used
            if week := has(heard, end, "week"):
                return today + timedelta(days=days + 7), end + week, 0.9
            said = _calendar(heard, passes(heard, end, "on"), today, country) if days else None
            if said and said[0] == today + timedelta(days=days):
                return said[0], said[1], 1.0
            return today + timedelta(days=days), end, OVER if days < 0 else 1.0
    beside = has(heard, i, "the day before", "the day after", "day before", "day after")
    days = (-1 if "before" in words(heard, i, beside) else 1) if beside else 0
    for phrase, (month, day) in FEASTS.items():
        if used := has(heard, i + beside, phrase):
            return ahead(today, month, day) + timedelta(days=days), i + beside + used, 0.9
    return None


def _weekday_of(heard: Sequence[Token], i: int, today: date, country: str) -> Day | None:
    """Tuesday, next Tuesday, Tuesday week, Thursday next week, Tuesday the fourteenth."""
    week, at = _which_week(heard, i)
    if at > i:
        at = passes(heard, at, "on")
    at = passes(heard, at, "the") if at > i else at
    which, start = word(heard, at), at
    if which in ("this", "next", "coming", "last"):
        at = passes(heard, at, "this coming", "this", "next", "coming", "last")
    named = _weekday(heard, at)
    if named is None or (word(heard, at - 1) in _FEAST_WORDS and not heard[at].paused):
        return None
    end = at + 1
    nearest = today + timedelta(days=(named - today.weekday() - 1) % 7 + 1)
    monday = today - timedelta(days=today.weekday())
    if week is not None:
        return monday + timedelta(days=7 * week + named), end, 0.9 if week >= 0 else OVER
    week, after = _which_week(heard, passes(heard, end, "of"))
    if week is not None:
        return monday + timedelta(days=7 * week + named), after, 0.95 if week >= 0 else OVER
    if which == "last":
        return today - timedelta(days=(today.weekday() - named - 1) % 7 + 1), end, OVER
    if has(heard, end, "fortnight"):
        return nearest + timedelta(days=14), end + 1, 0.9
    if has(heard, end, "week"):
        return nearest + timedelta(days=7), end + 1, 0.75 if which == "next" else 0.9
    if used := has(heard, end, "after next"):
        return nearest + timedelta(days=7), end + used, 0.8
    if which == "next":
        next_week = monday + timedelta(days=7 + named)
        return next_week, end, 0.9 if next_week == nearest else 0.7
    if start == at and (dated := _with_date(heard, end, named, today, country)):
        return dated
    if which == "this" and named == today.weekday() and not has(heard, start, "this coming"):
        return today, end, 0.6
    return nearest, end, 0.75 if named == today.weekday() else 0.95


def _nth_weekday(heard: Sequence[Token], i: int, today: date, country: str) -> Day | None:
    """the second Tuesday in August, the last Friday of the month"""
    at = passes(heard, i, "the")
    last = has(heard, at, "last")
    which = (5, at + 1) if last else ordinal(heard, at)
    named = _weekday(heard, which[1]) if which and which[0] <= 5 else None
    if which is None or named is None or not has(heard, which[1] + 1, "of", "in"):
        return None
    at = which[1] + 2
    used = has(heard, at, "next month", "the month", "this month")
    month = _month(heard, at)
    if not used and not month:
        return None
    first = move(today.replace(day=1), has(heard, at, "next month") > 0) if used else ahead(today, month, 28)
    days = [first.replace(day=n) for n in range(1, calendar.monthrange(first.year, first.month)[1] + 1)]
    fitting = [day for day in days if day.weekday() == named]
    chosen = fitting[-1 if last else min(which[0], len(fitting)) - 1]
    return chosen, at + (used or 1), 0.95 if chosen >= today else OVER


def _which_week(heard: Sequence[Token], i: int) -> tuple[int | None, int]:
    for phrase, week in (
        ("the week after next", 2),
        ("week after next", 2),
        ("next week", 1),
        ("this week", 0),
        ("last week", -1),
    ):
        if used := has(heard, i, phrase):
            return week, i + used
    return None, i


def _with_date(heard: Sequence[Token], i: int, named: int, today: date, country: str) -> Day | None:
    """The date that follows a weekday. The fourteenth alone is the next one on that weekday."""
    said = _calendar(heard, passes(heard, i, "on"), today, country, bare=True)
    said = said or _written(heard, i, today, country)
    if not said:
        return None
    day, end, _ = said
    if day.weekday() == named:
        return day, end, 1.0
    if any(token.word in MONTHS for token in heard[i:end]):
        return day, end, 0.5
    for months in range(1, 4):
        other = move(day, months)
        if other.weekday() == named and other.day == day.day:
            return other, end, 0.7
    return day, end, 0.4


def _distance(heard: Sequence[Token], i: int, today: date, country: str) -> Day | None:
    """in ten days, a week on Friday, a fortnight today, two weeks from tomorrow."""
    inside = has(heard, i, "in", "within")
    if has(heard, i + inside, *_ONE):
        count, at = 1, i + inside + 1
    elif used := has(heard, i + inside, "a couple of"):
        count, at = 2, i + inside + used
    else:
        said = cardinal(heard, i + inside)
        if not said or said[0] > 1000:
            return None
        count, at = said
    unit = word(heard, at).removesuffix("'s")
    if unit not in UNITS and unit not in ("month", "months", "year", "years"):
        return None
    at = passes(heard, at + 1, "' time", "time")
    if inside:
        return _shift(today, count, unit), at, 0.95
    if used := has(heard, at, "from now", "hence", "from today", "today"):
        return _shift(today, count, unit), at + used, 0.95
    if used := has(heard, at, "from tomorrow", "tomorrow"):
        return _shift(today, count, unit) + timedelta(days=1), at + used, 0.95
    if (used := has(heard, at, "on", "from")) or word(heard, at) in ("next", "this"):
        start = _calendar(heard, at + used, today, country) or _weekday_of(heard, at + used, today, country)
        return (_shift(start[0], count, unit), start[1], 0.9) if start else None
    return None


def _shift(day: date, count: int, unit: str) -> date:
    if unit in UNITS:
        return day + timedelta(days=count * UNITS[unit])
    return move(day, count * (12 if unit.startswith("year") else 1))


def _calendar(heard: Sequence[Token], i: int, today: date, country: str, bare: bool = False) -> Day | None:
    """the fourteenth, July 14, the third of May nineteen eighty four. `bare`: "fourteenth" will do."""
    if (month := _month(heard, i)) and (day := _day_number(heard, passes(heard, i + 1, "the"))):
        return _dated(heard, day[1], today, month, day[0])
    the = has(heard, i, "the")
    day = _day_number(heard, i + the)
    if not day:
        return None
    number, end = day
    at = passes(heard, end, "of", "in")
    if month := _month(heard, at):
        return _dated(heard, at + 1, today, month, number)
    for phrase, months in (("next month", 1), ("this month", 0), ("the month", 0)):
        if at > end and (used := has(heard, at, phrase)):
            return move(today.replace(day=1), months).replace(day=number), at + used, 0.9
    ranked = ordinal(heard, i + the)
    if the and not ranked and word(heard, i - 1) == "on" and number > 3 and word(heard, end) not in _NOT_DAYS:
        return next_number(today, number), end, 0.5  # "On the twenty six", as recognisers hear it.
    if not ranked or not (the or bare or number > 3 or heard[i].word.isdecimal() or len(heard) == 1):
        return None
    if word(heard, end) in _NOT_DAYS:
        return None
    return next_number(today, number), end, 0.9 if the or bare else 0.75


def _day_number(heard: Sequence[Token], i: int) -> tuple[int, int] | None:
    said = ordinal(heard, i)
    if not said:
        said = (
            cardinal(heard, i)
            if word(heard, i).isdecimal() and len(word(heard, i)) <= 2
            else _spoken(heard, i)
        )
    return said if said and 1 <= said[0] <= 31 else None


def _spoken(heard: Sequence[Token], i: int) -> tuple[int, int] | None:
    """A number of at most two words, for a year may follow: fourteen twenty twenty six."""
    said = cardinal(heard[: i + (2 if word(heard, i) in TENS else 1)], i)
    return said if said and not word(heard, i).isdecimal() else None


def _month(heard: Sequence[Token], i: int) -> int:
    name = word(heard, i)
    if name == "may" and word(heard, i - 1) in _PEOPLE:
        return 0
    return MONTHS.get(name, 0)


def _weekday(heard: Sequence[Token], i: int) -> int | None:
    name = word(heard, i)
    if name in ("sat", "sun"):
        said = word(heard, i - 1) in ("on", "next", "this", "coming") or len(heard) == 1
        return {"sat": 5, "sun": 6}[name] if said or _day_number(heard, i + 1) else None
    name = name.removesuffix("'s")
    return WEEKDAYS.get(name, SHORT_WEEKDAYS.get(name, WEEKDAYS.get(name.removesuffix("s"))))


def _dated(heard: Sequence[Token], i: int, today: date, month: int, number: int) -> Day:
    """A day of a month, with its year where one follows."""
    year = _year(heard, i, today)
    try:
        if not year:
            return ahead(today, month, number), i, 0.95
        day = date(year[0], month, number)
    except ValueError as error:
        raise NoSuchDay(year[1] if year else i) from error
    return day, year[1], 1.0 if day >= today else 0.85


def _year(heard: Sequence[Token], i: int, today: date) -> tuple[int, int] | None:
    at = passes(heard, i, "in", ",")
    name = word(heard, at)
    if name.isdecimal():
        return (int(name), at + 1) if len(name) == 4 and 1900 <= int(name) <= today.year + 50 else None
    if (first := _spoken(heard, at)) and first[0] in (19, 20):
        oh = has(heard, first[1], "oh", "o")
        last = cardinal(heard, first[1] + oh)
        if last and (last[0] < 10) == bool(oh) and last[0] < 100:
            return first[0] * 100 + last[0], last[1]
    whole = cardinal(heard, at)
    return whole if whole and 1900 <= whole[0] <= today.year + 50 and word(heard, at) != "a" else None


def _written(heard: Sequence[Token], i: int, today: date, country: str) -> Day | None:
    """2026-07-14, 7/14/2026, 14.7.26, 7/14."""
    parts = [int(word(heard, i + n)) for n in (0, 2, 4) if word(heard, i + n).isdecimal()]
    signs = {word(heard, i + 1), word(heard, i + 3)}
    bare = words(heard, i, 3)
    if len(bare) == 3 and all(part.isdecimal() for part in bare) and len(bare[2]) == 4 and len(bare[0]) <= 2:
        month, number, score = _in_order(int(bare[0]), int(bare[1]), country)
        return date(int(bare[2]), month, number), i + 3, score * 0.9
    if len(parts) == 3 and len(signs) == 1 and signs <= {"-", "/", "."}:
        end = passes(heard, i + 5, "t") if word(heard, i + 6).isdecimal() else i + 5
        if len(word(heard, i)) == 4:
            return date(*parts), end, 1.0
        year = parts[2] + 2000 if parts[2] < 100 else parts[2]
        month, number, score = _in_order(parts[0], parts[1], country)
        return date(year, month, number), end, score
    if len(parts) >= 2 and word(heard, i + 1) == "/":
        month, number, score = _in_order(parts[0], parts[1], country)
        return ahead(today, month, number), i + 3, score * 0.9
    return None


def _in_order(first: int, second: int, country: str) -> tuple[int, int, float]:
    if first > 12 or second > 12 or first == second:
        return (second, first, 1.0) if first > 12 else (first, second, 1.0)
    return (first, second, 0.8) if country in MONTH_FIRST else (second, first, 0.8)


def _loose(heard: Sequence[Token], i: int, today: date, country: str) -> Day | None:
    """What names a stretch of days: its first one, and far from sure."""
    saturday = today + timedelta(days=(5 - today.weekday()) % 7)
    last = move(today.replace(day=1), 1) - timedelta(days=1)
    monday = today + timedelta(days=7 - today.weekday())
    stretches = (
        ("the last day of the month", last, 0.95), ("the end of the month", last, 0.7),
        ("next weekend", saturday + timedelta(days=7), 0.4), ("this weekend", saturday, 0.5),
        ("the weekend", saturday, 0.5), ("the week after next", monday + timedelta(days=7), 0.4),
        ("next week", monday, 0.4), ("next month", move(today.replace(day=1), 1), 0.3),
    )  # fmt: skip
    for phrase, day, score in stretches:
        if used := has(heard, i, phrase):
            return day, i + used, score
    month = _month(heard, i + 1) if word(heard, i) in ("in", "next", "early", "this") else 0
    return (ahead(today, month, 1), i + 2, 0.3) if month else None
