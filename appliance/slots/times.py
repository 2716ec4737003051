"""Times of day as they are said: "half past ten", "quarter to four", "10 30". A time without a.m. or p.m.
falls into the hours that are expected, or else between 7:00 and 18:59, when desks are open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta

from appliance.slots.dates import find_dates, say_date
from appliance.slots.durations import hours_ahead
from appliance.slots.lexer import Context, Found, Token, Value, has, passes, word
from appliance.slots.moving import MOVES
from appliance.slots.numbers import ONES, cardinal, say_number
from appliance.spoken import TEENS, TENS

PARTS = {
    "in the morning": "am", "this morning": "am", "morning": "am",
    "in the afternoon": "pm", "this afternoon": "pm", "afternoon": "pm",
    "in the evening": "evening", "this evening": "evening", "evening": "evening",
    "at night": "evening", "tonight": "evening", "am": "am", "a m": "am", "a . m": "am",
    "pm": "pm", "p m": "pm", "p . m": "pm",
}  # fmt: skip
LOOSE = {"am": (time(9), 0.4), "pm": (time(14), 0.4), "evening": (time(18), 0.4)}
FIXED = {
    "noon": time(12), "midday": time(12), "mid day": time(12), "midnight": time(0),
    "twelve noon": time(12), "twelve midnight": time(0), "12 noon": time(12), "12 midnight": time(0),
}  # fmt: skip
LEADS = frozenset("at by around about make say until till before after from toward towards".split())
MINUTES = ("minutes", "minute", "mins", "min")

FOR = 0.67
"""How sure one is of an hour "for eight": it may be for eight people."""

AT_ONCE = ("as soon as possible", "right now", "now", "straight away", "right away", "immediately", "asap")

Clock = tuple[time, int, float]
"""A time, the token after it, how sure."""


def find_times(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every time of day that is said."""
    i = 0
    while i < len(heard):
        said = _time(heard, i, context)
        if said:
            clock, after, score = said
            start, end = _own(heard, i, after)
            yield Found(Value(clock.isoformat("minutes"), say_time(clock), score), start, end)
            i = after
        else:
            i += 1


def find_datetimes(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every pair of a day and a time, said in either order; or a distance from now. A time alone is today's,
    or tomorrow's if it is over; a day alone is none."""
    for i in range(len(heard)):
        if ahead := hours_ahead(heard, i):
            moment = context.now + timedelta(minutes=ahead[0])
            yield _moment(moment, context, 0.95, i, ahead[1])
    days, clocks = list(find_dates(heard, context)), list(find_times(heard, context))
    clocks = [clock for clock in clocks if not hours_ahead(heard, clock.start)]
    for day in days:
        for clock in clocks:
            apart = max(clock.start - day.end, day.start - clock.end)
            shared = clock.overlaps(day)
            if shared and not _shared_part(heard, clock, day):
                continue
            moment = datetime.fromisoformat(f"{day.value.value}T{clock.value.value}")
            score = min(day.value.score, clock.value.score) * (1 if apart < 3 else 0.9)
            score = score if moment >= context.now.replace(tzinfo=None) else score / 2
            yield _moment(moment, context, score, day.start, day.end, (clock.start, clock.end))
    for clock in clocks if not days else []:
        at = time.fromisoformat(str(clock.value.value))
        moment = context.now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
        moment += timedelta(days=moment < context.now)
        yield _moment(moment, context, clock.value.score * 0.6, clock.start, clock.end)


def say_time(clock: time) -> str:
    """ "half past ten in the morning" """
    if clock in (time(0), time(12)):
        return "midnight" if clock == time(0) else "noon"
    part = "morning" if clock.hour < 12 else "afternoon" if clock.hour < 18 else "evening"
    hour = say_number((clock.hour - 1) % 12 + 1)
    after = say_number(clock.hour % 12 + 1)
    match clock.minute:
        case 0:
            said = f"{hour} o'clock"
        case 15:
            said = f"quarter past {hour}"
        case 30:
            said = f"half past {hour}"
        case 45 if clock.hour % 12 != 11:
            said = f"quarter to {after}"
        case minute:
            said = f"{hour} {'oh ' if minute < 10 else ''}{say_number(minute)}"
    return f"{said} in the {part}"


def _moment(
    moment: datetime, context: Context, score: float, start: int, end: int, also: tuple[int, int] = (0, 0)
) -> Found:
    moment = moment.replace(tzinfo=None)
    spoken = f"{say_date(moment.date(), context.now.date())} at {say_time(moment.time())}"
    return Found(Value(moment.isoformat(timespec="minutes"), spoken, score), start, end, also)


def _own(heard: Sequence[Token], i: int, after: int) -> tuple[int, int]:
    """The words of a time without those that tell the day as well, "tonight" and "this evening" and
    "tomorrow", if there are others."""
    start = passes(heard, i, *_DAYS)
    start = passes(heard, start, "at", "around", "about") if start > i else start
    for end in range(start + 1, after):
        if has(heard, end, *_DAYS):
            return start, end
    return (start, after) if start < after else (i, after)


def _shared_part(heard: Sequence[Token], clock: Found, day: Found) -> bool:
    """A "tonight" belongs to the day as well as to the time."""
    shared = range(max(clock.start, day.start), min(clock.end, day.end))
    return all(heard[i].word in ("tonight", "this", "morning", "afternoon", "evening") for i in shared)


def _time(heard: Sequence[Token], i: int, context: Context) -> Clock | None:
    now = context.now
    for phrase, clock in FIXED.items():
        if used := has(heard, i, phrase):
            return clock, i + used, 1.0
    if ahead := hours_ahead(heard, i):
        return (now + timedelta(minutes=ahead[0])).time().replace(second=0, microsecond=0), ahead[1], 0.9
    if used := has(heard, i, *AT_ONCE):
        alone = used == len(heard) or used > 3
        return (now.time().replace(second=0, microsecond=0), i + used, 0.7) if alone else None
    if zero := has(heard, i, "oh", "o", "zero"):
        early = _spoken_hour(heard, i + zero)
        minutes = early and early[2] > i + zero + 1
        return (time(early[0], early[1]), early[2], 0.9) if early and minutes and 0 < early[0] < 10 else None
    lead, at = _part(heard, i)
    at = passes(heard, at, "at", "around", "about") if lead else at
    said = _clock(heard, at)
    if said:
        hour, minute, end, score = said
        end = passes(heard, end, "ish", "sharp", "exactly")
        part, after = _part(heard, passes(heard, end, "tomorrow", "today"))
        end = after if part else end
        part = part or lead
        padded = word(heard, at)[:1] == "0" and not part
        moment = _in_day(hour, minute, "am" if padded else part, context.hours)
        if moment is None or (
            score <= FOR and not part and word(heard, at - 1) == "for" and _closed(moment, context)
        ):
            return None
        return moment, end, 1.0 if part else score
    if lead and word(heard, i - 1) != "good":
        return LOOSE[lead][0], at, LOOSE[lead][1]
    if used := has(heard, i, "lunch time", "lunchtime"):
        return time(12, 30), i + used, 0.4
    return None


def _closed(moment: time, context: Context) -> bool:
    """Whether it lies outside of the hours that are likely."""
    return bool(context.hours) and not any(opens <= moment <= closes for opens, closes in context.hours)


def _part(heard: Sequence[Token], i: int) -> tuple[str, int]:
    for phrase, part in PARTS.items():
        if used := has(heard, i, phrase):
            return part, i + used
    return "", i


def _in_day(hour: int, minute: int, part: str, hours: Sequence[tuple[time, time]] = ()) -> time | None:
    """The hour as the part of day has it; without one, as these hours have it, or else business hours."""
    if hour == 24:
        hour = 0
    if hour > 23 or minute > 59:
        return None
    if hour > 12 or hour == 0:
        return time(hour, minute)
    if part == "am":
        return time(hour % 12, minute)
    if part == "pm":
        return time(hour % 12 + 12, minute)
    if part == "evening":
        late = hour % 12 + (12 if 4 <= hour < 12 else 0)
        return time(late, minute)
    likely = [
        moment
        for moment in (time(hour % 12, minute), time(hour % 12 + 12, minute))
        if any(opens <= moment <= closes for opens, closes in hours)
    ]
    return likely[0] if len(likely) == 1 else time(hour % 12 + (0 if 7 <= hour < 12 else 12), minute)


def _clock(heard: Sequence[Token], i: int) -> tuple[int, int, int, float] | None:
    """Hour, minute, the token after, how sure."""
    for reading in (_past_or_to, _written, _spoken_hour):
        if said := reading(heard, i):
            return said
    return None


def _past_or_to(heard: Sequence[Token], i: int) -> tuple[int, int, int, float] | None:
    """half past ten, quarter to four, five to nine, half ten."""
    counted = cardinal(heard, i)
    if used := has(heard, i, "a quarter", "quarter"):
        minutes, at, plain = 15, i + used, True
    elif used := has(heard, i, "half"):
        minutes, at, plain = 30, i + used, True
    elif counted and 0 < counted[0] < 30:
        minutes, at = counted
        named = has(heard, at, *MINUTES)
        plain = named > 0 or (minutes in (5, 10, 20, 25) and word(heard, i - 1) not in ("from", "between"))
        at += named
    else:
        return None
    past = has(heard, at, "past", "after")
    before = has(heard, at, "to", "till", "before", "of", "til")
    if not past and not before:
        hour = _hour(heard, at) if has(heard, i, "half") else None
        later = word(heard, hour[1]) if hour else ""
        return (hour[0], 30, hour[1], 0.7) if hour and hour[0] <= 12 and later not in _COUNTED else None
    hour = _hour(heard, at + 1)
    if not plain or not hour or (word(heard, at) == "of" and minutes not in (5, 10, 15, 20, 25)):
        return None
    if past:
        return hour[0], minutes, hour[1], 0.9
    return (hour[0] - 2) % 12 + 1 if hour[0] <= 12 else hour[0] - 1, 60 - minutes, hour[1], 0.9


def _hour(heard: Sequence[Token], i: int) -> tuple[int, int] | None:
    if used := has(heard, i, "noon", "midday"):
        return 12, i + used
    if used := has(heard, i, "midnight"):
        return 24, i + used
    said = _small(heard, i)
    if not said or not 1 <= said[0] <= 23:
        return None
    return said[0], passes(heard, said[1], "o'clock", "o clock", "oclock")


def _small(heard: Sequence[Token], i: int) -> tuple[int, int] | None:
    """A number of one or two words: hours and minutes follow each other without a joint."""
    name = word(heard, i)
    if name.isdecimal():
        return (int(name), i + 1) if len(name) <= 2 else None
    said = cardinal(heard[: i + (2 if name in TENS and word(heard, i + 1) in ONES else 1)], i)
    return said if said and said[0] < 100 and name != "a" else None


def _written(heard: Sequence[Token], i: int) -> tuple[int, int, int, float] | None:
    """10:30, 10.30, 10 30, 1030, 10h30."""
    name = word(heard, i)
    if not name.isdecimal() or len(name) > 4 or (heard[i].glued and word(heard, i - 1) not in ("t", "-")):
        return None
    sign, minutes = word(heard, i + 1), word(heard, i + 2)
    if sign in (":", ".", "h") and heard[i + 1].glued and len(minutes) == 2 and minutes.isdecimal():
        end = i + 5 if word(heard, i + 3) == ":" else i + 3
        later = word(heard, end) in _MONEY or word(heard, i - 1) in _MONEY
        if later or len(name) > 2 or word(heard, end) == ".":
            return None
        certain = int(name) > 12 or name.startswith("0")
        return int(name), int(minutes), end, 1.0 if certain else 0.9
    if len(name) in (3, 4) and int(name[:-2]) < 24 and int(name[-2:]) < 60:
        lead = word(heard, i - 1) in LEADS or i == 0
        hours = has(heard, i + 1, "hours", "hundred hours", "o'clock")
        plain = hours > 0 or _part(heard, i + 1)[0] != ""
        score = 0.9 if plain else 0.7 if lead and len(heard) == i + 1 else 0.3
        return int(name[:-2]), int(name[-2:]), i + 1 + hours, score
    return None


_DAYS = ("tonight", "this morning", "this afternoon", "this evening", "tomorrow", "today")
_COUNTED = frozenset(
    "people persons person guests adults children kids of nights night days day weeks week months years year"
    " hours hour minutes minute mins min seconds times dollars dollar euros pounds percent hundred thousand"
    " point rooms room dozen bucks cents th st nd rd and oh double degrees / - . ,".split()
)
_AFTER_AN_HOUR = frozenset(
    "please thanks today tomorrow tonight on this next in if or o'clock oclock sharp".split()
)
_MONEY = frozenset("$ £ € dollars dollar pounds euros".split())
_BEFORE = frozenset(
    "for room number extension floor table $ £ € + / - . option : , my us hundred thousand".split()
)


def _spoken_hour(heard: Sequence[Token], i: int) -> tuple[int, int, int, float] | None:
    """four, at four, four o'clock, four oh five, ten thirty, fourteen hundred."""
    said = _small(heard, i)
    if not said or said[0] > 24 or (word(heard, i - 1) in _BEFORE and not _for_an_hour(heard, i, said[1])):
        return None
    hour, end = said
    lead = has(heard, i - 1, *LEADS) > 0 or has(heard, i - 2, "make it", "say") > 0
    lead = lead or has(heard, i - 2, "i do", "we do", "i have", "we have") > 0 or _moved(heard, i)
    if used := has(heard, end, "o'clock", "o clock", "oclock"):
        return (hour, 0, end + used, 0.95) if hour <= 12 else None
    if (hour > 9 or word(heard, i - 1) in ("oh", "o", "zero")) and (
        used := has(heard, end, "hundred hours", "hundred")
    ):
        return hour, 0, end + used, 0.8
    minute = _minute(heard, end)
    if minute:
        clean = word(heard, minute[1]) not in _COUNTED and not _small(heard, minute[1])
        if clean and _small(heard, i - 1) is None:
            return hour, minute[0], minute[1], 0.9 if lead or len(heard) == minute[1] - i else 0.8
        return None
    part = _part(heard, end)[0]
    if (
        word(heard, end) in _COUNTED
        or (_small(heard, end) and not part and not heard[end].paused)
        or _small(heard, i - 1)
    ):
        return None
    alone = len(heard) == end - i + (word(heard, i - 1) == "for")
    score = 0.8 if lead else 0.7 if alone else FOR if word(heard, i - 1) == "for" else 0.3
    return hour, 0, end, score if hour not in (6, 7, 8) else score * 0.9


def _moved(heard: Sequence[Token], i: int) -> bool:
    """Whether the hour at i is one that something is moved to: "move it to nine"."""
    before = {token.word for token in heard[: max(i - 1, 0)]}
    return word(heard, i - 1) == "to" and ("from" in before or bool(before & MOVES))


def _for_an_hour(heard: Sequence[Token], i: int, end: int) -> bool:
    """Whether a number after "for" may be an hour: nothing that is counted follows."""
    if word(heard, i - 1) != "for":
        return False
    if minute := _minute(heard, end):
        return word(heard, minute[1]) not in _COUNTED
    return end >= len(heard) or heard[end].paused or word(heard, end) in _AFTER_AN_HOUR


def _minute(heard: Sequence[Token], i: int) -> tuple[int, int] | None:
    if word(heard, i) in ("oh", "o", "zero"):
        unit = _small(heard, i + 1)
        return unit if unit and unit[0] < 10 else None
    said = _small(heard, i)
    name = word(heard, i)
    if said and said[0] < 60 and (name in TENS or name in TEENS or (name.isdecimal() and len(name) == 2)):
        return said
    return None
