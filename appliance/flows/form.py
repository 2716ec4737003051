"""A form being filled: what the caller says in, events and what to say out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from appliance.config import Ask
from appliance.flows import told
from appliance.flows.asking import Asking
from appliance.flows.lines import fill
from appliance.flows.pieces import together
from appliance.flows.state import SAID, Event, Form, State, ended, filled, fold, of
from appliance.flows.steps import Request, Step, after
from appliance.flows.told import SURE
from appliance.slots import Value, chosen
from appliance.slots.acts import Act, act

LIKELY = 0.45
"""A change of a form that is about to be confirmed counts from here: the confirm line tells it anew."""


class Forms(Asking):
    """The flows of a desk file. Every method is a pure function of the state and the time it is given."""

    def hear(self, state: State, text: str, now: datetime) -> Step:
        """What the caller said while a form is open. What a called form does not understand may correct those
        that called it."""
        step = self._hear(state, text, now)
        if step.understood or not (events := self._questions.callers_told(state, *act(text), now)):
            return step
        return self._then(state, events, now)

    def _hear(self, state: State, text: str, now: datetime) -> Step:
        form = state.form
        assert form is not None
        if form.stage == "doing":
            return self._go_on(state, now)
        said, rest = act(text, form.stage == "confirm")
        if said == "person":
            return self._leave(state, form, "human")
        if said == "cancel":
            return self._leave(state, form, "cancel")
        if said == "repeat":
            return self.resume(state, now)
        if said == "back":
            wish = self._questions.wish(form, text, now)
            return self._ask_anew(state, form, *wish, now) if wish else self._back(state, form, now)
        match form.stage:
            case "doubt":
                return self._settle(state, form, said, rest, text, now)
            case "confirm":
                return self._confirm(state, form, said, rest, now)
            case "change" if said == "no" and not rest:
                return self._leave(state, form, "cancel")
            case "change":
                return self._change(state, form, rest or text, now, bare=True)
        return self._answer(state, form, said, rest, text, now)

    def quiet(self, state: State, now: datetime) -> Step:
        """Nobody answered."""
        if not (form := state.form):
            return Step()
        return self._go_on(state, now) if form.stage == "doing" else self._again(state, form, "quiet", now)

    def checked(self, state: State, request: Request, ok: bool, why: str, now: datetime) -> Step:
        """A look-up has come back: the slot stands, or is asked anew."""
        form = state.form
        assert form is not None
        slot = request.check
        if ok:
            return self._then(state, [of(form, "slot.checked", slot)], now)
        offered = form.sources.get(slot, SAID) != SAID
        event = of(form, "slot.declined" if offered else "slot.cleared", slot)
        refused = self._desk.lines.refused.format(value=form.slots[slot].spoken, why=why)
        return after([event], self._again(fold([event], state), form, "missed", now), say=(refused,))

    def done(self, state: State, ok: bool, why: str, result: Mapping[str, Any], now: datetime) -> Step:
        """The action has come back."""
        form = state.form
        assert form is not None
        do = self._desk.flow[form.flow].do
        assert do is not None
        if ok:
            line = (fill(do.done, form, result),)
            return replace(self._end(state, form, line, now), news=line)
        end = ended(state, form, why)
        if why in do.refused:
            line = (fill(do.refused[why], form, result),)
            if amending := self._questions.amending(state, do, why):
                return replace(after((), self._amend(state, amending, now), say=line), news=line)
            return replace(after(end, self._below(fold(end, state), now), say=line), news=line)
        line = (self._desk.lines.failed,)
        return Step(tuple(end), line, leave=do.fail, news=line)

    # What the caller's words do to the form.

    def _answer(self, state: State, form: Form, said: Act, rest: str, text: str, now: datetime) -> Step:
        """An answer to the question that was asked; it may fill other slots too, and change those before."""
        asked = self._questions.open(form)
        assert asked is not None
        marked = said in ("correct", "no") and bool(rest)
        if wish := self._questions.wish(form, rest if marked else text, now, marked):
            return self._ask_anew(state, form, *wish, now)
        words = rest if said == "correct" else text
        if signs := together(asked, "" if marked else form.begun, words):
            if len(signs) < (asked.length or 0):
                return self._and_the_rest(form, asked, signs, now)
            words = " ".join(signs)
        changed, found = self._questions.corrections(form, asked, words, marked, now)
        if not (changed and marked):
            unfilled = [ask for ask in self._questions.asks(form.flow) if ask.slot not in form.slots]
            found = self._questions.tell(form, unfilled, words, now, asked)
            if told.sureness(found.get(asked.slot)) >= SURE:
                changed = {}
            elif changed:
                found = {slot: values for slot, values in found.items() if slot != asked.slot}
        if not found and not changed:
            return replace(self._again(state, form, "missed", now), understood=False)
        own = found.get(asked.slot, ())
        if asked.goto and len(own) == 1 and told.sureness(own) >= SURE and not asked.readback:
            return self._settled(state, form, asked, own[0], now)
        events = self._questions.filling(form, changed, doubt=not marked)
        return self._then(state, events + self._questions.filling(form, found, {asked.slot}), now)

    def _settle(self, state: State, form: Form, said: Act, rest: str, text: str, now: datetime) -> Step:
        """An answer to what is in doubt: whether a value is meant, may be used, or which of a few."""
        assert form.doubt
        slot, doubt = form.doubt
        ask, words = self._questions.ask(form, slot), rest or text
        context = self._questions.context(form, ask, now)
        if len(doubt.values) > 1 and (value := chosen(ask.type, text, context, doubt.values)):
            return self._settled(state, form, ask, value, now)
        first = doubt.values[0]
        plain = said in ("yes", "no") and not rest
        other = told.answer(ask, words, context) if ask.type != "text" and not plain else ()
        if said == "none" and len(doubt.values) == 1 and doubt.source == SAID:
            other = told.going_on(ask, first, words, other, context)
        part = said == "yes" and bool(other) and str(other[0].value).lower() in str(first.value).lower()
        same = said not in ("no", "correct") and [each.value for each in other] == [first.value]
        if len(doubt.values) == 1 and (same or part or (said == "yes" and not other)):
            told_too = [] if part else self._questions.beside(state, slot, rest, now)
            return self._settled(state, form, ask, first, now, doubt.source, told_too)
        if other and {each.value for each in other} - {each.value for each in doubt.values}:
            again = len(doubt.values) == 1 and (doubt.source == SAID or said not in ("no", "correct"))
            return self._then(state, self._questions.filling(form, {slot: other}, {slot}, again), now)
        if wish := self._questions.wish(form, words, now):
            return self._ask_anew(state, form, *wish, now)
        marked = said in ("no", "correct") and bool(rest)
        if marked and (changed := self._questions.corrections(form, ask, rest, True, now)[0]):
            return self._then(state, self._questions.filling(form, changed), now)
        # A "no" with something after it may be another subject; where it is none, it is a no.
        if said in ("no", "correct") and doubt.source != SAID:
            return replace(self._then(state, [of(form, "slot.declined", slot)], now), understood=said == "no")
        if said in ("no", "correct"):
            event = of(form, "slot.cleared", slot)
            step = after([event], self._again(fold([event], state), form, "missed", now))
            return replace(step, understood=said == "no")
        if beside := self._questions.beside(state, slot, words, now):
            return self._then(state, beside, now)
        return replace(self._again(state, form, "missed", now), understood=False)

    def _settled(
        self,
        state: State,
        form: Form,
        ask: Ask,
        value: Value,
        now: datetime,
        source: str = SAID,
        beside: Sequence[Event] = (),
    ) -> Step:
        """A value is certain, and others were told beside it."""
        event = filled(form, ask.slot, replace(value, score=1.0), source)
        if target := ask.goto.get(str(value.value)):
            return self._go_to(state, form, event, target, now)
        return self._then(state, [event, *beside], now)

    def _confirm(self, state: State, form: Form, said: Act, rest: str, now: datetime) -> Step:
        """Yes does it; no, or another value, changes it."""
        do = self._desk.flow[form.flow].do
        assert do is not None
        if said == "yes" and (not rest or self._questions.agrees(form, rest, now)):
            request = self._questions.request(form, do)
            event = of(form, "confirmed", action=request.action, arguments=dict(request.arguments))
            return Step((event,), request=request)
        marked = said in ("no", "correct")
        if rest and (changed := self._change(state, form, rest, now, bare=False, marked=marked)).understood:
            return changed
        if marked:
            return replace(self._amend(state, of(form, "flow.changing"), now), understood=said == "no")
        return replace(self._again(state, form, "missed", now), understood=False)

    def _change(
        self, state: State, form: Form, text: str, now: datetime, bare: bool, marked: bool = True
    ) -> Step:
        """Which slot, and to what. Where nobody has said that something is to be changed, what could be but a
        word of the caller's own, "wait" or "lovely", is not taken for a name."""
        asks = self._questions.asks(form.flow)
        if wish := self._questions.wish(form, text, now, bare):
            return self._ask_anew(state, form, *wish, now)
        contexts = self._questions.contexts(form, asks, now)
        found = told.tell(asks, text, contexts, now)
        found = {slot: values for slot, values in found.items() if told.sureness(values) >= LIKELY}
        found = found if marked else told.trusted(asks, found, contexts)
        if not found:
            return replace(self._again(state, form, "missed", now), understood=False)
        changed = {slot: values for slot, values in found.items() if told.differs(form, slot, values)}
        return self._then(state, self._questions.filling(form, changed), now)

    def _amend(self, state: State, event: Event, now: datetime) -> Step:
        """The caller is asked what to change, or for the one thing that there is to change."""
        changing = event.kind == "flow.changing"
        return Step((event,), (self._desk.lines.change,)) if changing else self._then(state, [event], now)

    def _ask_anew(self, state: State, form: Form, ask: Ask, to: str, now: datetime) -> Step:
        """What the caller wants changed is asked for again, unless the new value was said."""
        values = told.answer(ask, to, self._questions.context(form, ask, now)) if to else ()
        if values:
            others = [each for each in self._questions.asks(form.flow) if each.type != ask.type]
            found = {**self._questions.tell(form, others, to, now), ask.slot: values}
            return self._then(state, self._questions.filling(form, found, {ask.slot}), now)
        return self._then(state, [of(form, "slot.cleared", ask.slot, wanted=True)], now)

    def _back(self, state: State, form: Form, now: datetime) -> Step:
        """To the question before, be it the calling flow's."""
        events = []
        if form.doubt:
            slot, doubt = form.doubt
            events.append(of(form, "slot.cleared", slot))
            if doubt.source == SAID:
                return self._then(state, events, now)
        if last := self._questions.last(form):
            events.append(of(form, "slot.cleared", last, wanted=True))
        elif caller := next((each for each in state.forms if each.id == form.within), None):
            events.append(of(form, "flow.ended", how="back"))
            if last := self._questions.last(caller):
                events.append(of(caller, "slot.cleared", last, wanted=True))
        return self._then(state, events, now)
