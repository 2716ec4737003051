"""What a caller tells: days, times, numbers, names. Each kind is read by its own grammar from what was heard,
punctuated or not, and is said back in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from appliance.slots.acts import act
from appliance.slots.dates import find_dates
from appliance.slots.durations import find_durations
from appliance.slots.emails import find_emails
from appliance.slots.lexer import LONGEST, Context, Found, Token, Value, corrections, has, tokens, words
from appliance.slots.moving import standing
from appliance.slots.names import UNDECIDED, find_choices, find_names, place
from appliance.slots.numbers import find_money, find_numbers
from appliance.slots.phones import find_phones
from appliance.slots.sounds import find_misheard_days
from appliance.slots.spelling import amended, find_codes, find_spelled
from appliance.slots.times import find_datetimes, find_times

__all__ = ["KINDS", "Context", "Value", "chosen", "find", "parse", "several", "warm"]

Finder = Callable[[Sequence[Token], Context], Iterator[Found]]

FINDERS: dict[str, Finder] = {
    "date": find_dates,
    "time": find_times,
    "datetime": find_datetimes,
    "duration": find_durations,
    "number": find_numbers,
    "money": find_money,
    "phone": find_phones,
    "name": find_names,
    "email": find_emails,
    "spelled": find_spelled,
    "code": find_codes,
    "choice": find_choices,
}
KINDS: tuple[str, ...] = (*FINDERS, "yes_no", "text")

AMENDED = ("phone", "code", "spelled")
"""Kinds that are said sign by sign: a correction stands for the last signs, not for the whole."""

POLITE = frozenset(
    "please thanks thank you yes yeah yep ok okay well so it's its that's that is i i'd i'll like think"
    " guess maybe probably would be fine good great best let's say perhaps then sir ma'am and but".split()
)
"""Words around a value that say nothing of it."""

CUES = {
    "phone": ("number", "phone", "call", "mobile", "cell", "telephone", "reach", "on"),
    "number": ("for", "are", "of"),
    "money": ("costs", "cost", "price", "paid", "pay", "about"),
    "code": ("code", "reference", "booking", "confirmation"),
    "spelled": ("spelled", "spelt"),
}
"""Words before a value that tell which kind it is, where several are wanted."""

EARLIER = frozenset("earlier earliest sooner soonest".split())
LATER = frozenset("later latest".split())

EITHER = frozenset("either both any whichever whatever".split())
MOST_ASKED = 3
"""Values that the caller can be asked to choose between."""

SAID_WITH_NUMBERS = ("date", "time", "datetime", "duration")
"""Kinds that are said with numbers in them."""
PLAINLY, MARGIN = 0.6, 0.05
"""How sure such a one must be for a number in it to yield, and by how much."""

_STEPS = 20_000
"""Ways of sharing words out that are tried."""


def parse(kind: str, text: str, context: Context) -> Value | None:
    """What the text tells of that kind; None where it tells none, the best where several. What is said after
    a correction ("Tuesday, no, Wednesday") goes before; two that contradict each other lower the score, and
    options that fit alike have less than 0.5. Takes the first 500 characters. Raises KeyError for an unknown
    kind."""
    text = text[:LONGEST]
    if kind == "text":
        plain = " ".join(text.split())
        return Value(plain, plain, 0.9) if any(c.isalnum() for c in plain) else None
    if kind == "yes_no":
        return _yes_no(text)
    heard = tokens(text)
    if kind in AMENDED:
        heard = [token for token in heard if token.word not in ("please", "thanks")]
        changed = amended(heard)
        best = _best(FINDERS[kind], changed, context)
        return replace(best, score=best.score * 0.8) if best and len(changed) < len(heard) else best
    for _, end in reversed(list(corrections(heard))[-3:]):
        if anew := _best(FINDERS[kind], _core(heard[end:]), context):
            return replace(anew, score=anew.score * 0.95)
    if kind == "name":
        return _best(FINDERS[kind], heard, context)
    best = _best(FINDERS[kind], _core(heard), context) or _instead(FINDERS[kind], heard, context)
    return best if best or kind != "date" else _best(find_misheard_days, _core(heard), context)


def several(kind: str, text: str, context: Context) -> tuple[Value, ...]:
    """The values between which the text leaves it open which is meant: both of "tomorrow or Thursday", and of
    "Tom" all who are called so. Empty where it does not."""
    if kind not in FINDERS:
        return ()
    heard = tokens(text[:LONGEST])
    heard = heard[max((end for _, end in corrections(heard)), default=0) :]
    found = standing(heard, list(FINDERS[kind](heard, context)))
    best = max(found, key=lambda each: each.value.score, default=None)
    if best is None:
        return ()
    tied = [best]
    if kind in ("name", "choice") and best.value.score <= UNDECIDED:
        tied = [each for each in found if each.overlaps(best) and each.value.score == best.value.score]
    if len(tied) < 2:
        listed = kind in ("name", "choice") and bool(context.options)
        pairs = [pair for pair in pairwise(_apart(found)) if _either(heard, *pair, kind, listed)]
        tied = [each for pair in pairs for each in pair]
    values = {each.value.value: replace(each.value, score=UNDECIDED) for each in tied}
    return tuple(values.values())[:MOST_ASKED] if len(values) > 1 else ()


def chosen(kind: str, text: str, context: Context, values: Sequence[Value]) -> Value | None:
    """Which of a few values that were named to the caller: by a word that only one of them has, by its place
    ("the first one"), or said again. "Either" is the first."""
    heard = tokens(text[:LONGEST])
    said = {token.word for token in heard}
    own = [
        set(_plain(value)) - {w for other in values if other is not value for w in _plain(other)}
        for value in values
    ]
    named = [value for value, words in zip(values, own, strict=True) if said & words]
    if len(named) == 1 and not any(token.word == "not" for token in heard):
        return named[0]
    if refused := [value for value in values if value not in _left_over(heard, values, own)]:
        left = [value for value in values if value not in refused]
        return left[0] if len(left) == 1 else None
    if kind in ("name", "choice"):
        context = replace(context, options=tuple(str(value.value) for value in values))
    again = parse(kind, text, context)
    sure = again and (kind not in ("name", "choice") or again.score > UNDECIDED)
    if match := next((value for value in values if sure and again and value.value == again.value), None):
        return match
    if kind in ("date", "time", "datetime"):
        early, late = said & EARLIER, said & LATER
        if bool(early) != bool(late):
            return (min if early else max)(values, key=lambda value: str(value.value))
    pointed = [i for i in range(len(heard)) if "not" not in words(heard, i - min(i, 2), min(i, 2))]
    if places := [at for i in pointed if (at := place(heard, i, len(values)))]:
        return values[places[0][0]]
    return values[0] if said & EITHER else None


def _left_over(heard: Sequence[Token], values: Sequence[Value], own: Sequence[set[str]]) -> list[Value]:
    """Those whose words do not follow a "not": "not Becker, the other one"."""
    nots = [i for i, token in enumerate(heard) if token.word in ("not", "isn't", "except")]
    refused = {token.word for i in nots for token in heard[i + 1 : i + 4]}
    return [value for value, words in zip(values, own, strict=True) if not words & refused]


def _apart(found: Sequence[Found]) -> list[Found]:
    """The surest of those that overlap, in the order in which they were said."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda each: -each.value.score):
        if not any(each.overlaps(other) for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda each: each.start)


def _either(heard: Sequence[Token], first: Found, second: Found, kind: str, listed: bool) -> bool:
    """Whether an "or" stands between the two; or, where one of a list is wanted, an "and", and where one day
    is, "from" and "to"."""
    between = [token.word for token in heard[first.end : second.start]]
    stretch = kind == "date" and has(heard, first.start - 1, "from") > 0 and between in (["to"], ["until"])
    joined = "or" in between or (listed and "and" in between) or stretch
    return joined and len(between) <= 4 and first.value.value != second.value.value


def _plain(value: Value) -> list[str]:
    return [token.word for token in tokens(f"{value.value} {value.spoken}")]


def find(
    kinds: Mapping[str, str], text: str, context: Context, contexts: Mapping[str, Context] | None = None
) -> dict[str, Value]:
    """What one sentence tells of several slots, by the slot's name. No word is used twice; of all ways to
    share them out the surest. `kinds` says which kind each slot is; `contexts` holds the slots whose context
    is not `context`. Free text and yes or no are taken only where they are the one thing wanted."""
    if len(kinds) == 1:
        name, kind = next(iter(kinds.items()))
        value = parse(kind, text, (contexts or {}).get(name, context))
        return {name: value} if value else {}
    heard = tokens(text[:LONGEST])
    found = {
        name: _weighed(kind, FINDERS[kind](heard, (contexts or {}).get(name, context)), heard)
        for name, kind in kinds.items()
        if kind in FINDERS
    }
    rivals = [each for name, every in found.items() if kinds[name] in SAID_WITH_NUMBERS for each in every]
    named = []
    for name, every in found.items():
        if kinds[name] == "number":
            every = [_yielding(each, rivals) for each in every]
        surest = sorted(every, key=lambda each: -each.value.score)[:6]
        named.append((name, sorted(surest, key=lambda each: each.start)))
    return _shared_out(named)


def _yielding(number: Found, rivals: Sequence[Found]) -> Found:
    """A number that is also the hour of a time, or the count of a distance, is rather that."""
    scores = [each.value.score for each in rivals if each.overlaps(number) and each.value.score >= PLAINLY]
    score = min([number.value.score, *(score - MARGIN for score in scores)])
    return replace(number, value=replace(number.value, score=score))


def _instead(finder: Finder, heard: Sequence[Token], context: Context) -> Value | None:
    """What follows a value that is refused: "not four five"."""
    for i in (n for n, token in enumerate(heard[:20]) if token.word == "not"):
        for cut in range(i + 2, min(i + 6, len(heard))):
            if _best(finder, heard[i + 1 : cut], context) and (value := _best(finder, heard[cut:], context)):
                return replace(value, score=value.score * 0.8)
    return None


def warm(now: datetime) -> None:
    """Load what the first caller would wait for: the plans of telephone numbers, the matching of names."""
    parse("phone", "212 555 0142", Context(now))
    parse("name", "jonson", Context(now, ("Dr Johnson",)))


def _yes_no(text: str) -> Value | None:
    said, rest = act(text)
    if said == "yes":
        return Value(True, "yes", 0.8 if rest else 1.0)
    if said == "no":
        return Value(False, "no", 0.8 if rest else 1.0)
    return Value(False, "no", 0.5) if said == "correct" and text.lower().lstrip().startswith("no") else None


def _core(heard: Sequence[Token]) -> list[Token]:
    """The tokens without politeness at both ends."""
    start, end = 0, len(heard)
    while start < end and heard[start].word in POLITE:
        start += 1
    while end > start and heard[end - 1].word in POLITE:
        end -= 1
    return list(heard[start:end] if start < end else heard)


def _best(finder: Finder, heard: Sequence[Token], context: Context) -> Value | None:
    found = standing(heard, list(finder(heard, context)))
    if not found:
        return None
    best = max(found, key=lambda each: each.value.score)
    others = [
        each
        for each in found
        if each.value.value != best.value.value
        and not each.overlaps(best)
        and each.value.score > best.value.score - 0.25
    ]
    return replace(best.value, score=best.value.score * 0.6) if others else best.value


def _weighed(kind: str, found: Iterator[Found], heard: Sequence[Token]) -> list[Found]:
    """The values with what stands around them taken into account."""
    every = standing(heard, list(found))
    marks = [end for _, end in corrections(heard)]
    weighed = []
    for each in every:
        score = each.value.score
        if any(each.end <= mark <= other.start for mark in marks for other in every):
            score *= 0.3
        if has(heard, each.start - 1, *CUES.get(kind, ())) or has(heard, each.start - 2, *CUES.get(kind, ())):
            score += 0.1
        length = (each.end - each.start + each.also[1] - each.also[0]) / 100
        weighed.append(replace(each, value=replace(each.value, score=min(score + length, 1.5))))
    return weighed


def _shared_out(named: Sequence[tuple[str, list[Found]]]) -> dict[str, Value]:
    """The way to give each slot one of its values, none overlapping, that has the greatest total."""
    best: dict[str, Found] = {}
    most = 0.0
    steps = _STEPS
    hopes = [max((each.value.score for each in found), default=0.0) for _, found in named]

    def go(n: int, taken: dict[str, Found], total: float) -> None:
        nonlocal best, most, steps
        steps -= 1
        if n == len(named):
            if total > most + 1e-6:
                best, most = dict(taken), total
            return
        if steps < 0 or total + sum(hopes[n:]) <= most + 1e-6:
            return
        name, found = named[n]
        for each in found:
            if not any(each.overlaps(other) for other in taken.values()):
                go(n + 1, {**taken, name: each}, total + each.value.score)
        go(n + 1, taken, total)

    go(0, {}, 0.0)
    return {name: replace(each.value, score=min(each.value.score, 1.0)) for name, each in best.items()}
