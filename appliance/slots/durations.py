"""How long: "a quarter of an hour", "an hour and a half", "three nights"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from appliance.slots.lexer import Context, Found, Token, Value, has, passes, word
from appliance.slots.numbers import number, say_number

MINUTES = {
    "minute": 1, "minutes": 1, "min": 1, "mins": 1, "hour": 60, "hours": 60, "hr": 60, "hrs": 60, "h": 60,
}  # fmt: skip
DAYS = {
    "day": 1, "days": 1, "night": 1, "nights": 1, "week": 7, "weeks": 7, "fortnight": 14, "fortnights": 14,
}  # fmt: skip
MONTHS = {"month": 1, "months": 1, "year": 12, "years": 12}

_FRACTIONS = (
    ("three quarters of an hour", 45), ("three quarter hour", 45), ("a quarter of an hour", 15),
    ("quarter of an hour", 15), ("a quarter hour", 15), ("half of an hour", 30), ("half an hour", 30),
    ("a half hour", 30), ("half hour", 30), ("an hour and a half", 90), ("an hour and a quarter", 75),
    ("hour and a half", 90), ("one hour and a half", 90),
)  # fmt: skip


def find_durations(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every length of time; a night counts as a day, a week as seven."""
    i = 0
    while i < len(heard):
        if minutes := _minutes(heard, i):
            score = minutes[2] * _certain(heard, i, minutes[1])
            yield Found(Value(_iso_minutes(minutes[0]), say_minutes(minutes[0]), score), i, minutes[1])
            i = minutes[1]
        elif days := _days(heard, i):
            score = days[0].score * _certain(heard, i, days[1])
            yield Found(replace(days[0], score=score), i, days[1])
            i = days[1]
        else:
            i += 1


def _certain(heard: Sequence[Token], start: int, end: int) -> float:
    """Less where a span is told: "five to six hours", "an hour or two", "a day and a half"."""
    loose = (
        word(heard, start - 1) in ("to", "or") or word(heard, end) == "or" or has(heard, end, "and a half")
    )
    return 0.5 if loose else 1.0


def hours_ahead(heard: Sequence[Token], i: int) -> tuple[int, int] | None:
    """ "in two hours", "half an hour from now": the minutes, and the token after."""
    inside = has(heard, i, "in")
    said = _minutes(heard, i + inside)
    if not said or said[0] > 24 * 60:
        return None
    after = has(heard, said[1], "from now", "' time", "time")
    return (said[0], said[1] + after) if inside or after else None


def say_minutes(minutes: int) -> str:
    """90 is "an hour and a half"."""
    plain = {15: "a quarter of an hour", 30: "half an hour", 45: "three quarters of an hour"}
    plain |= {60: "an hour", 90: "an hour and a half"}
    if minutes in plain:
        return plain[minutes]
    hours, rest = divmod(minutes, 60)
    parts = [_count(hours, "hour")] if hours else []
    parts += [_count(rest, "minute")] if rest or not hours else []
    return " and ".join(parts)


def _count(amount: int | float, unit: str) -> str:
    return f"{say_number(amount)} {unit}{'' if amount == 1 else 's'}"


def _iso_minutes(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{rest}M" if rest or not hours else "")


def _minutes(heard: Sequence[Token], i: int) -> tuple[int, int, float] | None:
    for phrase, minutes in _FRACTIONS:
        if used := has(heard, i, phrase):
            return minutes, i + used, 1.0
    said = _amount(heard, i)
    unit = MINUTES.get(word(heard, said[1])) if said else None
    if not said or not unit or said[0] > 10_000:
        return None
    total, end = said[0] * unit, said[1] + 1
    if used := has(heard, end, "and a half"):
        return round(total + unit / 2), end + used, 1.0
    if unit == 60:
        rest = _amount(heard, passes(heard, end, "and"))
        if rest and rest[0] < 60 and (used := has(heard, rest[1], "minutes", "minute", "mins", "min", "m")):
            return round(total + rest[0]), rest[1] + used, 1.0
        if rest and rest[0] in (15, 20, 30, 40, 45) and word(heard, end) != "and":
            return round(total + rest[0]), rest[1], 0.8
    return (round(total), end, 1.0) if total >= 1 else None


def _days(heard: Sequence[Token], i: int) -> tuple[Value, int] | None:
    if used := has(heard, i, "all day", "the whole day", "a whole day", "overnight"):
        return Value("P1D", "one day", 0.8), i + used
    said = _amount(heard, i)
    if not said or said[0] > 10_000 or said[0] != int(said[0]) or said[0] < 1:
        return None
    count, unit, end = int(said[0]), word(heard, said[1]), said[1] + 1
    if word(heard, end) in ("from", "on", "ago", "today", "tomorrow") and unit not in ("night", "nights"):
        return None
    if unit in DAYS:
        named = "night" if unit.startswith("night") else "week" if DAYS[unit] > 1 else "day"
        shown = count * DAYS[unit] // 7 if named == "week" else count
        return Value(f"P{count * DAYS[unit]}D", _count(shown, named), 1.0), end
    if unit in MONTHS:
        letter, named = ("Y", "year") if MONTHS[unit] == 12 else ("M", "month")
        return Value(f"P{count}{letter}", _count(count, named), 1.0), end
    return None


def _amount(heard: Sequence[Token], i: int) -> tuple[float, int] | None:
    if has(heard, i, "a couple of"):
        return 2, i + 3
    if word(heard, i) in ("a", "an") and word(heard, i + 1) in {**MINUTES, **DAYS, **MONTHS}:
        return 1, i + 1
    said = number(heard, i)
    return (float(said[0]), said[1]) if said and said[0] > 0 else None
