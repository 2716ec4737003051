"""The words of an utterance where they stand, so that a slot knows which of them it took."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache

LONGEST = 500
"""Characters of an utterance that are read."""

COUNTRY = "US"
"""Two letters: of callers whose country nothing tells."""

FILLERS = frozenset("um uh er erm hmm hm mm ah eh".split())

SWEARING = frozenset("fucking fuckin fuck damn dammit goddamn bloody shit crap".split())
"""What tells nothing either, nor does an "it" after it."""

CORRECTIONS = (
    ("no", "sorry"), ("no", "wait"), ("no", "i", "mean"), ("i", "mean"), ("i", "meant"), ("make", "that"),
    ("scratch", "that"), ("or", "rather"), ("sorry",), ("actually",), ("wait",), ("rather",), ("no",),
    ("correction",),
)  # fmt: skip
"""Words after which a caller says it anew."""

_TOKEN = re.compile(r"[0-9]+|[^\W\d_]+(?:'[^\W\d_]+)*'?|[$£€@%+#&*_/:.,\-()]")
_APOSTROPHES = str.maketrans("’‘`´", "''''")


@dataclass(frozen=True, slots=True)
class Token:
    word: str
    """Lower case."""
    text: str
    """As it was written."""
    start: int
    """Its first character in the text."""
    glued: bool
    """Whether nothing stands between it and the token before."""
    paused: bool = False
    """Whether a comma or a full stop stands before it."""
    hyphen: bool = False
    """Whether nothing but a hyphen stands between it and the token before."""

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Value:
    """What a slot holds."""

    value: str | int | float | bool
    """ISO 8601 for dates, times and durations; digits for phones, with + where the country is known; plain
    text else."""
    spoken: str
    """How the desk reads it back."""
    score: float
    """0 to 1: how sure it is. Below 0.5 the caller should be asked."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is known when something is said."""

    now: datetime
    options: tuple[str, ...] = ()
    """The names or choices that can be meant; empty where anything can."""
    country: str = COUNTRY
    """Two letters: the order of day and month, the money, the phone numbers."""
    least: float | None = None
    most: float | None = None
    weekdays: frozenset[int] = frozenset()
    """The days of the week that are likely, 0 being Monday; empty where any is."""
    counts: bool | None = None
    """Of a number: whether it tells how many, or which one, as a room; None where that is not known."""
    nouns: frozenset[str] = frozenset()
    """Words that stand beside a number that is meant: "room", "guests"."""
    moved: bool = False
    """Whether it is where something is moved to: "from Thursday to Tuesday" then tells that."""
    hours: tuple[tuple[time, time], ...] = ()
    """When a time is likely to be meant: from 18:00 to 22:00 "half past seven" is in the evening."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the tokens that said it."""

    value: Value
    start: int
    end: int
    also: tuple[int, int] = (0, 0)
    """A second stretch, of a date and a time that stand apart."""

    def overlaps(self, other: Found) -> bool:
        mine = [(self.start, self.end), self.also]
        others = [(other.start, other.end), other.also]
        return any(a < d and c < b for a, b in mine for c, d in others)


def tokens(text: str, fillers: bool = False) -> list[Token]:
    """The tokens of a text: words, numbers, and signs only where they join or mark what they touch; an "um",
    or swearing, only where `fillers` are wanted."""
    text = text[:LONGEST].translate(_APOSTROPHES)
    found: list[Token] = []
    swears = False
    for match in _TOKEN.finditer(text):
        sign = not match[0][0].isalnum()
        if sign and match[0] in ":.,-/_" and not _joins(text, match):
            continue
        plain = match[0].lower()
        sworn, swears = swears, plain in SWEARING
        idle = plain in FILLERS or swears or (sworn and plain == "it")
        if match[0] in "()" or (not fillers and idle):
            continue
        before = found[-1].end if found else 0
        glued = bool(found) and before == match.start()
        between = text[before : match.start()]
        paused = any(c in ",.;?!" for c in between)
        said = match[0].rstrip("'")
        found.append(Token(said.lower(), said, match.start(), glued, paused, between in ("-", "‑")))
    return found


def words(heard: Sequence[Token], i: int, count: int) -> tuple[str, ...]:
    """The `count` words from i on; fewer at the end."""
    return tuple(token.word for token in heard[max(i, 0) : i + count])


def word(heard: Sequence[Token], i: int) -> str:
    """The word at i; "" outside the text."""
    return heard[i].word if 0 <= i < len(heard) else ""


def has(heard: Sequence[Token], i: int, *phrases: str) -> int:
    """How many tokens the first of these phrases takes at i; 0 where none stands there."""
    first = word(heard, i)
    for phrase in phrases:
        parts = _split(phrase)
        if parts[0] == first and (len(parts) == 1 or words(heard, i, len(parts)) == parts):
            return len(parts)
    return 0


@cache
def _split(phrase: str) -> tuple[str, ...]:
    return tuple(phrase.split())


def passes(heard: Sequence[Token], i: int, *phrases: str) -> int:
    """i, moved on over the first of these phrases if one stands there."""
    return i + has(heard, i, *phrases)


def corrections(heard: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Where a caller corrects herself: the first token of the marker and the one after its last."""
    i = 0
    while i < len(heard):
        used = next((len(marks) for marks in CORRECTIONS if words(heard, i, len(marks)) == marks), 0)
        if (
            used
            and word(heard, i) == "no"
            and word(heard, i + 1) in ("one", "problem")
            and not heard[i + 1].paused
        ):
            used = 0
        if word(heard, i) == "rather" and word(heard, i + 1) == "than":
            used = 0
        if used:
            yield i, i + used
        i += used or 1


def _joins(text: str, sign: re.Match[str]) -> bool:
    before = text[sign.start() - 1 : sign.start()]
    after = text[sign.end() : sign.end() + 1]
    if sign[0] == "-":
        return after.isdigit() and not before.isalpha()
    return before.isalnum() and after.isalnum() and (sign[0] != "," or (before.isdigit() and after.isdigit()))
