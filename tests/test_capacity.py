"""How many conversations a box can hold follows from what its engines take, and is never none."""

from __future__ import annotations

import pytest

from appliance import capacity
from appliance.engines.fake import FakeAsr, FakeTts, FakeVad
from appliance.engines.inline import InlineThread


@pytest.mark.parametrize(
    ("load", "cores", "most"),
    [(0.1, 2, 10), (0.5, 2, 2), (0.3, 4, 6), (3.0, 1, 1), (0.0, 4, capacity.MOST)],
)
def test_half_of_the_cores_may_work_for_conversations(load: float, cores: int, most: int) -> None:
    assert capacity.of(load, cores) == most


class Toiling(FakeVad):
    """Speech detection that takes some processor."""

    def stream(self):  # type: ignore[no-untyped-def]
        sum(number * number for number in range(2_000_000))
        return super().stream()


async def test_it_is_measured_on_the_engines_themselves() -> None:
    thread = InlineThread()
    quick = await capacity.measure((FakeVad(), thread), (FakeAsr(), thread), (FakeTts(), thread))
    slow = await capacity.measure((Toiling(), thread), (FakeAsr(), thread), (FakeTts(), thread))
    assert slow.load > quick.load
    assert 1 <= slow.conversations <= quick.conversations <= capacity.MOST
