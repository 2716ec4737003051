"""A form being filled: what the caller says in, events and what to say out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from appliance.config import Ask, DeskFile
from appliance.flows import told
from appliance.flows.lines import ask_about, expect, expect_about, fill
from appliance.flows.questions import Questions
from appliance.flows.state import SAID, Event, Form, State, ended, filled, fold, of, started
from appliance.flows.steps import Request, Step, after
from appliance.flows.told import SURE
from appliance.messages import Expect
from appliance.slots import Value, chosen
from appliance.slots.acts import Act, act

NOTHING: Mapping[str, Any] = {}

LIKELY = 0.45
"""A change of a form that is about to be confirmed counts from here: the confirm line tells it anew."""


class Forms:
    """The flows of a desk file. Every method is a pure function of the state and the time it is given."""

    def __init__(self, desk: DeskFile) -> None:
        self._desk = desk
        self._questions = Questions(desk)

    def start(
        self,
        state: State,
        name: str,
        text: str,
        now: datetime,
        known: Mapping[str, Value] = NOTHING,
        captured: Mapping[str, str] = NOTHING,
    ) -> Step:
        """Begin a flow. What the sentence that began it tells already fills its slots: `captured` are the
        words that a phrase's slots caught. What is `known` of the caller, `caller_id` and `remembered.SLOT`,
        is offered where the flow asks for it."""
        closed = self._desk.flow[name].closed
        if not closed or not self._desk.closed(now):
            return self._begin(state, name, text, now, known, captured)
        if closed.goto == name:
            begun = self._begin(state, name, text, now, known, captured)
            return replace(begun, say=(closed.say, *begun.say))
        if closed.goto:
            return Step(say=(closed.say,), leave=closed.goto)
        return after((), self._below(state, now), say=(closed.say,))

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
            wish = told.wish(self._questions.asks(form.flow), form, text, bare=False)
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

    def resume(self, state: State, now: datetime) -> Step:
        """The open question once more."""
        return self._go_on(state, now)

    def give_up(self, state: State, how: str) -> Step:
        """End every form: the caller goes on with a person, a message, or something new."""
        return Step(tuple(of(form, "flow.ended", how=how) for form in state.forms))

    def asks_for_text(self, state: State) -> bool:
        form = state.form
        asked = self._questions.open(form) if form and form.stage == "ask" else None
        return asked is not None and asked.type == "text"

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
        if wish := told.wish(self._questions.asks(form.flow), form, rest if marked else text, marked):
            return self._ask_anew(state, form, *wish, now)
        words = rest if said == "correct" else text
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
        if wish := told.wish(self._questions.asks(form.flow), form, words, bare=False):
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
        if wish := told.wish(asks, form, text, bare):
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
            return self._then(state, self._questions.filling(form, {ask.slot: values}, {ask.slot}), now)
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

    # What the desk says next.

    def _begin(
        self,
        state: State,
        name: str,
        text: str,
        now: datetime,
        known: Mapping[str, Value],
        captured: Mapping[str, str] = NOTHING,
        instead: Form | None = None,
    ) -> Step:
        """`instead` of a called form that has ended: it comes back with what was told there too."""
        flow, asks = self._desk.flow[name], self._questions.asks(name)
        needed = {key: value for key, value in known.items() if key in self._questions.needs(name, set())}
        within, call = (instead.within, instead.call) if instead else (0, "")
        form = Form(state.count + 1, name)
        events = [started(form.id, name, needed, within, call)]
        if instead:
            events += [filled(form, *each, instead.sources[each[0]]) for each in instead.slots.items()]
        state = fold(events, state)
        assert state.form
        contexts = self._questions.contexts(state.form, asks, now)
        found = told.trusted(asks, told.tell(asks, text, contexts, now), contexts)
        found = told.captured(asks, captured, found, contexts)
        step = self._then(state, self._questions.filling(state.form, found, captured), now)
        return after(events, step, say=(flow.say,) if flow.say else ())

    def _then(self, state: State, events: Sequence[Event], now: datetime) -> Step:
        """What follows once this has happened."""
        return after(events, self._go_on(fold(events, state), now))

    def _go_on(self, state: State, now: datetime) -> Step:
        """The next look-up, question, confirm line, the action, or the end."""
        form = state.form
        assert form is not None
        flow = self._desk.flow[form.flow]
        if form.stage == "doing" and flow.do:
            # The outcome was not kept in mind; under its key it is told again, not done again.
            return Step(request=self._questions.request(form, flow.do))
        if form.doubt:
            slot, doubt = form.doubt
            about = expect_about(self._questions.ask(form, slot), doubt)
            return Step(say=(ask_about(self._desk.lines, slot, doubt),), expect=about)
        if request := self._questions.look_up(form):
            return Step(request=request)
        if asked := self._questions.open(form):
            if asked.call:
                return self._call(state, form, asked.call, now)
            if offer := self._questions.offer(form, asked):
                return self._then(state, [offer], now)
            options = self._questions.context(form, asked, now).options
            return Step(say=(fill(asked.prompt, form),), expect=expect(asked, options))
        if flow.do is None:
            last = fill(flow.done, form) if flow.done else "" if form.within else self._desk.lines.finished
            return self._end(state, form, (last,) if last else (), now)
        if flow.do.confirm:
            event = of(form, "flow.confirming")
            return Step((event,), (fill(flow.do.confirm, form),), Expect("yes_no"))
        return Step((of(form, "flow.doing"),), request=self._questions.request(form, flow.do))

    def _call(self, state: State, form: Form, name: str, now: datetime) -> Step:
        """Another flow's questions, less what has been told of them."""
        events = [started(state.count + 1, name, form.known, form.id, name)]
        state = fold(events, state)
        child = state.form
        assert child
        for ask in self._questions.asks(name):
            if ask.slot in form.declined:
                events.append(of(child, "slot.declined", ask.slot))
            if ask.slot in form.slots:
                events.append(filled(child, ask.slot, form.slots[ask.slot], form.sources[ask.slot]))
            if ask.slot in form.checked:
                events.append(of(child, "slot.checked", ask.slot))
        say = self._desk.flow[name].say
        step = self._go_on(fold(events[1:], state), now)
        return after(events, step, say=(fill(say, form),) if say else ())

    def _end(self, state: State, form: Form, say: tuple[str, ...], now: datetime) -> Step:
        """The form is complete; the one that called it goes on with its slots, or whatever was left open."""
        events = [of(form, "flow.ended", how="done")]
        if caller := next((each for each in state.forms if each.id == form.within), None):
            new = [slot for slot, value in form.slots.items() if caller.slots.get(slot) != value]
            events += [filled(caller, slot, form.slots[slot], form.sources[slot]) for slot in new]
            events += [of(caller, "slot.checked", slot) for slot in sorted(form.checked)]
            events.append(of(caller, "flow.returned", call=form.call))
        return after(events, self._below(fold(events, state), now), say=say)

    def _below(self, state: State, now: datetime) -> Step:
        """What was left open goes on."""
        return self._go_on(state, now) if state.form else Step()

    def _again(self, state: State, form: Form, kind: Literal["missed", "quiet"], now: datetime) -> Step:
        """The same question in other words, until it has been asked often enough."""
        event = of(form, kind)
        state = fold([event], state)
        form = next(each for each in state.forms if each.id == form.id)
        ask = self._questions.ask(form, form.doubt[0]) if form.doubt else self._questions.open(form)
        most = (ask.no_match if kind == "missed" else ask.no_input) if ask else 2
        times = form.misses if kind == "missed" else form.quiets
        if times > most:
            step = self._leave(state, form, ask.otherwise if ask else "human")
        elif ask and form.stage == "ask" and ask.reprompt:
            line = ask.reprompt[min(times, len(ask.reprompt)) - 1]
            step = Step(
                say=(fill(line, form),), expect=expect(ask, self._questions.context(form, ask, now).options)
            )
        else:
            step = self._go_on(state, now)
            if kind == "missed":
                step = replace(step, say=(self._desk.lines.again, *step.say))
        return after([event], step)

    def _leave(self, state: State, form: Form, where: str) -> Step:
        return Step(tuple(ended(state, form, where)), leave=where)

    def _go_to(self, state: State, form: Form, chosen: Event, target: str, now: datetime) -> Step:
        """Another flow takes this one's place."""
        form = next(each for each in fold([chosen], state).forms if each.id == form.id)
        end = of(form, "flow.ended", how=f"goto {target}")
        state = fold([end], state)
        if not form.within:
            return after([end], self.start(state, target, "", now, form.known))
        return after([end], self._begin(state, target, "", now, form.known, instead=form))
