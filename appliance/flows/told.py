"""What a caller's words tell a form: values for its slots, and the wish to change one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from appliance.config import Ask, DeskFile
from appliance.config.hours import WEEKDAYS, Stretch, stretch
from appliance.flows.state import Form
from appliance.slots import Context, Value, find, parse, several
from appliance.slots.moving import moves

SURE = 0.6
"""A value less certain than this is read back even where the desk file does not ask for it."""

UNASKED = 0.75
"""A value that nobody asked for counts without being read back only if it is at least so certain."""

LEAST = 0.3
"""Below it there is no value."""

PLAIN = frozenset({"date", "time", "datetime", "duration", "phone", "email", "money"})
"""Kinds that are hardly heard where they were not said."""

LISTED = frozenset({"name", "choice"})

SHORT = 4
"""Words of a "no, Friday" that corrects an answer given before, though anything would answer the question."""

LONGEST_WISH = 200
"""Characters of a wish to change something."""

Told = Mapping[str, tuple[Value, ...]]
"""By slot: the value, or those between which it stays open which is meant."""

CALLED: Mapping[str, tuple[str, ...]] = {
    "date": ("day", "date"), "time": ("time", "hour"), "datetime": ("time", "day", "date"),
    "phone": ("phone number", "telephone number", "number", "phone"), "name": ("name",),
    "email": ("email address", "e-mail address", "email", "e-mail", "address"), "number": ("number",),
    "money": ("amount", "price"), "duration": ("length", "duration"),
    "code": ("code", "reference", "number"), "spelled": ("spelling",),
}  # fmt: skip
"""What people call a slot by its type."""

MOVE = "calendar.move"
"""The action whose flow asks where to."""

COUNTS = frozenset(
    "people persons guests party size seats covers adults children nights count quantity amount pieces copies"
    " tickets bags hours minutes days".split()
)
"""What a slot is called whose number tells how many."""

_GAP = r"[\s,.;:!?]+"
_BEFORE = (
    r"(?:(?:please|no|nope|sorry|actually|wait|oh|um|uh|well|okay|ok|but|and|can|could|may|we|i|you|want|need|would"
    r"|i'd|like|have|had|let's|let|me|us|to|just|rather|better|that's|thats|it's|its|that|this|it|is|was|you've|got)"
    rf"{_GAP})*"
)
_AFTER = rf"(?:{_GAP}(?:please|again|instead|thanks|thank{_GAP}you|now|though))*[\s.!?]*"


def context(desk: DeskFile, ask: Ask, form: Form | None, now: datetime) -> Context:
    """What is known when an answer to this question is read."""
    options = ask.options or (desk.people() if ask.directory else ())
    week = _week(desk, ask)
    weekdays = frozenset(day for day, hours in week.items() if hours) if ask.type == "date" else frozenset()
    hours: tuple[Stretch, ...] = ()
    if ask.between:
        hours = (stretch(ask.between),)
    elif ask.type in ("time", "datetime"):
        day = _day(form)
        hours = tuple(
            each
            for weekday, those in week.items()
            for each in those
            if day is None or weekday == day.weekday()
        )
    counts = _counts(ask) if ask.type == "number" else None
    nouns = frozenset(f"{ask.slot} {ask.label}".lower().replace("_", " ").split())
    flow = desk.flow.get(form.flow) if form else None
    moved = bool(flow and flow.do and flow.do.action == MOVE)
    return Context(now, options, weekdays=weekdays, moved=moved, hours=hours, counts=counts, nouns=nouns)


def tell(
    asks: Sequence[Ask], text: str, contexts: Mapping[str, Context], now: datetime
) -> dict[str, tuple[Value, ...]]:
    """What the text tells of these slots."""
    kinds = {ask.slot: ask.type for ask in asks if ask.type != "text"}
    if not kinds:
        return {}
    found = find(kinds, text, Context(now), contexts)
    told: dict[str, tuple[Value, ...]] = {slot: (value,) for slot, value in found.items()}
    for ask in asks:
        listed = ask.type in LISTED
        if listed and any(kinds[slot] in LISTED for slot in found if slot != ask.slot):
            continue
        if (listed and contexts[ask.slot].options) or ask.type in PLAIN:
            taken = {value.value for slot, value in found.items() if slot != ask.slot}
            context = contexts[ask.slot]
            open_ = tuple(value for value in several(ask.type, text, context) if value.value not in taken)
            if len(open_) > 1:
                told[ask.slot] = _whereto(open_, text, context)
    return told


def _whereto(values: tuple[Value, ...], text: str, context: Context) -> tuple[Value, ...]:
    """Of several, the one to which something is moved, if that is told; else all of them."""
    if context.moved and any(moves(text)) and " or " not in text:
        return (replace(values[-1], score=SURE),)
    return values


def answer(ask: Ask, text: str, context: Context) -> tuple[Value, ...]:
    """What the text tells of the one slot that was asked for."""
    if len(values := several(ask.type, text, context)) > 1:
        return _whereto(values, text, context)
    value = parse(ask.type, text, context)
    return (value,) if value and value.score >= LEAST and fits(ask, value) else ()


def going_on(
    ask: Ask, first: Value, text: str, alone: tuple[Value, ...], context: Context
) -> tuple[Value, ...]:
    """A number that is said in pieces: with what was heard of it before, unless that or the text alone is a
    number, or the text begins anew. Seven digits may be a number of this place, or begin a longer one."""
    begun = str(first.value)
    whole = first.score >= SURE and (ask.type != "phone" or begun.startswith("+"))
    anew = bool(alone) and str(alone[0].value).startswith(begun)
    if ask.type not in ("phone", "code") or whole or sureness(alone) >= SURE or anew:
        return alone
    longer = answer(ask, f"{begun} {text}", context)
    return longer if longer and str(longer[0].value) != begun else alone


def fits(ask: Ask, value: Value) -> bool:
    """Whether it is as long as it should be. A phone number may come with or without its country."""
    length = sum(c.isalnum() for c in str(value.value))
    return ask.length is None or ask.type == "phone" or length == ask.length


def captured(
    asks: Sequence[Ask], words: Mapping[str, str], told: Told, contexts: Mapping[str, Context]
) -> dict[str, tuple[Value, ...]]:
    """What a phrase's slots caught; nothing of it is another slot's of the same kind."""
    caught = {
        ask.slot: values
        for ask in asks
        if ask.slot in words and (values := answer(ask, words[ask.slot], contexts[ask.slot]))
    }
    kinds = {ask.slot: ask.type for ask in asks}
    same = {(kinds[slot], value.value) for slot, values in caught.items() for value in values}
    rest = {
        slot: values
        for slot, values in told.items()
        if not any((kinds[slot], value.value) in same for value in values)
    }
    return {**rest, **caught}


def trusted(asks: Iterable[Ask], told: Told, contexts: Mapping[str, Context]) -> dict[str, tuple[Value, ...]]:
    """Of what nobody asked for, what may be believed or is worth asking about."""
    return {
        ask.slot: told[ask.slot]
        for ask in asks
        if ask.slot in told and _believable(ask, told[ask.slot], contexts[ask.slot])
    }


def wish(asks: Sequence[Ask], form: Form, text: str, bare: bool) -> tuple[Ask, str] | None:
    """The slot that the caller wants changed, and to what if that was said: "change the day", "the time is
    wrong", "change the reason to a cold". `bare`: the slot's name alone says so."""
    if len(text) > LONGEST_WISH:
        return None
    filled = [ask for ask in asks if ask.slot in form.slots or ask.slot in form.doubts]
    for ask, named in _names(filled):
        for pattern in _wishes(named, bare):
            if match := re.fullmatch(pattern, text.strip(), re.IGNORECASE):
                return ask, (match.groupdict().get("to") or "").strip()
    return None


def moved(
    asks: Sequence[Ask], form: Form, text: str, contexts: Mapping[str, Context]
) -> tuple[Ask, str] | None:
    """The slot that the caller moves "from" what it holds, and to what: "from Thursday to Tuesday". From
    what none holds, nothing is moved: "from nine to five"."""
    for away, to in moves(text[:LONGEST_WISH]):
        for ask in asks:
            held = form.slots.get(ask.slot)
            if held is None or ask.type == "text" or not answer(ask, to, contexts[ask.slot]):
                continue
            if [value.value for value in answer(ask, away, contexts[ask.slot])] == [held.value]:
                return ask, to
    return None


def differs(form: Form, slot: str, values: tuple[Value, ...]) -> bool:
    return len(values) > 1 or slot not in form.slots or form.slots[slot].value != values[0].value


def sureness(values: tuple[Value, ...] | None) -> float:
    """How sure it is; several to choose from are as good as sure."""
    return 0.0 if not values else 1.0 if len(values) > 1 else values[0].score


def _believable(ask: Ask, values: tuple[Value, ...], context: Context) -> bool:
    if not fits(ask, values[0]):
        return False
    return len(values) > 1 or values[0].score >= _floor(ask, context)


def _floor(ask: Ask, context: Context) -> float:
    return SURE if ask.type in PLAIN or (ask.type in LISTED and context.options) else UNASKED


def _names(asks: Sequence[Ask]) -> Iterator[tuple[Ask, str]]:
    """What each slot is called: by its name or label, or by its type where it is the only one of it."""
    for ask in asks:
        yield ask, ask.slot.replace("_", " ")
        if ask.label:
            yield ask, ask.label
    own = {ask.slot.replace("_", " ") for ask in asks}
    for ask in asks:
        for name in CALLED.get(ask.type, ()):
            others = [each for each in asks if each is not ask and name in CALLED.get(each.type, ())]
            if not others and name not in own:
                yield ask, name


def _wishes(named: str, bare: bool) -> Iterator[str]:
    slot = re.escape(named).replace(r"\ ", _GAP)
    the = rf"(?:(?:the|my|that|your|this){_GAP})?"
    to = rf"(?:{_GAP}(?:to|into){_GAP}(?P<to>.+?))?"
    verb = rf"(?:change|correct|fix|redo|alter|edit|update|go{_GAP}back{_GAP}to|back{_GAP}to)"
    yield rf"{_BEFORE}{verb}{_GAP}{the}{slot}{to}{_AFTER}"
    wrong = rf"(?:wrong|incorrect|not{_GAP}right|not{_GAP}correct)"
    yield rf"{_BEFORE}(?:the|my|that|your){_GAP}{slot}{_GAP}(?:is|was){_GAP}{wrong}{_AFTER}"
    yield rf"{_BEFORE}(?:(?:the|a|an){_GAP})?(?:wrong|different|another|other){_GAP}{slot}{_AFTER}"
    if bare:
        is_ = rf"(?:{_GAP}(?:(?:is|to|should{_GAP}be|into|at|on|for){_GAP})?(?P<to>.+?))?"
        alone = rf"{_BEFORE}(?:(?:the|my|your){_GAP})?{slot}"
        yield rf"{alone}{_AFTER}"
        yield rf"{alone}{is_}{_AFTER}"


def _counts(ask: Ask) -> bool:
    """Whether a number tells how many; else it tells which one."""
    named = f"{ask.slot} {ask.label}".lower().replace("_", " ").split()
    return "how many" in ask.prompt.lower() or bool(COUNTS & set(named))


def _week(desk: DeskFile, ask: Ask) -> dict[int, tuple[Stretch, ...]]:
    """When an answer is likely, by weekday: when appointments can be had, where it is looked up there, or
    else when the desk is open."""
    own = desk.actions.get("calendar", {}).get("hours") if ask.check.startswith("calendar.") else None
    if isinstance(own, Mapping):
        try:
            return {WEEKDAYS.index(day.lower()): tuple(map(stretch, own[day])) for day in own}
        except (TypeError, ValueError):
            return {}
    return {day: desk.hours.on(day) for day in range(7)} if desk.hours else {}


def _day(form: Form | None) -> date | None:
    """The day that the form is about, if it is about one."""
    days = []
    for value in form.slots.values() if form else ():
        try:
            days.append(date.fromisoformat(str(value.value)))
        except ValueError:
            continue
    return days[0] if len(days) == 1 else None
