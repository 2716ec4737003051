"""A candidate that answers some of the conversations: another desk file, voice or recogniser beside the one
that the box has. Who calls again is answered by the same; each conversation is told of with its arm; and it
is ended by itself where callers are served worse."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Protocol

from appliance.channels import Call
from appliance.ears import Hearing
from appliance.serving.served import Served
from appliance.speech import Speech
from appliance.telemetry.evidence import Evidence, wrongs
from appliance.telemetry.told import Tally

log = logging.getLogger(__name__)


class Caller(Protocol):
    id: str
    caller: str
    """A number; empty where there is none, as at a kiosk: then each visit is somebody else."""


@dataclass(slots=True)
class Candidate:
    version: int
    """Of its bundle."""
    share: int
    """Percent of the callers that it answers."""
    secret: bytes
    """By which callers are drawn: nobody outside can tell who gets what."""
    served: Served
    speech: Speech | None = None
    hearing: Hearing | None = None
    """Of its own, where it has another voice or recogniser."""
    evidence: Evidence = field(default_factory=Evidence)
    failed: list[str] = field(default_factory=list)
    """The gates in which it is worse; it answers nobody from then on."""
    judged: Callable[[], None] = lambda: None
    """Called once a call has told for or against it."""
    _counted: tuple[date, set[bytes]] = field(default_factory=lambda: (date.min, set()))

    def __post_init__(self) -> None:
        self.served = replace(self.served, arm="candidate", version=self.version)

    def takes(self, who: Caller) -> bool:
        """Whether it answers a caller: always the same answer for the same number."""
        if self.failed:
            return False
        return int.from_bytes(self._mark(who)[:8]) / 2**64 * 100 < self.share

    def choose(self, who: Caller, rest: Served) -> Served:
        """What answers a caller."""
        return self.served if self.takes(who) else replace(rest, arm="rest")

    def again(self, who: Caller, today: date) -> bool:
        """Whether a caller was counted before, on that day: who calls again is served by the same arm, and
        that tells nothing new."""
        if self._counted[0] != today:
            self._counted = today, set()
        mark, known = self._mark(who), self._counted[1]
        was = mark in known
        known.add(mark)
        return was

    def note(self, arm: str, call: Mapping[str, Any], at: datetime) -> None:
        """What is told of a call that has ended."""
        if not call or call.get("again") or arm not in ("candidate", "rest") or self.failed:
            return
        milliseconds = round(at.timestamp() * 1000)
        self.evidence.note("", "candidate" if arm == "candidate" else "rest", wrongs(call), milliseconds)
        self.failed = self.evidence.weigh()
        if self.failed:
            log.error("the candidate is ended: callers are served worse (%s)", ", ".join(self.failed))
        self.judged()

    def _mark(self, who: Caller) -> bytes:
        return hmac.digest(self.secret, (who.caller or who.id).encode(), hashlib.sha256)


def choose(who: Caller, rest: Served, candidate: Candidate | None) -> Served:
    """What answers a caller, whether there is a candidate or not."""
    return candidate.choose(who, rest) if candidate else rest


def tally(call: Call, served: Served, candidate: Candidate | None, today: date) -> Tally:
    """Of a call that begins, with its arm."""
    again = bool(candidate and served.arm and candidate.again(call, today))
    return Tally(call.id, call.channel, served.desk.digest, served.version, served.arm, again)


def voice(
    served: Served, candidate: Candidate | None, hearing: Hearing, speech: Speech
) -> tuple[Hearing, Speech]:
    """What hears and speaks in a call: the box's own, unless a candidate with another answers it."""
    if not candidate or served.arm != "candidate":
        return hearing, speech
    return candidate.hearing or hearing, candidate.speech or speech
