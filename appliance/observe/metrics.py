"""Counts of what happens, as Prometheus reads them, since the desk was started. Nothing in them says who
called or what was said."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from appliance.observe.score import Mark, waits
from appliance.system.exposition import family

BUCKETS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Seconds, of how long callers wait for an answer."""


class Metrics:
    def __init__(self) -> None:
        self.under_way = 0
        """Calls at this moment."""
        self._calls: Counter[str] = Counter()
        self._turns: Counter[str] = Counter()
        self._deeds: Counter[tuple[str, str]] = Counter()
        self._failed: Counter[str] = Counter()
        self._waits = [0] * (len(BUCKETS) + 1)
        self._waited = 0.0

    def ended(
        self,
        channel: str,
        turns: Sequence[Mapping[str, Any]],
        deeds: Iterable[Mapping[str, Any]],
        marks: Iterable[Mark],
    ) -> None:
        """A call is over; its turns as `account.kept` made them."""
        self._calls[channel] += 1
        for turn in turns:
            decided = turn["decision"]["intent"] if turn["decision"] else "nothing"
            self._turns["unknown" if decided == "unknown" else "answered"] += 1
        for deed in deeds:
            self._deeds[deed["action"], "failed" if deed["why"] else "done"] += 1
        for mark in marks:
            self._failed[mark.check] += mark.passed is False
        for wait, _ in waits(turns):
            self._waits[bisect_left(BUCKETS, wait)] += 1
            self._waited += wait

    def text(self, on: Mapping[str, bool]) -> str:
        """All of it. `on`: what of the box is on and off."""
        lines = [
            *family("appliance_on", "gauge", "Whether a part of the box works.", {
                (("part", part),): int(works) for part, works in on.items()
            }),
            *family("appliance_calls_under_way", "gauge", "Calls at this moment.", {(): self.under_way}),
            *family("appliance_calls_total", "counter", "Calls that are over.", {
                (("channel", channel),): count for channel, count in self._calls.items()
            }),
            *family("appliance_turns_total", "counter", "Answers that were given.", {
                (("how", how),): count for how, count in self._turns.items()
            }),
            *family("appliance_actions_total", "counter", "What was done for callers, or tried.", {
                (("action", action), ("came", came)): count for (action, came), count in self._deeds.items()
            }),
            *family("appliance_checks_failed_total", "counter", "Checks of calls that got a no.", {
                (("check", check),): count for check, count in self._failed.items()
            }),
            *self._histogram(),
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def _histogram(self) -> Iterator[str]:
        name = "appliance_answer_seconds"
        yield f"# HELP {name} From a caller's last word to the desk's first."
        yield f"# TYPE {name} histogram"
        upto = list(accumulate(self._waits))
        for bucket, count in zip([*BUCKETS, "+Inf"], upto, strict=True):
            yield f'{name}_bucket{{le="{bucket}"}} {count}'
        yield f"{name}_sum {self._waited:.3f}"
        yield f"{name}_count {upto[-1]}"
