"""Answers from what the desk knows: which fact, flow or paper an utterance is about, and which of a few."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from appliance.answering.answers import Answer, Place, chained, lines
from appliance.answering.knowledge import Knowledge
from appliance.answering.language import foreign
from appliance.answering.picking import Picker
from appliance.answering.wording import Wording, sentences
from appliance.config import standing
from appliance.config.standing import SERVICES
from appliance.guard import GLUE, stem
from appliance.messages import Decision, Line
from appliance.slots.acts import Act, stands_alone
from appliance.spoken import words
from appliance.understanding import Candidate, Understood

FIRST = frozenset(("first", "former"))
LAST = frozenset(("second", "last", "latter"))
NEITHER = frozenset(("neither", "none", "nothing", "not"))
"""Words that choose between two."""

CLEARLY = 3
"""Times as likely as the other options an answer must make one of them."""

LONE = 20
"""Times as likely as the next what stands alone must be."""

LIKELY = 0.5
"""What is alone and at least so likely is begun where that is a flow which asks before it does anything:
whoever means something else says so."""


JOINT = re.compile(
    r"(?:[,;.?!]\s+|\s+(?=(?:and|but|plus)\s))(?:(?:and|but|plus|then|also)\s+)*", re.IGNORECASE
)
TAKEN_BACK = re.compile(r"\b(?:no,? (?:wait|sorry|actually)|scratch that|or rather|i meant?)\b,?", re.I)
NEGATION = re.compile(r"\b(?:not|no|never|\w+n't|without)\b", re.I)
NONE = frozenset(("no", "not", "never", "isn't", "wasn't", "isnt"))
ITS_OWN = standing.flows().keys() | SERVICES.keys()
"""What every desk can do is asked for in a sentence of its own."""
MOST_PARTS = 4
"""Of one sentence that are looked at."""

SURELY = 0.9
"""What cannot wait is told from here; where anything may be said, a medicine or a message, only if it is
meant for certain."""


@dataclass(frozen=True, slots=True)
class Meant:
    """What an utterance is about."""

    found: Candidate
    how: str
    text: str
    """The words in which it was said."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """What the slots of a phrase caught of them."""


@dataclass(frozen=True, slots=True)
class Unknown:
    score: float = 0.0
    """Of what is nearest."""
    foreign: bool = False
    """Whether it was said in another language."""
    asked: str = ""
    """What had been asked, where these words only say that nothing that was offered is meant."""


class Knowing:
    """Of one conversation."""

    def __init__(self, knowledge: Knowledge, wording: Wording | None, picker: Picker | None = None) -> None:
        self._knowledge = knowledge
        self._wording = wording
        self._picker = picker
        self._options: tuple[Candidate, ...] = ()
        self._question = ""
        """What was said that may mean any of the options."""
        self.took = 0.0
        """Seconds spent so far on finding out what was meant."""

    async def about(self, text: str) -> Meant | Answer | Unknown:
        """A fact or flow, a question back, or a sentence of the papers."""
        understood = await self._understand(text)
        if understood.verdict == "accept":
            return Meant(understood.candidates[0], understood.how, text, understood.slots)
        if foreign(text):
            return Unknown(foreign=True)
        if passage := await self._look_up(text):
            return passage
        asks = understood.verdict == "ask"
        if asks and (picked := await self._pick(text, understood.candidates)):
            return picked
        if len(found := await self._each(parts(text), LIKELY)) == 1:
            return replace(found[0], text=text, slots={})
        if asks:
            options = _near(understood.candidates[:2])
            if len(options) == 1 and self._likely(options[0]):
                return Meant(options[0], "likely", text)
            return self._which(options, text)
        return Unknown(understood.candidates[0].score if understood.candidates else 0.0)

    async def _understand(self, text: str) -> Understood:
        began = time.monotonic()
        try:
            return await self._knowledge.understand(text)
        finally:
            self.took += time.monotonic() - began

    async def _pick(self, text: str, options: tuple[Candidate, ...]) -> Meant | None:
        """What the LLM is sure is meant, where the desk file lets it choose among all of these."""
        if not self._picker or not all(self._knowledge.pickable(each.intent) for each in options):
            return None
        number = await self._picker.pick(text, [self._knowledge.label(each.intent) for each in options])
        return None if number is None else Meant(options[number], "picked", text)

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
            return Unknown(asked=self._question)
        if not options:
            return await self.about(text)
        understood = await self._understand(text)
        if understood.verdict == "accept":
            return Meant(understood.candidates[0], understood.how, text, understood.slots)
        heard = set(text.lower().split())
        chosen: Candidate | None
        if heard & LAST:
            chosen = options[-1]
        elif said == "yes" and len(options) > 1 and not heard & FIRST:
            return self._which(options, self._question)
        elif heard & FIRST or said == "yes":
            chosen = options[0]
        elif heard & NEITHER or text == self._question:
            return Unknown(asked=self._question)
        elif not (chosen := self._named(text, options) or _nearest(understood, options)):
            return Unknown(foreign=foreign(text))
        return Meant(chosen, "chosen", self._question)

    def _named(self, text: str, options: Sequence[Candidate]) -> Candidate | None:
        """The option of whose label alone the text has a word."""
        labels = [set(map(stem, words(self._knowledge.label(each.intent)))) - GLUE for each in options]
        heard = set(map(stem, words(text)))
        others = [set().union(*labels[:i], *labels[i + 1 :]) for i in range(len(labels))]
        named = [i for i in range(len(labels)) if heard & (labels[i] - others[i])]
        return options[named[0]] if len(named) == 1 else None

    async def urgent(self, text: str, closed: bool, anything: bool) -> Answer | None:
        """The fact that cannot wait, where this asks for one; of `anything` that may be said, only surely."""
        if not self._knowledge.urgent:
            return None
        understood = await self._understand(text)
        found = next(iter(understood.candidates), None)
        if found is None or found.intent not in self._knowledge.urgent or self._denied(text, found.intent):
            return None
        if understood.verdict != "accept" and (anything or found.score < SURELY):
            return None
        return self.fact(Meant(found, understood.how, text), closed)

    def _denied(self, text: str, intent: str) -> bool:
        """Whether it says that it is none: "it's not an emergency"."""
        named = {stem(word) for word in words(f"{intent} {self._knowledge.label(intent)}")} - GLUE
        said = [stem(word) for word in words(text)]
        before = {word for i, word in enumerate(said) if word in named for word in said[max(i - 3, 0) : i]}
        return bool(before & NONE)

    async def perhaps(self, text: str) -> Answer | None:
        """Whether what cannot wait is meant, where that is likely and what else is said answers nothing."""
        candidates = (await self._understand(text)).candidates[:1]
        likely = [each for each in candidates if each.score >= LIKELY]
        near = [each for each in likely if each.intent in self._knowledge.urgent]
        return self._which(tuple(near), text) if near else None

    async def known(self, text: str) -> bool:
        """Whether it surely is something that the desk knows or does."""
        return (await self._understand(text)).verdict == "accept"

    async def wishes(self, text: str) -> list[Meant]:
        """What a sentence asks for that asks for several things, facts before what is begun; none where it
        asks for one, or nothing."""
        pieces, whole = parts(text), await self._understand(text)
        caught = any(len(parts(words)) > 1 for words in whole.slots.values())
        if len(pieces) < 2 or (whole.how == "phrase" and not caught):
            return []
        least = SURELY if whole.verdict == "accept" else LIKELY
        found = await self._each(pieces, least, by_phrase=caught)
        found.sort(key=lambda each: self._knowledge.fact(each.found.intent) is None)
        return found if len(found) > 1 else []

    async def besides(self, text: str, flow: str, least: float = 1.0) -> tuple[Meant, ...]:
        """What else than the flow that is under way is asked for in a sentence: "yes, and wake me at six"."""
        found = await self._each(parts(text), least)
        return tuple(each for each in found if each.found.intent != flow)

    async def _each(self, pieces: Sequence[str], least: float, by_phrase: bool = False) -> list[Meant]:
        """What is meant by each; nothing twice. A flow that asks before it does anything may be so likely
        as `least`."""
        found: dict[str, Meant] = {}
        for piece in pieces:
            understood = await self._understand(piece)
            best = next((each for each in understood.candidates[:1] if each.intent not in ITS_OWN), None)
            accepted = understood.verdict == "accept" and (understood.how == "phrase" or not by_phrase)
            if best and (accepted or (best.score >= least and self._asks_first(best))):
                how = understood.how if accepted else "likely"
                found.setdefault(best.intent, Meant(best, how, piece, understood.slots))
        return list(found.values())

    async def exactly(self, text: str) -> bool:
        """Whether this is one of the desk's very phrases."""
        return (await self._understand(text)).how == "phrase"

    async def stands_alone(self, text: str) -> bool:
        """Whether these words mean something whatever was said before them. "Please" does not."""
        return stands_alone(text) or await self.exactly(text)

    async def aside(self, text: str, flow: str) -> Meant | Answer | Unknown | None:
        """What somebody surely asks for in the middle of a flow."""
        understood = await self._understand(text)
        by_rules = self._knowledge.mode(flow) == "rules"
        if understood.verdict == "accept" and not (by_rules and understood.how != "phrase"):
            return Meant(understood.candidates[0], understood.how, text, understood.slots)
        if foreign(text):
            return Unknown(foreign=True)
        return None if by_rules else await self._look_up(text)

    async def errand(self, text: str) -> Meant | None:
        """The flow, the fact or the message one of whose very phrases this is."""
        understood = await self._understand(text)
        found = understood.candidates[0] if understood.how == "phrase" else None
        if found is None or self.service_of(found):
            return None
        return Meant(found, understood.how, text, understood.slots)

    async def service(self, text: str) -> str:
        """What every desk can do, one of whose very phrases this is; empty where it is none."""
        understood = await self._understand(text)
        return self.service_of(understood.candidates[0]) if understood.how == "phrase" else ""

    def service_of(self, found: Candidate) -> str:
        own = self.is_flow(found) or self._knowledge.fact(found.intent)
        return found.intent if found.intent in SERVICES and not own else ""

    def is_flow(self, found: Candidate) -> bool:
        return self._knowledge.flow(found.intent) is not None

    def flow_that_does(self, action: str) -> str:
        """The first flow that ends in it; empty where none does."""
        flows = self._knowledge.desk.flow.items()
        return next((name for name, flow in flows if flow.do and flow.do.action == action), "")

    def _likely(self, found: Candidate) -> bool:
        return found.score >= LIKELY and self._asks_first(found)

    def _asks_first(self, found: Candidate) -> bool:
        """Whether it is a flow that does nothing before it has asked for something."""
        flow = self._knowledge.flow(found.intent)
        return flow is not None and any(not ask.optional for ask in flow.ask)

    def fact(self, meant: Meant, closed: bool) -> Answer | None:
        """What the desk file says, which may be something else while the desk is closed; None where it is no
        fact."""
        found = meant.found
        if not (fact := self._knowledge.fact(found.intent)):
            return None
        decision = Decision(found.intent, meant.how, f"desk.toml fact.{found.intent}", found.score)
        say = (closed and fact.say_closed) or fact.say
        then: Place = "urgent" if fact.urgent else "open"
        return Answer(decision, self._said(say, self._knowledge.rephrased(found.intent)), then=then)

    def asked(self, flow: str, say: Sequence[str]) -> AsyncIterator[Line]:
        """The lines of a flow that is asking. Only what stands there as it is may be said differently, and
        nothing that asks for a yes: what a line was filled with came from the caller or from an action."""
        named = self._knowledge.flow(flow)
        assert named
        free = {line for ask in named.ask if ask.type != "yes_no" for line in (ask.prompt, *ask.reprompt)}
        if not self._knowledge.rephrased(flow):
            free.clear()
        return chained(*(self._said(line, rephrase=True) if line in free else lines([line]) for line in say))

    def _said(self, text: str, rephrase: bool) -> AsyncIterator[Line]:
        if rephrase and self._wording:
            return self._wording.reword(text)
        return lines(sentences(text))

    async def _look_up(self, text: str) -> Answer | None:
        """A sentence of the papers."""
        if self._knowledge.desk.mode == "rules" or not (passage := await self._knowledge.look_up(text)):
            return None
        decision = Decision("document", "found in the papers", passage.source, passage.score)
        if self._knowledge.desk.mode == "worded":
            return Answer(decision, self._said(passage.text, rephrase=True))
        return Answer(decision, lines([passage.text]))


def anew(text: str) -> str:
    """What is wished for once that was taken back: "wake me, no wait, call me a taxi"."""
    *_, last = TAKEN_BACK.split(text)
    return last.strip() or text


def parts(text: str) -> list[str]:
    """The parts of a sentence that may each ask for something; none that says what is not wanted."""
    pieces = [piece.strip(" ,") for piece in JOINT.split(text)]
    kept = [piece for piece in pieces if piece and not NEGATION.search(piece)]
    return kept[:MOST_PARTS] if len(pieces) > 1 else []


def _near(options: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Those worth asking about: one alone where the next is far behind."""
    return tuple(each for each in options if each.score * LONE >= options[0].score)


def _nearest(understood: Understood, options: Sequence[Candidate]) -> Candidate | None:
    """The option that is meant, where nothing else is nearer and no other option near."""
    if understood.verdict != "ask":
        return None
    score = {each.intent: each.score for each in understood.candidates}
    best, *others = sorted(options, key=lambda each: -score.get(each.intent, 0.0))
    clear = all(score.get(each.intent, 0.0) * CLEARLY <= score.get(best.intent, 0.0) for each in others)
    return best if clear and best.intent == understood.candidates[0].intent else None
