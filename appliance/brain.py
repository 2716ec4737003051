"""Deciding: an utterance in, an answer out. Facts come from the desk file and its papers, and from nowhere
else; an action runs only as a flow's form says."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from appliance.clerk import Clerk
from appliance.documents import Passage
from appliance.errors import StorageError
from appliance.flows.form import Step
from appliance.knowledge import MESSAGE, Knowledge
from appliance.memory.notebook import Notebook
from appliance.messages import Decision, Expect, Heard, Line, Noise, Silence, Turn
from appliance.rehearsal import ForgetfulNotebook, RehearsingClerk
from appliance.slots.acts import act
from appliance.understanding import Candidate
from appliance.wording import Wording, sentences

log = logging.getLogger(__name__)

LONGEST = 2_000
"""Characters of an utterance that are read; nobody says more in a turn, though somebody may paste it."""

PATIENCE = 2
"""Times the desk asks whether anybody is there before it says goodbye."""

WORTH_ASKING = 0.07
"""Likeness of the nearest thing from which it is worth asking whether it was meant."""

HEARD_ENOUGH = 0.5
"""Share of an answer that must have been played for it to count as said."""

FIRST = frozenset(("first", "former"))
LAST = frozenset(("second", "last", "latter"))
NEITHER = frozenset(("neither", "none", "nothing", "not"))
"""Words that choose between two."""

Place = Literal["open", "offered", "taking", "which"]
"""Where a conversation is, outside of forms: anywhere; asked whether to take a message; taking one; asked
which of a few things is meant."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the desk will say, and why."""

    decision: Decision
    lines: AsyncIterator[Line]
    expect: Expect = field(default_factory=Expect)
    hang_up: bool = False
    """True when the call is over once this was said."""
    then: Place = "open"
    """Where the conversation is once this was said."""


class Brain:
    """The mind of one conversation."""

    def __init__(
        self,
        knowledge: Knowledge,
        notebook: Notebook,
        wording: Wording | None,
        call: str,
        clerk: Clerk | None = None,
    ) -> None:
        self._knowledge = knowledge
        self._lines = knowledge.desk.lines
        self._notebook = notebook
        self._wording = wording
        self._call = call
        self._clerk = clerk
        self._place: Place = "open"
        self._options: tuple[Candidate, ...] = ()
        self._question = ""
        """What was said that may mean any of the options."""
        self._message: int | None = None
        """The message being taken, once a part of it is kept."""
        self._silences = 0
        self._answer: Answer | None = None
        self._said: Turn | None = None
        self._before: dict[str, Any] = {}

    @property
    def filler(self) -> str:
        """Said while an answer takes long."""
        return self._lines.moment

    @property
    def expects(self) -> Expect:
        """What the caller was last asked for."""
        return self._answer.expect if self._answer else Expect()

    async def decide(self, cause: Heard | Noise | Silence | None) -> Answer | None:
        """The answer to what happened; None where nothing is to be said. A call begins with None."""
        answer = await self._decide(cause)
        self._answer = answer or self._answer
        return answer

    async def enough(self, text: str) -> bool:
        """Whether these words are all of an answer: of what was asked for, or of a phrase of the desk's."""
        if self._place == "taking":
            return False
        if self._clerk and self._clerk.busy:
            return not self._clerk.asks_for_text and self._clerk.consider(text).understood
        return (await self._knowledge.understand(text)).how == "phrase"

    def rehearsal(self) -> Brain:
        """A mind that thinks as this one does and leaves no trace."""
        other = copy(self)
        other._clerk = RehearsingClerk(self._clerk) if self._clerk else None
        other._notebook = ForgetfulNotebook()
        return other

    async def undo(self) -> bool:
        """Take back the last decision, of which nothing was heard. False where it did something that stands:
        an action that ran, a message that was kept."""
        if self._place == "taking" or (self._clerk and not await self._clerk.undo()):
            return False
        vars(self).update(self._before)
        return True

    def apologise(self) -> Answer:
        """The answer where deciding failed."""
        return self._fixed("again", "deciding failed", self._lines.again, then=self._place)

    def remember(self, turn: Turn) -> None:
        """Take note of what was really said: only that moves the conversation on."""
        self._said = turn
        heard = len(turn.spoken.text) >= HEARD_ENOUGH * len(turn.meant)
        if self._clerk and turn.spoken.text and heard:
            self._clerk.said()
        if self._answer and (turn.spoken.whole or heard):
            self._place = self._answer.then
            if self._place != "taking":
                self._message = None

    async def _decide(self, cause: Heard | Noise | Silence | None) -> Answer | None:
        news = await self._clerk.settled() if self._clerk else ()
        self._before = {**vars(self), "_before": {}}
        if self._clerk:
            self._clerk.mark()
        match cause:
            case None:
                return self._fixed("greeting", "the call began", self._lines.greeting)
            case Heard():
                self._silences = 0
                answer = await self._respond(" ".join(cause.text.split())[:LONGEST])
                return replace(answer, lines=_all(_each(news), answer.lines))
            case _ if news:
                return Answer(
                    Decision("news", "what came of it was not heard", "desk.toml flow"), _each(news)
                )
            case Noise():
                return self._go_on()
            case Silence():
                return await self._break_silence()

    async def _respond(self, text: str) -> Answer:
        said, rest = act(text)
        if self._clerk and self._clerk.busy:
            return await self._in_form(text, said)
        if self._place == "taking" and not (said in ("goodbye", "repeat", "cancel", "person") and not rest):
            return await self._take_message(text)
        if self._place == "offered" and said in ("yes", "no") and not rest:
            return self._ask_for_message() if said == "yes" else self._decline()
        if self._place == "which" and said not in ("repeat", "goodbye", "person", "thanks", "hello"):
            return await self._choose(text, said)
        if said not in ("none", "correct") and not rest:
            return self._talk(said)
        return await self._understand(text)

    async def _understand(self, text: str) -> Answer:
        """A fact, a flow, a question back, a sentence of the papers, or a message for a person."""
        understood = await self._knowledge.understand(text)
        if understood.verdict == "accept":
            return await self._take_up(understood.candidates[0], understood.how, text)
        if passage := await self._knowledge.look_up(text):
            return _passage(passage)
        if understood.verdict == "ask" and understood.candidates[0].score >= WORTH_ASKING:
            self._options, self._question = understood.candidates[:2], text
            options = " or ".join(self._knowledge.label(each.intent) for each in self._options)
            decision = Decision("which", "two are near", "desk.toml lines", self._options[0].score)
            return Answer(decision, _each([self._lines.which.format(options=options)]), then="which")
        return await self._unknown(text, understood.candidates[0].score if understood.candidates else 0.0)

    async def _take_up(self, found: Candidate, how: str, text: str) -> Answer:
        if found.intent == MESSAGE:
            return self._ask_for_message()
        if self._knowledge.flow(found.intent) and self._clerk:
            return self._form(await self._clerk.start(found.intent, text), found)
        return self._fact(found, how)

    async def _choose(self, text: str, said: str) -> Answer:
        """Which of the two that were offered."""
        if said in ("goodbye", "person", "repeat"):
            return self._talk(said)
        options, self._options = self._options, ()
        if said in ("no", "cancel"):
            return await self._unknown(text, 0.0)
        if not options:
            return await self._understand(text)
        understood = await self._knowledge.understand(text)
        if understood.verdict == "accept":
            return await self._take_up(understood.candidates[0], understood.how, text)
        heard = set(text.lower().split())
        if heard & LAST:
            chosen = options[-1]
        elif heard & FIRST or said == "yes":
            chosen = options[0]
        elif understood.verdict == "ask" and not heard & NEITHER:
            chosen = await self._knowledge.best(text, options)
        else:
            return await self._unknown(text, 0.0)
        return await self._take_up(chosen, "chosen", self._question)

    async def _in_form(self, text: str, said: str) -> Answer:
        """A form is open: its answer, or for once another subject, after which it goes on."""
        assert self._clerk
        played = self._said.spoken if self._said else None
        if self._clerk.confirming and said == "yes" and not (played and self._clerk.agreeable(played.text)):
            return self._form(await self._clerk.again())
        if said == "goodbye":
            return self._talk(said)
        form = self._clerk.state.form
        if other := await self._other_errand(text):
            return self._form(await self._clerk.start(other.intent, text), other)
        if self._clerk.consider(text).understood:
            return self._form(await self._clerk.hear(text, played.text if played else ""))
        understood = await self._knowledge.understand(text)
        found = understood.candidates[0] if understood.verdict == "accept" else None
        aside = self._fact(found, understood.how) if found and self._knowledge.fact(found.intent) else None
        if not found and (passage := await self._knowledge.look_up(text)):
            aside = _passage(passage)
        if aside:
            back = await self._clerk.again()
            return replace(aside, lines=_all(aside.lines, _each(back.say)), expect=back.expect)
        if found and form and self._knowledge.flow(found.intent) and found.intent != form.flow:
            return self._form(await self._clerk.start(found.intent, text), found)
        return self._form(await self._clerk.hear(text, ""))

    async def _other_errand(self, text: str) -> Candidate | None:
        """Another flow, where the caller says one of its very phrases and is not free to say anything."""
        assert self._clerk
        form = self._clerk.state.form
        if not form or self._clerk.asks_for_text:
            return None
        understood = await self._knowledge.understand(text)
        found = understood.candidates[0] if understood.how == "phrase" else None
        return found if found and self._knowledge.flow(found.intent) and found.intent != form.flow else None

    def _form(self, step: Step, found: Candidate | None = None) -> Answer:
        """What a form says; or where it hands over to."""
        assert self._clerk
        form = self._clerk.state.form
        name = form.flow if form else found.intent if found else "form"
        decision = Decision(name, f"form: {form.stage}" if form else "form: ended", f"desk.toml flow.{name}")
        if step.leave == "cancel":
            return Answer(decision, _each([*step.say, self._lines.cancelled]))
        if step.leave == "message":
            asking = self._ask_for_message()
            return replace(asking, lines=_each([*step.say, self._lines.message]))
        if step.leave:
            return Answer(decision, _each([*step.say, self._lines.person]), Expect("yes_no"), then="offered")
        return Answer(decision, _each(step.say), step.expect)

    def _go_on(self) -> Answer | None:
        """What cut the answer off was no speech: say the rest of it."""
        said = self._said
        if said is None or self._answer is None or said.spoken.whole:
            return None
        confirming = self._clerk and self._clerk.confirming
        rest = said.meant if confirming else " ".join(said.meant.split()[len(said.spoken.text.split()) :])
        if not rest:
            return None
        decision = replace(self._answer.decision, why="goes on: what cut it off held no words")
        return replace(self._answer, decision=decision, lines=_each([rest]))

    async def _break_silence(self) -> Answer:
        if self._clerk and self._clerk.busy:
            return self._form(await self._clerk.quiet())
        if self._said is None:
            return self._fixed("greeting", "nobody speaks", self._lines.greeting)
        self._silences += 1
        if self._silences <= PATIENCE:
            return self._fixed("silence", "nobody speaks", self._lines.still_there, then=self._place)
        return self._fixed("silence", "nobody is there", self._lines.goodbye, hang_up=True)

    def _fact(self, found: Candidate, how: str) -> Answer:
        fact = self._knowledge.fact(found.intent)
        assert fact
        rule = fact.wording or self._knowledge.desk.wording.default
        decision = Decision(found.intent, how, f"desk.toml fact.{found.intent}", found.score)
        if rule == "rephrase" and self._wording:
            return Answer(decision, self._wording.reword(fact.say))
        return Answer(decision, _each(sentences(fact.say)))

    def _talk(self, said: str) -> Answer:
        """Small talk, by what the caller does."""
        say = self._lines
        match said:
            case "goodbye":
                return self._fixed("goodbye", "small talk", say.goodbye, hang_up=True)
            case "repeat":
                return self._repeat()
            case "person":
                return replace(
                    self._fixed("person", "a person is wanted", say.person, then="offered"),
                    expect=Expect("yes_no"),
                )
            case "thanks" | "yes":
                return self._fixed(said, "small talk", say.welcome)
            case "no" if self._said and self._said.number == 1:
                return self._fixed("no", "nothing was asked", say.again)
            case "no":
                return self._fixed("no", "nothing else is wanted", say.goodbye, hang_up=True)
            case "cancel":
                return self._fixed("cancel", "small talk", say.cancelled)
        return self._fixed(said, "small talk", say.greeting)

    def _repeat(self) -> Answer:
        """The last answer again, and what it led to."""
        if self._answer is None or self._said is None:
            return self._fixed("repeat", "small talk", self._lines.greeting)
        decision = Decision("repeat", "small talk", self._answer.decision.source)
        return replace(self._answer, decision=decision, lines=_each([self._said.meant]))

    async def _unknown(self, text: str, score: float) -> Answer:
        try:
            await self._notebook.unanswered(self._call, text)
        except StorageError:
            log.exception("an unanswered question could not be kept")
        decision = Decision("unknown", "nothing the desk knows is near", "desk.toml", score)
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

    def _fixed(self, intent: str, why: str, text: str, hang_up: bool = False, then: Place = "open") -> Answer:
        return Answer(Decision(intent, why, "desk.toml lines"), _each([text]), hang_up=hang_up, then=then)


def _passage(passage: Passage) -> Answer:
    decision = Decision("document", "found in the papers", passage.source, passage.score)
    return Answer(decision, _each([passage.text]))


async def _each(texts: Iterable[str]) -> AsyncIterator[Line]:
    for text in texts:
        yield Line(text)


async def _all(*parts: AsyncIterator[Line]) -> AsyncIterator[Line]:
    for part in parts:
        async for line in part:
            yield line
