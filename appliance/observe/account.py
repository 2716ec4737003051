"""The account of one call, as it goes: every turn is kept with its clocks, without what is private in it."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from appliance.config.keeping import Checklist
from appliance.engines.thread import EngineThread
from appliance.errors import StorageError
from appliance.memory.events import Event
from appliance.messages import RATE, Closing, Heard, Noise, Silence, TakenBack, Turn, Word, seconds
from appliance.observe.calls import Calls
from appliance.observe.redaction import redact
from appliance.observe.score import Mark, score
from appliance.observe.sealing import side
from appliance.stretch import Stretch

log = logging.getLogger(__name__)

CAUSES = {Heard: "heard", Noise: "noise", Silence: "silence", TakenBack: "taken back", Closing: "closing"}


class Account:
    """Of one call. A disk that does not take it keeps nobody from being answered."""

    def __init__(
        self,
        calls: Calls,
        memory: EngineThread,
        id: str,
        channel: str,
        clock: int,
        agent: str,
        desk: str,
        public: str = "",
        arm: str = "",
    ) -> None:
        """`clock`: the call's sample clock now. `agent`: what the desk is called, `desk`: the version of its
        file. `public`: what anybody may know, as the desk's own lines. `arm`: `candidate` where a candidate
        answers it, `rest` where one answers others."""
        self.id = id
        self.began = datetime.now(UTC) - timedelta(seconds=seconds(clock))
        self._calls = calls
        self._memory = memory
        self.channel = channel
        self._public = public
        self._number: int | None = None
        self._turns: list[Turn] = []
        self._writing: set[asyncio.Task[None]] = set()
        # Beside the call, as all of it: whoever is cut off at its first moment has an account with an end.
        self._opening = asyncio.create_task(self._open(agent, desk, arm))

    async def _open(self, agent: str, desk: str, arm: str) -> None:
        trace = secrets.token_hex(16)
        try:
            self._number = await self._memory.run(
                self._calls.begin, self.id, trace, self.channel, agent, desk, self.began, arm
            )
        except StorageError as error:
            log.error("no account is kept of call %s: %s", self.id, error)

    def keep(self, turn: Turn) -> None:
        """A turn is over. It is written down meanwhile, in order."""
        asked = _asked(self._turns)[-1]
        self._turns.append(turn)
        task = asyncio.create_task(self._write(turn, asked))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def close(
        self,
        clock: int,
        turns: Sequence[dict[str, Any]],
        events: Sequence[Event],
        checklist: Checklist,
        recording: str = "",
    ) -> list[Mark]:
        """The call is over, and is judged; `turns` is what it comes to, `events` are its own."""
        await asyncio.wait([self._opening, *self._writing])
        marks = score(turns, events, checklist)
        if self._number is None:
            return marks
        ended = self.began + timedelta(seconds=seconds(clock))
        try:
            await self._memory.run(
                self._calls.end, self._number, ended, clock, deeds(events), flows(events), marks, recording,
                turns,
            )  # fmt: skip
        except StorageError as error:
            log.error("the account of call %s has no end: %s", self.id, error)
        return marks

    def turns(self, known: Sequence[str] = (), recorded: Path | None = None) -> list[dict[str, Any]]:
        """All turns so far, without what is private. `known`: what turned out to be so. Where there is a
        recording, the caller's words are placed by its pauses."""
        return [
            kept(turn, self._hiding(name, known), recorded)
            for turn, name in zip(self._turns, _asked(self._turns), strict=False)
        ]

    def _hiding(self, asked_name: bool, known: Sequence[str] = ()) -> Callable[[Sequence[Word]], list[Word]]:
        return partial(redact, asked_name=asked_name, known=known, public=self._public)

    async def _write(self, turn: Turn, asked_name: bool) -> None:
        await asyncio.wait([self._opening])
        if self._number is None:
            return
        try:
            await self._memory.run(self._keep, self._number, turn, asked_name)
        except StorageError as error:
            log.error("turn %d of call %s is not kept: %s", turn.number, self.id, error)

    def _keep(self, number: int, turn: Turn, asked_name: bool) -> None:
        self._calls.keep(number, kept(turn, self._hiding(asked_name)), last(turn))


def kept(
    turn: Turn, hide: Callable[[Sequence[Word]], Sequence[Word]] = redact, recorded: Path | None = None
) -> dict[str, Any]:
    """A turn as plain JSON; all times are clocks of the call. `hide` takes out what is private; `recorded` is
    the recording that is not sealed yet."""
    heard = turn.cause if isinstance(turn.cause, Heard) else None
    sound = side(recorded, 0, heard.start, heard.end) if recorded and heard else b""
    spoken, decision = turn.spoken, turn.decision
    said = spoken.words or placed(spoken.text, spoken.start or 0, spoken.end or 0)
    return {
        "number": turn.number,
        "at": first(turn),
        "cause": CAUSES[type(turn.cause)] if turn.cause else "call",
        "heard": heard and {
            "start": heard.start,
            "end": heard.end,
            "decided": heard.decided,
            "transcribed": heard.transcribed,
            "confidence": round(heard.confidence, 3),
            "false_ends": heard.false_ends,
            "words": _plain(hide(placed(heard.text, heard.start, heard.end, sound))),
        },
        "began": turn.began,
        "answered": turn.answered,
        "decision": decision and {
            "intent": decision.intent,
            "why": decision.why,
            "source": decision.source,
            "score": decision.score and round(decision.score, 3),
            "understanding": math.ceil(decision.understanding * RATE),
        },
        "foreseen": turn.foreseen,
        "whole": spoken.whole,
        "spoken": {
            "first_text": spoken.first_text,
            "start": spoken.start,
            "end": spoken.end,
            "words": _plain(hide(said)),
            "unsaid": max(0, len(turn.meant.split()) - len(said)),
        },
    }  # fmt: skip


def _asked(turns: Sequence[Turn]) -> list[bool]:
    """Before each turn, and after them all: whether the desk had asked for a name, by what it said last."""
    asked = [False]
    for turn in turns:
        asked.append("name" in turn.meant.lower() if turn.meant else asked[-1])
    return asked


def placed(text: str, start: int, end: int, sound: bytes = b"") -> tuple[Word, ...]:
    """Where the words of a text lie between two clocks: by their letters, and by the pauses of the sound
    where there is one."""
    if not text.split():
        return ()
    stretch = Stretch(" ".join(text.split()), start)
    stretch.finish(sound or bytes(2 * max(0, end - start)))
    return tuple(stretch.words())


def first(turn: Turn) -> int:
    """The first clock of a turn."""
    match turn.cause:
        case Heard(start=start) | Noise(start=start):
            return start
        case Silence(at=at) | TakenBack(at=at) | Closing(at=at):
            return at
    return next((at for at in (turn.began, turn.spoken.start) if at is not None), 0)


def last(turn: Turn) -> int:
    """The last clock of a turn."""
    heard = turn.cause.end if isinstance(turn.cause, Heard) else 0
    return max(first(turn), heard, turn.answered or 0, turn.spoken.end or 0)


def deeds(events: Sequence[Event]) -> list[dict[str, Any]]:
    """What was done for the caller, or tried, without what it was done with."""
    asked: Mapping[int, datetime] = {event.id: event.at for event in events}
    return [
        {
            "action": event.data["action"],
            "began": asked.get(event.data.get("confirmation", 0), event.at).isoformat(),
            "ended": event.at.isoformat(),
            "why": "" if event.data["ok"] else event.data["why"],
        }
        for event in events
        if event.kind == "outcome" and not event.data.get("looked")
    ]


def flows(events: Sequence[Event]) -> list[str]:
    """The flows that were begun, each once."""
    return list(dict.fromkeys(event.data["flow"] for event in events if event.kind == "flow.started"))


def _plain(words: Sequence[Word]) -> list[tuple[str, int, int]]:
    return [(word.text, word.start, word.end) for word in words]
