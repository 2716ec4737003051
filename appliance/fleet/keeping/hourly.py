"""Sums of an hour for each box, of what is counted and measured: what its curves are drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

HOUR = 3_600_000

FAILED = ("failed", "crash")
"""Outcomes of calls that went wrong."""

MEASURED = ("temperature", "cpu", "memory")
"""Of health, as `telemetry/schemas/health.json` has it."""

CALLS = "failed"
"""Of each call, 1 if it failed and 0 if not: so its sum is how many failed of `n`."""

KEEP = """insert into hourly (at, box, what, n, total, most) values (?, ?, ?, ?, ?, ?)
    on conflict (at, box, what) do update
        set n = hourly.n + excluded.n, total = hourly.total + excluded.total,
            most = case when excluded.most > hourly.most then excluded.most else hourly.most end"""


class Hours:
    """What a batch adds. What comes late counts in its own hour."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int, str], tuple[int, float, float]] = {}

    def add(self, box: int, at: int, kind: str, data: Mapping[str, Any]) -> None:
        for what, value in _values(kind, data):
            key = at // HOUR * HOUR, box, what
            n, total, most = self._sums.get(key, (0, 0.0, value))
            self._sums[key] = n + 1, total + value, max(most, value)

    def rows(self) -> list[tuple[Any, ...]]:
        """For KEEP."""
        return [(*key, *sums) for key, sums in self._sums.items()]


def _values(kind: str, data: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    if kind == "call":
        yield CALLS, float(data["outcome"] in FAILED)
    elif kind == "health":
        for what in MEASURED:
            if data.get(what) is not None:
                yield what, float(data[what])
