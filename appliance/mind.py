"""Where a conversation is: what was said last, what is waited for, and how a decision is taken back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import replace
from typing import Any, Self

from appliance.answering.answers import Answer, Place, fixed
from appliance.answering.knowing import Knowing, Meant
from appliance.answering.knowledge import Knowledge
from appliance.answering.picking import Picker
from appliance.answering.smalltalk import SmallTalk
from appliance.answering.wording import Wording
from appliance.clerk import Clerk
from appliance.config.calling import FlowRecording
from appliance.memory.notebook import Notebook
from appliance.messages import Cause, Expect, Heard, Turn
from appliance.phone.handoff import HandOff
from appliance.rehearsal import ForgetfulNotebook, RehearsingClerk
from appliance.serving.consent import Consent

HEARD_ENOUGH = 0.5
"""Share of an answer that must have been played for it to count as said."""


class Mind(ABC):
    """Of one conversation; what it decides is for who builds on it."""

    def __init__(
        self,
        knowledge: Knowledge,
        notebook: Notebook,
        wording: Wording | None,
        call: str,
        clerk: Clerk | None = None,
        picker: Picker | None = None,
        handoff: HandOff | None = None,
        consent: Consent | None = None,
        opening: str = "",
    ) -> None:
        """`consent`: of a call that is recorded. `opening`: what is said first to who was called."""
        self._desk = knowledge.desk
        self._lines = knowledge.desk.lines
        self._knowing = Knowing(knowledge, wording, picker)
        self.stands_alone = self._knowing.stands_alone
        self._smalltalk = SmallTalk(self._lines, notebook, call)
        self._clerk = clerk
        self._handoff = handoff
        self._consent = consent
        self._opening = opening
        self._place: Place = "open"
        self._answer: Answer | None = None
        self._said: Turn | None = None
        self._later: tuple[Meant, ...] = ()
        """What the caller wants besides, once what is under way is done."""
        self._last_words = ""
        """What the caller said last, other than that a person is wanted."""
        self._cause: Cause | None = None
        """What was decided on last, unless that was taken back."""
        self._before: list[dict[str, Any]] = []
        """What `retract` goes back to."""

    @property
    def _closed(self) -> bool:
        """Whether nobody is at the desk at this hour."""
        return self._clerk is not None and self._clerk.closed

    @property
    def _reachable(self) -> bool:
        """Whether a person can be."""
        return self._handoff is not None and self._handoff.open

    @property
    def filler(self) -> str:
        """Said while an answer takes long."""
        return self._lines.moment

    @property
    def expects(self) -> Expect:
        """What the caller was last asked for."""
        return self._answer.expect if self._answer else Expect()

    async def decide(self, cause: Cause | None) -> Answer | None:
        """The answer to what happened; None where nothing is to be said. A call begins with None."""
        before = self._knowing.took
        answer = await self._decide(cause)
        if answer and (took := self._knowing.took - before):
            answer = replace(answer, decision=replace(answer.decision, understanding=took))
        self._answer = answer or self._answer
        if self._consent:
            form = self._clerk.state.form if self._clerk else None
            self._consent.follow(self._recording(), form.flow if form else "")
        return answer

    def _recording(self) -> FlowRecording:
        """What the flow that is under way wants of the recording."""
        form = self._clerk.state.form if self._clerk else None
        flow = self._desk.flow.get(form.flow) if form else None
        return flow.record if flow else ""

    def rehearsal(self) -> Self:
        """A mind that thinks as this one does and leaves no trace."""
        other = copy(self)
        other._knowing = copy(self._knowing)
        other._smalltalk = self._smalltalk.rehearsal(ForgetfulNotebook())
        other._consent = None
        other._clerk = RehearsingClerk(self._clerk) if self._clerk else None
        return other

    async def retract(self, cause: Heard) -> bool:
        """Take back what was decided on this, of which nothing was heard; nothing is where that was cut off
        before it began. False where it did something that stands: an action that ran, a message that was
        kept."""
        if cause is not self._cause:
            return True
        if self._place == "taking" or (self._clerk and not await self._clerk.retract()):
            return False
        for part, before in zip(self._parts(), self._before, strict=True):
            vars(part).update(before)
        self._cause = None
        return True

    def _parts(self) -> tuple[object, ...]:
        """Where a conversation is, apart from its forms."""
        return self, self._knowing, self._smalltalk

    def apologise(self) -> Answer:
        """The answer where deciding failed."""
        return fixed("again", "deciding failed", self._lines.again, then=self._place)

    def remember(self, turn: Turn) -> None:
        """Take note of what was really said: only that moves the conversation on."""
        self._said = turn
        heard = len(turn.spoken.text) >= HEARD_ENOUGH * len(turn.meant)
        if self._clerk and turn.spoken.text and heard:
            self._clerk.said()
        if self._consent and self._lines.recorded in turn.spoken.text:
            self._consent.told()
        if self._answer and (turn.spoken.whole or heard):
            self._place = self._answer.then
            if self._place != "taking":
                self._smalltalk.message_taken()

    @abstractmethod
    async def _decide(self, cause: Cause | None) -> Answer | None:
        """The answer to what happened; None where nothing is to be said."""
