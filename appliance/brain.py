"""Deciding: an utterance in, an answer out. Facts come from the desk file and its papers, and from nowhere
else; an action runs only as a flow's form says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from appliance.answering.answers import Answer, again, chained, fixed, lines, pressed, unplayed
from appliance.answering.knowing import LIKELY, Meant, Unknown, anew
from appliance.answering.knowledge import MESSAGE
from appliance.answering.language import asks
from appliance.answering.smalltalk import NO_MESSAGE, unasked
from appliance.aside import WAITING, after_urgent, and_back, ask_for_message, in_one, serve, to_person
from appliance.config.standing import UNDO
from appliance.flows.steps import Step
from appliance.messages import Cause, Closing, Decision, Expect, Heard, Noise, Silence, TakenBack
from appliance.mind import Mind
from appliance.observe.redaction import tells_card
from appliance.slots.acts import Act, act, idle, thanks

YES_NO = Expect("yes_no")

LONGEST = 2_000
"""Characters of an utterance that are read; nobody says more in a turn, though somebody may paste it."""


class Brain(Mind):
    """The mind of one conversation: the order in which things are decided."""

    async def enough(self, text: str) -> bool:
        """Whether these words are all of an answer: of what was asked for, or of a phrase of the desk's."""
        if self._place == "taking" or act(text)[0] == "wait":
            return False
        if self._clerk and self._clerk.busy:
            step = self._clerk.consider(text)
            return self._clerk.asks != "text" and step.understood and step.whole
        return await self._knowing.exactly(text)

    async def _decide(self, cause: Cause | None) -> Answer | None:
        news = await self._clerk.settled() if self._clerk else ()
        self._cause, self._before = cause, []
        self._before = [dict(vars(part)) for part in self._parts()]
        if self._clerk:
            self._clerk.mark()
        match cause:
            case None:
                return self._open()
            case TakenBack(_, why):
                return fixed("person", why, self._lines.nobody, Expect("yes_no"), then="offered")
            case Closing():
                farewell = fixed("closing", "the desk stops", self._lines.leaving, hang_up=True)
                return replace(farewell, lines=chained(lines(news), farewell.lines))
            case Heard():
                self._smalltalk.heard()
                answer = await self._respond(" ".join(cause.text.split())[:LONGEST])
                answer = await self._and_then(answer)
                return replace(answer, lines=chained(lines(news), answer.lines))
            case _ if news:
                return Answer(
                    Decision("news", "what came of it was not heard", "desk.toml flow"), lines(news)
                )
            case Noise() if self._said is None:
                return None
            case Noise():
                return self._go_on() or self._smalltalk.mumbled(cause, self._place, self.expects)
            case Silence():
                return await self._break_silence()

    def _open(self) -> Answer:
        """The first words; before them, that the call is recorded, or whether it may be."""
        if self._consent and self._consent.asks:
            return fixed("recording", "may be recorded", self._lines.may_record, YES_NO, then="recording")
        recorded = [self._lines.recorded] if self._consent and self._consent.announces else []
        return self._greet(recorded)

    async def _go_in(self, before: Sequence[str]) -> Answer:
        """Whether it is recorded is settled: the call begins, or the form that asked."""
        if not self._clerk or not self._clerk.busy:
            return self._greet(before)
        form = self._form(await self._clerk.again())
        return replace(form, lines=chained(lines(before), form.lines))

    async def _refuse_card(self) -> Answer:
        """A card number is nothing to be told; where the desk can text a link to pay by, it begins to."""
        by_link = self._knowing.flow_that_does("payment.link")
        refused = fixed("card", "it is not to be told", self._lines.card, self.expects, then=self._place)
        if self._clerk and self._clerk.busy:
            return await and_back(self._clerk, replace(refused, lines=lines(unasked(self._lines.card))))
        if not by_link or not self._clerk:
            return refused
        step = await self._clerk.start(by_link, "")
        form = replace(self._form(step), decision=refused.decision)
        return replace(form, lines=chained(lines([self._lines.card_link]), form.lines))

    def _greet(self, before: Sequence[str]) -> Answer:
        greeting = self._smalltalk.greet("the call began", self._closed)
        own = lines([self._opening]) if self._opening else greeting.lines
        return replace(greeting, lines=chained(lines(before), own))

    async def _respond(self, text: str) -> Answer:
        if tells_card(text):
            return await self._refuse_card()
        said, rest = act(text, agreeing=self._clerk is not None and self._clerk.confirming)
        if self._consent and self._place == "recording":
            # A yes to anything else, as to whether somebody is there, is none to this.
            questions = (self._lines.may_record, self._lines.may_record_flow)
            asked = self._said is not None and any(each in self._said.spoken.text for each in questions)
            self._consent.answer(asked and said == "yes")
            if said in ("yes", "no") and not rest:
                return await self._go_in([] if said == "yes" else [self._lines.not_recorded])
        elif self._consent and self._consent.refuses(text):
            self._consent.refuse()
            return fixed("recording", "the caller wants none", self._lines.not_recorded)
        if said != "person":
            self._last_words = text
        anything = self._place == "taking" or (self._clerk is not None and self._clerk.asks == "text")
        if urgent := await self._knowing.urgent(text, self._closed, anything):
            return urgent
        if said == "wait" or (self._clerk and self._clerk.busy and idle(text)):
            return fixed("wait", "asks for a moment", self._lines.wait, self.expects, then=self._place)
        told = self._answer, self._said
        if back := await after_urgent(self._desk, self._clerk, self._knowing, self._place, text, told):
            return back
        agrees = self._place in ("offered", "which") and said == "yes" and not rest
        if self._clerk and self._clerk.busy and not agrees:
            return await self._in_form(text, said)
        if self._place == "taking" and (said not in NO_MESSAGE or rest):
            return await self._smalltalk.take_message(text)
        if self._place == "agreeing" and self._clerk and said in ("yes", "no") and not rest:
            played = self._said.spoken.text if self._said else ""
            return self._form(await self._clerk.answer(said == "yes", played))
        undone = said == "back" or (said == "cancel" and self._clerk and self._clerk.done)
        if undone and not rest and self._clerk:
            return await self._serve(UNDO, text)
        if self._place in ("offered", "taking") and said in ("yes", "no") and not rest:
            if said == "no":
                return self._smalltalk.decline()
            return await ask_for_message(self._desk, self._clerk, self._smalltalk)
        if self._place == "which" and said not in ("repeat", "goodbye", "person", "thanks", "hello"):
            return await self._take_up(await self._knowing.choice(text, said), text)
        if said not in ("none", "correct") and not rest:
            return self._talk("thanks" if said == "yes" and thanks(text) else said)
        text = anew(text)
        wishes = await self._knowing.wishes(text)
        self._later = (*self._later, *wishes[1:])
        return await self._take_up(wishes[0] if wishes else await self._knowing.about(text), text)

    async def _and_then(self, answer: Answer) -> Answer:
        """What else the caller had wanted, once nothing is under way any more."""
        while self._later and not (self._clerk and self._clerk.busy):
            if answer.hang_up or answer.then != "open":
                break
            later, *others = self._later
            self._later = tuple(others)
            answer = await in_one(answer, await self._take_up(later, later.text))
        return answer

    async def _take_up(self, about: Meant | Answer | Unknown, text: str) -> Answer:
        """A flow begins, a fact is told, a message is taken; or nothing answers."""
        match about:
            case Answer():
                return about
            case Unknown(score, foreign, asked):
                return await self._smalltalk.unknown(asked or text, score, foreign)
        if self._clerk and (service := self._knowing.service_of(about.found)):
            return await self._serve(service, text)
        if fact := self._knowing.fact(about, self._closed):
            return fact
        return await self._begin(about)

    async def _begin(self, errand: Meant) -> Answer:
        if errand.found.intent == MESSAGE:
            return await ask_for_message(self._desk, self._clerk, self._smalltalk)
        if not self._clerk:
            return await self._smalltalk.unknown(errand.text, errand.found.score)
        step = await self._clerk.start(errand.found.intent, errand.text, errand.slots)
        form = self._form(step, errand)
        match self._consent.wanted(self._recording()) if self._consent else "":
            case "announce":
                return replace(form, lines=chained(lines([self._lines.recorded]), form.lines))
            case "ask":
                ask = self._lines.may_record_flow
                return fixed("recording", "this may be recorded", ask, YES_NO, then="recording")
        return form

    async def _serve(self, service: str, text: str) -> Answer:
        assert self._clerk
        step = await serve(self._clerk, self._lines, service, text)
        return replace(self._form(step), decision=Decision(service, "asked for", "desk.toml lines"))

    async def _in_form(self, text: str, said: Act) -> Answer:
        """A form is open: its answer, or for once another subject, after which it goes on."""
        assert self._clerk
        form = self._clerk.state.form
        played = self._said.spoken if self._said else None
        if self._clerk.confirming and said == "yes" and not (played and self._clerk.agreeable(played.text)):
            return self._form(await self._clerk.again())
        flow = form.flow if form else ""
        if self._clerk.confirming and said == "yes" and (also := await self._knowing.besides(text, flow)):
            self._later = (*self._later, *also)
            text = "yes"
        if said == "goodbye":
            return await self._leave(self._talk(said))
        if said == "cancel" and (instead := await self._knowing.besides(text, flow, LIKELY)):
            self._later = (*self._later, *instead)
            text = "cancel"
        if (said == "person" and not self._reachable) or (said == "repeat" and self._place == "offered"):
            return self._talk(said)  # The form waits: who wants no message goes on with it.
        if self._place in ("offered", "which") and said == "no":
            return await and_back(self._clerk, self._smalltalk.decline(going_on=True))
        if form and self._clerk.asks == "text":
            if (errand := await self._knowing.errand(text)) and not self._knowing.is_flow(errand.found):
                return await self._aside(errand)
        elif form:
            if (service := await self._knowing.service(text)) and service != UNDO:
                served = await self._serve(service, text)
                return await and_back(self._clerk, served) if self._clerk.busy else served
            if (errand := await self._knowing.errand(text)) and errand.found.intent != form.flow:
                return await self._aside(errand)
        if self._clerk.consider(text).understood:
            return self._form(await self._clerk.hear(text, played.text if played else ""))
        aside = await self._knowing.aside(text, flow)
        if isinstance(aside, Meant):
            if form and self._knowing.is_flow(aside.found):
                same = aside.found.intent == form.flow
                return self._form(await self._clerk.again()) if same else await self._begin(aside)
            aside = self._knowing.fact(aside, self._closed)
        if isinstance(aside, Unknown):
            aside = await self._smalltalk.unknown(text, aside.score, aside.foreign)
        if aside:
            return await and_back(self._clerk, aside)
        if self._place == "offered":
            return await ask_for_message(self._desk, self._clerk, self._smalltalk)
        if near := await self._knowing.perhaps(text):
            return near
        if asks(text):
            return await and_back(self._clerk, await self._smalltalk.unknown(text, going_on=True))
        return self._form(await self._clerk.hear(text, ""))

    async def _aside(self, errand: Meant) -> Answer:
        """A fact, after which the form goes on, or another errand."""
        assert self._clerk
        fact = self._knowing.fact(errand, self._closed)
        return await and_back(self._clerk, fact) if fact else await self._begin(errand)

    def _form(self, step: Step, errand: Meant | None = None) -> Answer:
        """What a form says; or where it hands over to."""
        assert self._clerk
        form = self._clerk.state.form
        name = form.flow if form else errand.found.intent if errand else "form"
        decision = Decision(name, f"form: {form.stage}" if form else "form: ended", f"desk.toml flow.{name}")
        if step.leave == "cancel":
            return Answer(decision, lines([*step.say, self._lines.cancelled]))
        if step.waits and not (step.leave == "human" and self._reachable):
            return Answer(decision, lines([*step.say, self._lines.lost]), Expect("yes_no"), then="offered")
        if step.leave == "message":
            return replace(self._smalltalk.ask_for_message(), lines=lines([*step.say, self._lines.message]))
        if step.leave:
            return self._to_person(decision, step.say)
        if not form and (offer := self._clerk.offer):
            return Answer(decision, lines([*step.say, offer.line]), Expect("yes_no"), then="agreeing")
        if form and form.stage == "ask":
            asked = self._knowing.asked(name, step.say)
            keys = pressed(self._lines.press, step.expect) if self._clerk.by_telephone else []
            return Answer(decision, chained(asked, lines(keys)), step.expect)
        return Answer(decision, lines(step.say), step.expect)

    def _to_person(self, decision: Decision, say: Sequence[str] = ()) -> Answer:
        to = self._handoff if self._reachable else None
        return to_person(self._desk, self._clerk, to, decision, say, self._last_words)

    def _go_on(self) -> Answer | None:
        """What cut the answer off was no speech: say the rest of it, or all of what asks for a yes."""
        if self._said is None or self._answer is None:
            return None
        return unplayed(self._answer, self._said, whole=bool(self._clerk and self._clerk.confirming))

    async def _break_silence(self) -> Answer:
        if self._clerk and self._clerk.busy and self._place not in WAITING:
            return self._form(await self._clerk.quiet())
        if self._said is None:
            return self._smalltalk.greet("nobody speaks", self._closed)
        answer = self._smalltalk.break_silence(self._said.meant, self._place, self.expects)
        if answer.hang_up:
            return await self._leave(answer)
        return self._open() if self._place == "recording" else answer

    async def _leave(self, goodbye: Answer) -> Answer:
        """Before the end: how to go on with what is unfinished."""
        paused = await self._clerk.pause() if self._clerk else ()
        return replace(goodbye, lines=chained(lines(paused), goodbye.lines))

    def _talk(self, said: Act) -> Answer:
        if said == "repeat" and self._answer and self._said:
            return again(self._answer, self._said)
        if said == "person":
            return self._to_person(Decision("person", "a person is wanted", "desk.toml handoff"))
        return self._smalltalk.reply(said, first=self._said is not None and self._said.number == 1)
