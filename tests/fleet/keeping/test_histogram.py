"""Percentiles over any group."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as some

from appliance.fleet.keeping import histogram


@given(
    some.lists(some.integers(1, 120_000), min_size=1, max_size=300), some.integers(1, 5), some.floats(0.01, 1)
)
def test_a_percentile_of_groups_added_up_is_that_of_all(waits: list[int], groups: int, share: float) -> None:
    parts = [Counter(map(histogram.bucket, waits[start::groups])) for start in range(groups)]
    found = histogram.percentile(sum(parts, Counter()), share)
    true = sorted(waits)[max(0, -int(-share * len(waits) // 1) - 1)]
    assert found is not None
    assert abs(found - true) <= 0.011 * true + 1
