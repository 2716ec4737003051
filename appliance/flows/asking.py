"""What the desk asks next in a form, and where it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from appliance.config import Ask, DeskFile
from appliance.flows import told
from appliance.flows.lines import ask_about, expect, expect_about, fill
from appliance.flows.questions import Questions
from appliance.flows.state import Event, Form, State, ended, filled, fold, of, started, worth
from appliance.flows.steps import Step, after
from appliance.messages import Expect
from appliance.slots import Value

NOTHING: Mapping[str, Any] = {}


class Asking:
    """Of one desk file. Every method is a pure function of the state and the time it is given."""

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

    def resume(self, state: State, now: datetime) -> Step:
        """The open question once more."""
        return self._go_on(state, now)

    def give_up(self, state: State, how: str) -> Step:
        """End every form: the caller goes on with a person, a message, or something new."""
        return Step(tuple(of(form, "flow.ended", how=how) for form in state.forms))

    def asks(self, state: State) -> str:
        """The kind of the open question; empty where none is."""
        form = state.form
        asked = self._questions.open(form) if form and form.stage == "ask" else None
        return asked.type if asked else ""

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
            where = ask.otherwise if ask else "human"
            step = self._leave(state, form, where)
            if kind == "missed" and where in ("human", "message") and worth(state):
                step = Step((of(form, "flow.waits"),), leave=where, waits=True)
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

    def _and_the_rest(self, form: Form, asked: Ask, signs: str, now: datetime) -> Step:
        """The beginning of an answer is there."""
        waited = expect(asked, self._questions.context(form, asked, now).options)
        left = replace(waited, digits=(asked.length or 0) - len(signs))
        event = of(form, "slot.begun", asked.slot, value=signs)
        return Step((event,), (self._desk.lines.rest,), left, whole=False)

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
