"""How long answers took, in buckets that may be added up: so any percentile over any group of boxes and any
stretch of time is right, to within a percent."""

from __future__ import annotations

import math
from collections.abc import Mapping

STEP = 1.02
"""What each bucket's bounds are to the bucket's before: a percentile is off by 1 % at the most."""


def bucket(milliseconds: float) -> int:
    return 0 if milliseconds <= 1 else math.ceil(math.log(milliseconds, STEP))


def middle(number: int) -> float:
    """Milliseconds that stand for a bucket."""
    return STEP ** (number - 0.5) if number else 1.0


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """Milliseconds that `share` of all (0 to 1) did not exceed; None where there are none."""
    wanted = math.ceil(share * sum(counts.values()))
    seen = 0
    for number in sorted(counts):
        seen += counts[number]
        if seen >= max(1, wanted):
            return middle(number)
    return None
