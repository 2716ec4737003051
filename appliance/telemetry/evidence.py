"""Whether a candidate serves callers worse than what it is to replace, looked at after every call.

For each gate the test is the e-process of Turner, Ly and Grünwald, "Generic E-variables for exact
sequential k-sample tests that allow for optional stopping" (2024, arXiv:2106.02693). Calls come in blocks:
some of the candidate's, some of the rest's, of the same place and the same hour. For rates of wrong calls c
> r that were chosen before the block, and z their mean weighted by the calls, each call multiplies the
evidence by its likelihood under its own rate over that under z. Where in truth both rates are t, that is
expected to be (1 + (t - z)(c - z) / z(1 - z)) for a call of the candidate, and the same with r for the
others; the weighted mean of these is 1, so their product is at most 1; where the candidate's true rate is
lower, it is less still. So the evidence is a supermartingale, and by Ville's inequality a candidate that is
no worse is ever ended with a chance of ALPHA at the most, however often one looks. Rates may differ from
block to block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

GATES = ("completion", "transfers", "repeats", "interruptions", "latency", "unanswered", "faults")
"""What callers experience. A call is wrong, or not, in each of these ways."""

ALPHA = 0.05
"""Chance, over all gates and all looks together, that a candidate that is no worse is ended."""

WORSE = (1.5, 2.0, 3.0, 6.0, 12.0, 40.0)
"""By what the odds of a wrong call may have grown; evidence is gathered for each, and the mean counts."""

EARLIER = (0.5, 9.5)
"""Wrong calls, and others, that the rest is taken to have had before the first."""

MATCHED = 3_600_000
"""Milliseconds for which a call waits for one of the other arm to be compared with."""

LIMIT = math.log(len(GATES) / ALPHA)

Arm = Literal["candidate", "rest"]


def wrongs(call: Mapping[str, Any]) -> frozenset[str]:
    """The gates in which a call that a box tells of was wrong."""
    outcome = call["outcome"]
    so = {
        "completion": outcome in ("failed", "crash", "abandoned", "silent"),
        "transfers": outcome == "handed",
        "repeats": call.get("repeats", 0) > 0,
        "interruptions": call.get("interrupted", 0) > 0,
        "latency": call.get("slow", 0) > 0,
        "unanswered": call.get("unanswered", 0) > 0,
        "faults": outcome in ("failed", "crash"),
    }
    return frozenset(gate for gate in GATES if so[gate])


@dataclass(slots=True)
class Calls:
    n: int = 0
    wrong: dict[str, int] = field(default_factory=dict)

    def add(self, wrong: Iterable[str]) -> None:
        self.n += 1
        for gate in wrong:
            self.wrong[gate] = self.wrong.get(gate, 0) + 1

    def rate(self, gate: str) -> float:
        return self.wrong.get(gate, 0) / self.n if self.n else 0.0


@dataclass(slots=True)
class Pair:
    """A block that is not complete."""

    since: int
    candidate: Calls = field(default_factory=Calls)
    rest: Calls = field(default_factory=Calls)


class Evidence:
    """What has been seen so far; plain JSON and back, so that it outlives its process."""

    def __init__(self) -> None:
        self.candidate, self.rest = Calls(), Calls()
        """All that was compared."""
        self._logs = {gate: [0.0] * len(WORSE) for gate in GATES}
        self._open: dict[str, Pair] = {}

    def note(self, place: str, arm: Arm, wrong: Iterable[str], at: int) -> None:
        """A call ended, at milliseconds since 1970. It counts once one of the other arm, of the same place
        and time, stands against it."""
        pair = self._open.get(place)
        if pair is None or at - pair.since > MATCHED:
            pair = self._open[place] = Pair(at)
        (pair.candidate if arm == "candidate" else pair.rest).add(wrong)

    def weigh(self) -> list[str]:
        """Take in the blocks that have both arms; the gates that have failed."""
        for place, pair in list(self._open.items()):
            if pair.candidate.n and pair.rest.n:
                self._take(pair)
                del self._open[place]
        return self.failed

    @property
    def failed(self) -> list[str]:
        return [gate for gate in GATES if self.weight(gate) >= LIMIT]

    def weight(self, gate: str) -> float:
        """The logarithm of the evidence that the candidate is worse; LIMIT is enough."""
        logs = self._logs[gate]
        most = max(logs)
        return most + math.log(sum(math.exp(each - most) for each in logs) / len(logs))

    def _take(self, pair: Pair) -> None:
        for gate, logs in self._logs.items():
            # By what is known before the block: that is what makes the test hold.
            wrong, right = EARLIER
            seen = self.rest.wrong.get(gate, 0)
            usual = (seen + wrong) / (self.rest.n + wrong + right)
            for number, times in enumerate(WORSE):
                logs[number] += _growth(pair, gate, usual, times)
        for arm, of in ((self.candidate, pair.candidate), (self.rest, pair.rest)):
            arm.n += of.n
            for gate, n in of.wrong.items():
                arm.wrong[gate] = arm.wrong.get(gate, 0) + n

    def told(self) -> list[dict[str, Any]]:
        """Each gate, for people: the rates of both arms, the evidence (1 is enough), and whether it holds."""
        return [
            {
                "gate": gate,
                "candidate": round(self.candidate.rate(gate), 4),
                "rest": round(self.rest.rate(gate), 4),
                "evidence": round(min(1.0, max(0.0, self.weight(gate) / LIMIT)), 3),
                "fine": self.weight(gate) < LIMIT,
            }
            for gate in GATES
        ]

    def plain(self) -> dict[str, Any]:
        def calls(of: Calls) -> list[Any]:
            return [of.n, dict(of.wrong)]

        return {
            "candidate": calls(self.candidate),
            "rest": calls(self.rest),
            "logs": {gate: list(logs) for gate, logs in self._logs.items()},
            "open": {
                place: [pair.since, calls(pair.candidate), calls(pair.rest)]
                for place, pair in self._open.items()
            },
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Evidence:
        """What `plain` gave; nothing seen, where it is empty."""
        made = cls()
        if plain:
            made.candidate, made.rest = Calls(*plain["candidate"]), Calls(*plain["rest"])
            made._logs = {gate: list(plain["logs"][gate]) for gate in GATES}
            made._open = {
                place: Pair(since, Calls(*candidate), Calls(*rest))
                for place, (since, candidate, rest) in plain["open"].items()
            }
        return made


def _growth(pair: Pair, gate: str, usual: float, times: float) -> float:
    """The logarithm of what a block multiplies the evidence by, where the odds have grown so many times."""
    odds = times * usual / (1 - usual)
    worse = odds / (1 + odds)
    n, m = pair.candidate.n, pair.rest.n
    mean = (n * worse + m * usual) / (n + m)
    total = 0.0
    for calls, rate in ((pair.candidate, worse), (pair.rest, usual)):
        wrong = calls.wrong.get(gate, 0)
        total += wrong * math.log(rate / mean) + (calls.n - wrong) * math.log((1 - rate) / (1 - mean))
    return total
