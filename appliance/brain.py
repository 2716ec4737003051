"""Deciding: an utterance in, an answer out. Facts come from the desk file and from nowhere else."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Literal

from appliance.errors import StorageError
from appliance.knowledge import Knowledge, Match
from appliance.memory.notebook import Notebook
from appliance.messages import Decision, Expect, Heard, Line, Noise, Silence, Turn
from appliance.wording import Wording, sentences

log = logging.getLogger(__name__)

LONGEST = 2_000
"""Characters of an utterance that are read; nobody says more in a turn, though somebody may paste it."""

PATIENCE = 2
"""Times the desk asks whether anybody is there before it says goodbye."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the desk will say, and why."""

    decision: Decision
    lines: AsyncIterator[Line]
    expect: Expect = field(default_factory=Expect)
    hang_up: bool = False
    """True when the call is over once this was said."""


class Brain:
    """The mind of one conversation."""

    def __init__(self, knowledge: Knowledge, notebook: Notebook, wording: Wording | None, call: str) -> None:
        self._knowledge = knowledge
        self._lines = knowledge.desk.lines
        self._notebook = notebook
        self._wording = wording
        self._call = call
        self._step: Literal["open", "offered", "taking"] = "open"
        self._said: Turn | None = None

    async def decide(self, cause: Heard | Noise | Silence | None) -> Answer | None:
        """The answer to what happened; None where nothing is to be said. A call begins with None."""
        match cause:
            case None:
                return self._fixed("greeting", "the call began", self._lines.greeting)
            case Heard():
                return await self._answer(" ".join(cause.text.split())[:LONGEST])
            case Noise():
                return self._go_on()
            case Silence():
                return self._break_silence(cause.count)

    def remember(self, turn: Turn) -> None:
        """Take note of what was really said."""
        self._said = turn

    async def _answer(self, text: str) -> Answer:
        match = await self._knowledge.match(text)
        if self._step == "taking" and match.name not in ("goodbye", "repeat"):
            return await self._take_message(text)
        if self._step == "offered" and match.name in ("yes", "no"):
            return self._offer_taken() if match.name == "yes" else self._offer_declined()
        if match.fact:
            self._step = "open"
            return self._fact(match)
        return self._talk(match) if match.name != "unknown" else await self._unknown(text, match)

    def _go_on(self) -> Answer | None:
        """What cut the answer off was no speech: say the rest of it."""
        said = self._said
        if said is None or said.spoken.whole or not said.decision:
            return None
        rest = said.meant.removeprefix(said.spoken.text).strip()
        return (
            self._fixed(said.decision.intent, "goes on: what cut it off held no words", rest)
            if rest
            else None
        )

    def _break_silence(self, count: int) -> Answer:
        if self._said is None:
            return self._fixed("greeting", "nobody speaks", self._lines.greeting)
        if count <= PATIENCE:
            return self._fixed("silence", "nobody speaks", self._lines.still_there)
        return self._fixed("silence", "nobody is there", self._lines.goodbye, hang_up=True)

    def _fact(self, match: Match) -> Answer:
        assert match.fact
        rule = match.fact.wording or self._knowledge.desk.wording.default
        decision = Decision(match.name, "nearest question", f"desk.toml fact.{match.name}", match.score)
        if rule == "rephrase" and self._wording:
            return Answer(decision, self._wording.reword(match.fact.say))
        return Answer(decision, _each(sentences(match.fact.say)))

    def _talk(self, match: Match) -> Answer:
        say = self._lines
        match match.name:
            case "goodbye":
                return self._fixed("goodbye", "small talk", say.goodbye, hang_up=True)
            case "message":
                return self._offer_taken()
            case "repeat":
                return self._fixed("repeat", "small talk", self._said.meant if self._said else say.greeting)
            case "thanks" | "yes":
                return self._fixed(match.name, "small talk", say.welcome)
            case "no":
                return self._fixed("no", "nothing else is wanted", say.goodbye, hang_up=True)
        return self._fixed("hello", "small talk", say.greeting)

    async def _unknown(self, text: str, match: Match) -> Answer:
        self._step = "offered"
        try:
            await self._notebook.unanswered(self._call, text)
        except StorageError:
            log.exception("an unanswered question could not be kept")
        decision = Decision("unknown", "no question of the desk file is near", "desk.toml", match.score)
        return Answer(decision, _each([self._lines.unknown]), Expect("yes_no"))

    def _offer_taken(self) -> Answer:
        self._step = "taking"
        return self._fixed("message", "a message is wanted", self._lines.message)

    def _offer_declined(self) -> Answer:
        self._step = "open"
        return self._fixed("declined", "no message is wanted", self._lines.declined)

    async def _take_message(self, text: str) -> Answer:
        self._step = "open"
        try:
            await self._notebook.message(self._call, text)
        except StorageError:
            log.exception("a message could not be kept")
            return self._fixed("not_taken", "the message could not be kept", self._lines.not_taken)
        return self._fixed("taken", "the message is kept", self._lines.taken)

    def _fixed(self, intent: str, why: str, text: str, hang_up: bool = False) -> Answer:
        return Answer(Decision(intent, why, "desk.toml lines"), _each([text]), hang_up=hang_up)


async def _each(texts: Iterable[str]) -> AsyncIterator[Line]:
    for text in texts:
        yield Line(text)
