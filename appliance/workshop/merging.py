"""Two changes to one text, made side by side, brought together line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from io import StringIO


def merge(base: str, mine: str, theirs: str) -> str | None:
    """Both changes; None where they touch the same lines, or lines that are neighbours."""
    b, m, t = (StringIO(text).readlines() for text in (base, mine, theirs))
    merged: list[str] = []
    at_b = at_m = at_t = 0
    for same_b, same_m, same_t, length in _unchanged(b, m, t):
        before, one, other = b[at_b:same_b], m[at_m:same_m], t[at_t:same_t]
        if one != other and before not in (one, other):
            return None
        merged += other if one == before else one
        merged += b[same_b : same_b + length]
        at_b, at_m, at_t = same_b + length, same_m + length, same_t + length
    return "".join(merged)


def _unchanged(b: Sequence[str], m: Sequence[str], t: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Stretches of `b` that both have as they were: where in each, and how long; last an empty one at the end
    of all."""
    ones, others = _blocks(b, m), _blocks(b, t)
    i = j = 0
    while i < len(ones) and j < len(others):
        (b1, m1, n1), (b2, t2, n2) = ones[i], others[j]
        start, end = max(b1, b2), min(b1 + n1, b2 + n2)
        if start < end:
            yield start, m1 + start - b1, t2 + start - b2, end - start
        if b1 + n1 < b2 + n2:
            i += 1
        else:
            j += 1
    yield len(b), len(m), len(t), 0


def _blocks(b: Sequence[str], other: Sequence[str]) -> list[tuple[int, int, int]]:
    return [
        (each.a, each.b, each.size) for each in SequenceMatcher(None, b, other, False).get_matching_blocks()
    ]
