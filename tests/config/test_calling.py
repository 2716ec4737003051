"""What a desk file may say of calls and texts."""

from __future__ import annotations

import math

import pytest

from appliance.config.calling import OutboundRules


@pytest.mark.parametrize(
    "told",
    [
        *({"again": (minutes,)} for minutes in (0.5, 20_000.0, math.inf, math.nan)),
        *({"remind": hours} for hours in (-1.0, 1000.0, math.inf, math.nan)),
        {"again": ()},
        {"tries": 0},
    ],
)
def test_times_that_are_none_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="has"):
        OutboundRules(**told)  # type: ignore[arg-type]


def test_the_last_wait_stands_for_those_after() -> None:
    rules = OutboundRules(again=(1, 7 * 24 * 60), remind=24)
    assert [rules.wait(tries).total_seconds() / 60 for tries in (1, 2, 3)] == [1, 10_080, 10_080]
