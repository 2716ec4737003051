"""Deciding: an utterance in, an answer out. Facts come from the desk file and from nowhere else."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
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


Step = Literal["open", "offered", "taking"]
"""Where a conversation is: anywhere, asked whether to take a message, or taking one."""

CERTAIN = 0.8
"""Likeness from which words said instead of a message are not the message."""

HEARD_ENOUGH = 0.5
"""Share of an answer that must have been played for it to count as said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the desk will say, and why."""

    decision: Decision
    lines: AsyncIterator[Line]
    expect: Expect = field(default_factory=Expect)
    hang_up: bool = False
    """True when the call is over once this was said."""
    then: Step = "open"
    """Where the conversation is once this was said."""


class Brain:
    """The mind of one conversation."""

    def __init__(self, knowledge: Knowledge, notebook: Notebook, wording: Wording | None, call: str) -> None:
        self._knowledge = knowledge
        self._lines = knowledge.desk.lines
        self._notebook = notebook
        self._wording = wording
        self._call = call
        self._step: Step = "open"
        self._message: int | None = None
        """The message being taken, once a part of it is kept."""
        self._silences = 0
        self._answer: Answer | None = None
        self._said: Turn | None = None

    async def decide(self, cause: Heard | Noise | Silence | None) -> Answer | None:
        """The answer to what happened; None where nothing is to be said. A call begins with None."""
        answer = await self._decide(cause)
        self._answer = answer or self._answer
        return answer

    def apologise(self) -> Answer:
        """The answer where deciding failed."""
        return self._fixed("again", "deciding failed", self._lines.again, then=self._step)

    def remember(self, turn: Turn) -> None:
        """Take note of what was really said: only that moves the conversation on."""
        self._said = turn
        heard = len(turn.spoken.text) >= HEARD_ENOUGH * len(turn.meant)
        if self._answer and (turn.spoken.whole or heard):
            self._step = self._answer.then
            if self._step != "taking":
                self._message = None

    async def _decide(self, cause: Heard | Noise | Silence | None) -> Answer | None:
        match cause:
            case None:
                return self._fixed("greeting", "the call began", self._lines.greeting)
            case Heard():
                self._silences = 0
                return await self._respond(" ".join(cause.text.split())[:LONGEST])
            case Noise():
                return self._go_on()
            case Silence():
                return self._break_silence()

    async def _respond(self, text: str) -> Answer:
        match = await self._knowledge.match(text)
        leaves = match.name in ("goodbye", "repeat") and match.score >= CERTAIN
        if self._step == "taking" and not leaves:
            return await self._take_message(text)
        if self._step == "offered" and match.name in ("yes", "no"):
            return self._ask_for_message() if match.name == "yes" else self._decline()
        if match.fact:
            return self._fact(match)
        return self._talk(match) if match.name != "unknown" else await self._unknown(text, match)

    def _go_on(self) -> Answer | None:
        """What cut the answer off was no speech: say the rest of it."""
        said = self._said
        if said is None or self._answer is None or said.spoken.whole:
            return None
        rest = " ".join(said.meant.split()[len(said.spoken.text.split()) :])
        if not rest:
            return None
        decision = replace(self._answer.decision, why="goes on: what cut it off held no words")
        return replace(self._answer, decision=decision, lines=_each([rest]))

    def _break_silence(self) -> Answer:
        if self._said is None:
            return self._fixed("greeting", "nobody speaks", self._lines.greeting)
        self._silences += 1
        if self._silences <= PATIENCE:
            return self._fixed("silence", "nobody speaks", self._lines.still_there, then=self._step)
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
                return self._ask_for_message()
            case "repeat":
                return self._repeat()
            case "thanks" | "yes":
                return self._fixed(match.name, "small talk", say.welcome)
            case "no":
                return self._fixed("no", "nothing else is wanted", say.goodbye, hang_up=True)
        return self._fixed("hello", "small talk", say.greeting)

    def _repeat(self) -> Answer:
        """The last answer again, and what it led to."""
        if self._answer is None or self._said is None:
            return self._fixed("repeat", "small talk", self._lines.greeting)
        decision = Decision("repeat", "small talk", self._answer.decision.source)
        return replace(self._answer, decision=decision, lines=_each([self._said.meant]))

    async def _unknown(self, text: str, match: Match) -> Answer:
        try:
            await self._notebook.unanswered(self._call, text)
        except StorageError:
            log.exception("an unanswered question could not be kept")
        decision = Decision("unknown", "no question of the desk file is near", "desk.toml", match.score)
        return Answer(decision, _each([self._lines.unknown]), Expect("yes_no"), then="offered")

    def _ask_for_message(self) -> Answer:
        asking = self._fixed("message", "a message is wanted", self._lines.message, then="taking")
        return replace(asking, expect=Expect("message"))

    def _decline(self) -> Answer:
        return self._fixed("declined", "no message is wanted", self._lines.declined)

    async def _take_message(self, text: str) -> Answer:
        """Keep it before saying so. Who goes on before that was said adds to the same message."""
        try:
            if self._message is None:
                self._message = await self._notebook.message(self._call, text)
            else:
                await self._notebook.extend(self._message, text)
        except StorageError:
            log.exception("a message could not be kept")
            return self._fixed("not_taken", "the message could not be kept", self._lines.not_taken)
        return self._fixed("taken", "the message is kept", self._lines.taken)

    def _fixed(self, intent: str, why: str, text: str, hang_up: bool = False, then: Step = "open") -> Answer:
        return Answer(Decision(intent, why, "desk.toml lines"), _each([text]), hang_up=hang_up, then=then)


async def _each(texts: Iterable[str]) -> AsyncIterator[Line]:
    for text in texts:
        yield Line(text)
