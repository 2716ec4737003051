"""What the fleet is told of a conversation: times and outcomes, and no word of what was said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from appliance.memory.store import Database
from appliance.messages import Heard, Silence, TakenBack, Turn, seconds
from appliance.telemetry.outbox import Outbox

Told = tuple[str, Mapping[str, Any]]
"""A kind of message and its data."""

MASKED = re.compile(r"\[[\w-]+\]|\S+@\S+|\S*\d\S*|(?<!^)(?<![.?!] )\b[A-Z]\w*")
"""What may name somebody: addresses, anything with a digit, and words with a capital in mid-sentence; and
what was taken out before, with the kind of it: [name]."""

NUMBERS = frozenset(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand"
    " double triple at dot".split()
)
"""Words of which telephone numbers and addresses are made when they are spoken."""

INTRODUCED = re.compile(
    r"\b(?:my name is|this is|i am|i'm|called|mister|mr|mrs|ms|doctor|dr)\s+(\S+(?: \S+)?)", re.IGNORECASE
)


def redacted(question: str) -> str:
    """A question without what may tell who asked it."""
    masked = INTRODUCED.sub(lambda found: found[0].replace(found[1], "…"), question)
    masked = MASKED.sub("…", masked)
    words = ["…" if word.lower().strip(".,?!") in NUMBERS else word for word in masked.split()]
    return re.sub(r"…(?: …)+", "…", " ".join(words))[:200]


SLOW = 1_500
"""Milliseconds after which a caller has waited too long for an answer."""


class Discreet:
    """Puts into the outbox what may be told. `questions`: of those that nothing answered, only that there was
    one (`count`), or their words, redacted (`words`)."""

    def __init__(self, outbox: Outbox, questions: Literal["count", "words"] = "count") -> None:
        self._outbox = outbox
        self._questions = questions

    def put(self, db: Database, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "unanswered":
            text = {"text": redacted(str(data["text"]))} if self._questions == "words" else {}
            data = {"call": data["call"], **text}
        self._outbox.put(db, kind, data)


class Tally:
    """Of one call, turn by turn."""

    def __init__(
        self, call: str, channel: str, desk: str, bundle: int = 0, arm: str = "", again: bool = False
    ) -> None:
        """`desk`: the digest of the desk file; `bundle`: the version of the fleet's that answers; `arm`: that
        it is for or beside a candidate, and `again` that its caller was counted before."""
        self._call = call
        self._channel = channel
        self._desk = desk
        self._bundle, self._arm, self._again = bundle, arm, again
        self.call: dict[str, Any] = {}
        """What was told of it, once it has ended."""
        self._turns: list[dict[str, Any]] = []
        self._heard = self._failed = self._unknown = self._interrupted = self._repeats = 0
        self._handed = False

    def keep(self, turn: Turn) -> None:
        decision = turn.decision
        self._turns.append(turn_told(turn))
        self._heard += isinstance(turn.cause, Heard)
        self._interrupted += bool(turn.spoken.text) and not turn.spoken.whole
        if isinstance(turn.cause, TakenBack):
            self._handed = False
        if decision:
            self._failed += decision.why == "deciding failed"
            self._unknown += decision.intent == "unknown"
            self._repeats += decision.intent in ("again", "repeat")
            self._handed = self._handed or decision.source == "desk.toml handoff"

    def told(self, length: int, done: int, busy: bool) -> list[Told]:
        """What is told at the end: `length` in samples, `done` things were done, `busy` where something was
        left open."""
        outcome = next(
            name
            for name, so in {
                "failed": self._failed,
                "handed": self._handed,
                "done": done,
                "abandoned": busy,
                "unanswered": self._unknown,
                "silent": not self._heard,
                "answered": True,
            }.items()
            if so
        )
        slow = sum((turn["wait"] or 0) > SLOW for turn in self._turns)
        self.call = call = {
            "call": self._call,
            "channel": self._channel,
            "outcome": outcome,
            "seconds": round(seconds(length), 1),
            "turns": len(self._turns),
            "done": done,
            "unanswered": self._unknown,
            "interrupted": self._interrupted,
            "repeats": self._repeats,
            "desk": self._desk,
            "slow": slow,
            "bundle": self._bundle,
        }
        if self._arm:
            call |= {"arm": self._arm, "again": self._again}
            self._turns = [{**turn, "arm": self._arm} for turn in self._turns]
        return [*(("turn", turn) for turn in self._turns), ("call", call)]


def turn_told(turn: Turn) -> dict[str, Any]:
    """Times in milliseconds; None for what did not happen."""
    heard = turn.cause if isinstance(turn.cause, Heard) else None
    spoken = turn.spoken
    cause = "call" if turn.cause is None else type(turn.cause).__name__.lower()
    wait = heard and _between(heard.end, spoken.start)
    return {
        "call": turn.call,
        "n": turn.number,
        "cause": cause,
        "intent": turn.decision.intent[:128] if turn.decision else "",
        "wait": None if isinstance(turn.cause, Silence) else wait,
        "heard": heard and _between(heard.start, heard.end),
        "decided": heard and _between(heard.end, heard.decided),
        "spoke": _between(spoken.start, spoken.end),
        "whole": spoken.whole,
        "foreseen": turn.foreseen,
    }


def _between(start: int | None, end: int | None) -> int | None:
    """Milliseconds; None where one of both did not happen."""
    return None if start is None or end is None else min(600_000, max(0, round(seconds(end - start) * 1000)))
