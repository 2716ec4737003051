"""What is given up for what stands instead: "from Thursday to Tuesday", "not Thursday", "instead of ten"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from appliance.slots.lexer import Found, Token, word
from appliance.slots.names import TITLES

MOVES = frozenset(
    "move moved moving change changed changing reschedule rescheduling shift shifting switch switching swap"
    " swapping transfer postpone postponing put push bring pull".split()
)
"""Words of who moves something."""

PLAINLY = MOVES - frozenset("put push bring pull".split())
"""Those that nothing else is said with: "put it back to ten" is about no value before it."""

BETWEEN = frozenset("on at the a for room number badge table floor in".split())
"""What may stand between a "not" and what is refused."""

TO = frozenset("to onto into until till for".split())


def standing(heard: Sequence[Token], found: Sequence[Found]) -> list[Found]:
    """Those that the caller does not refuse or move away from."""
    kept = [each for each in found if not (_refused(heard, each) or _left(heard, each))]
    return [each for each in kept if not any(_gives_way(heard, each, other) for other in kept)]


def moves(text: str) -> Iterator[tuple[str, str]]:
    """The words for where something is moved from and to, in each way in which they may be told apart."""
    for match in re.finditer(r"\b(?:from|change|move|switch|swap)\b", text, re.IGNORECASE):
        rest = text[match.end() :]
        for to in re.finditer(r"\b(?:to|onto|into)\b", rest, re.IGNORECASE):
            away, there = rest[: to.start()].strip(" ,"), rest[to.end() :].strip(" ,")
            if away and there:
                yield away, there


def _left(heard: Sequence[Token], found: Found) -> bool:
    """Whether it stands where something is moved from: between that "from" and a "to", or right after it."""
    verb = next((i for i, token in enumerate(heard) if token.word in MOVES), len(heard))
    start = next((i + 1 for i in range(verb, len(heard)) if heard[i].word == "from"), len(heard))
    for i in range(start + 1, len(heard)):
        if heard[i].word in TO and word(heard, i - 1) != "quarter":
            return start <= found.start and found.end <= i
    while word(heard, start) in BETWEEN:
        start += 1
    return found.start == start


def _gives_way(heard: Sequence[Token], found: Found, other: Found) -> bool:
    """Whether it is moved to the other: "change Thursday to Friday"."""
    between = range(found.end, other.start)
    to = next((i for i in between if heard[i].word in ("to", "onto", "into")), None)
    return (
        to is not None
        and other.start - to <= 3
        and to - found.end <= 2
        and any(token.word in PLAINLY for token in heard[: found.start])
        and not any(token.word in ("to", "from") for token in heard[: found.start])
    )


def _refused(heard: Sequence[Token], found: Found) -> bool:
    """Whether the caller says that it is not this: "not Tuesday", "instead of Tuesday"."""
    at = found.start - 1
    while word(heard, at) in BETWEEN or word(heard, at) in TITLES:
        at -= 1
    before = word(heard, at)
    if before == "but" and word(heard, at - 1) in ("anything", "any", "day", "time", "anyone", "anybody"):
        return True
    instead = (word(heard, at - 1), before) in (("instead", "of"), ("rather", "than"))
    return instead or before in ("not", "isn't", "never", "except")
