"""Answers from what the desk knows: which fact, flow or paper an utterance is about, and which of a few."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.answers import Answer, lines
from appliance.documents import Passage
from appliance.knowledge import Knowledge
from appliance.messages import Decision
from appliance.slots.acts import Act
from appliance.understanding import Candidate
from appliance.wording import Wording, sentences

WORTH_ASKING = 0.07
"""Likeness of the nearest thing from which it is worth asking whether it was meant."""

FIRST = frozenset(("first", "former"))
LAST = frozenset(("second", "last", "latter"))
NEITHER = frozenset(("neither", "none", "nothing", "not"))
"""Words that choose between two."""


@dataclass(frozen=True, slots=True)
class Meant:
    """What an utterance is about."""

    found: Candidate
    how: str
    text: str
    """The words in which it was said."""


@dataclass(frozen=True, slots=True)
class Unknown:
    score: float = 0.0
    """Of what is nearest."""


class Knowing:
    """Of one conversation."""

    def __init__(self, knowledge: Knowledge, wording: Wording | None) -> None:
        self._knowledge = knowledge
        self._wording = wording
        self._options: tuple[Candidate, ...] = ()
        self._question = ""
        """What was said that may mean any of the options."""

    async def about(self, text: str) -> Meant | Answer | Unknown:
        """A fact or flow, a question back, or a sentence of the papers."""
        understood = await self._knowledge.understand(text)
        if understood.verdict == "accept":
            return Meant(understood.candidates[0], understood.how, text)
        if passage := await self._knowledge.look_up(text):
            return self.passage(passage)
        if understood.verdict == "ask" and understood.candidates[0].score >= WORTH_ASKING:
            return self._which(understood.candidates[:2], text)
        return Unknown(understood.candidates[0].score if understood.candidates else 0.0)

    def _which(self, options: tuple[Candidate, ...], text: str) -> Answer:
        self._options, self._question = options, text
        labels = " or ".join(self._knowledge.label(each.intent) for each in options)
        decision = Decision("which", "two are near", "desk.toml lines", options[0].score)
        say = self._knowledge.desk.lines.which.format(options=labels)
        return Answer(decision, lines([say]), then="which")

    async def choice(self, text: str, said: Act) -> Meant | Answer | Unknown:
        """Which of the two that were offered."""
        options, self._options = self._options, ()
        if said in ("no", "cancel"):
            return Unknown()
        if not options:
            return await self.about(text)
        understood = await self._knowledge.understand(text)
        if understood.verdict == "accept":
            return Meant(understood.candidates[0], understood.how, text)
        heard = set(text.lower().split())
        if heard & LAST:
            chosen = options[-1]
        elif heard & FIRST or said == "yes":
            chosen = options[0]
        elif understood.verdict == "ask" and not heard & NEITHER:
            chosen = await self._knowledge.best(text, options)
        else:
            return Unknown()
        return Meant(chosen, "chosen", self._question)

    async def aside(self, text: str) -> Meant | Answer | None:
        """What somebody surely asks for in the middle of something else."""
        understood = await self._knowledge.understand(text)
        if understood.verdict == "accept":
            return Meant(understood.candidates[0], understood.how, text)
        passage = await self._knowledge.look_up(text)
        return self.passage(passage) if passage else None

    async def errand(self, text: str) -> Meant | None:
        """A flow one of whose very phrases this is."""
        understood = await self._knowledge.understand(text)
        found = understood.candidates[0] if understood.how == "phrase" else None
        return Meant(found, understood.how, text) if found and self.is_flow(found) else None

    def is_flow(self, found: Candidate) -> bool:
        return self._knowledge.flow(found.intent) is not None

    def fact(self, meant: Meant) -> Answer | None:
        """What the desk file says; None where it is no fact."""
        found = meant.found
        if not (fact := self._knowledge.fact(found.intent)):
            return None
        rule = fact.wording or self._knowledge.desk.wording.default
        decision = Decision(found.intent, meant.how, f"desk.toml fact.{found.intent}", found.score)
        if rule == "rephrase" and self._wording:
            return Answer(decision, self._wording.reword(fact.say))
        return Answer(decision, lines(sentences(fact.say)))

    def passage(self, passage: Passage) -> Answer:
        decision = Decision("document", "found in the papers", passage.source, passage.score)
        return Answer(decision, lines([passage.text]))
