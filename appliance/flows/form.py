"""A form being filled: what the caller says in, events and what to say out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from appliance.config import Ask, DeskFile, Do, Flow
from appliance.flows.state import Event, Form, State, fold
from appliance.messages import Expect
from appliance.slots import Context, Value, find, parse
from appliance.slots.acts import act

SURE = 0.6
"""A value less certain than this is read back even where the desk file does not ask for it."""

UNASKED = 0.75
"""A value that nobody asked for counts only if it is at least so certain."""

NOTHING: Mapping[str, Value] = {}

EXPECT: Mapping[str, Literal["any", "yes_no", "digits", "spelled", "name"]] = {
    "phone": "digits",
    "number": "digits",
    "code": "spelled",
    "spelled": "spelled",
    "email": "spelled",
    "name": "name",
    "choice": "name",
    "yes_no": "yes_no",
}


@dataclass(frozen=True, slots=True)
class Request:
    """Something that must be done in the world before the flow goes on."""

    form: int
    action: str
    arguments: Mapping[str, Any]
    check: str = ""
    """The slot that this is only a look-up for; empty for the action at the end."""


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from what happened."""

    events: tuple[Event, ...] = ()
    say: tuple[str, ...] = ()
    expect: Expect = field(default_factory=Expect)
    request: Request | None = None
    leave: str = ""
    """`human` or `message` where the flow hands over to one; `cancel` where it was given up."""
    understood: bool = True
    """False where the caller said something that is no answer; it may be another subject."""


class Forms:
    """The flows of a desk file. Every method is a pure function of the state it is given."""

    def __init__(self, desk: DeskFile) -> None:
        self._desk = desk

    def start(
        self, state: State, name: str, text: str, now: datetime, known: Mapping[str, Value] = NOTHING
    ) -> Step:
        """Begin a flow; what the sentence that began it tells already fills its slots, and so does what is
        `known`: `caller_id`, and `remembered.SLOT`."""
        flow = self._desk.flow[name]
        form = Form(state.count + 1, name)
        events = [Event("flow.started", {"form": form.id, "flow": name})]
        kinds = {ask.slot: ask.type for ask in flow.ask if ask.type != "text"}
        contexts = {ask.slot: self._context(ask, now) for ask in flow.ask}
        for slot, value in find(kinds, text, Context(now), contexts).items():
            if value.score >= UNASKED:
                events.append(filled(form, slot, value))
        events += _prefilled(form, flow, known, {event.data.get("slot") for event in events})
        step = self._go_on(fold(events, state), now)
        say = (flow.say, *step.say) if flow.say else step.say
        return replace(step, events=(*events, *step.events), say=say)

    def hear(self, state: State, text: str, now: datetime) -> Step:
        """What the caller said while a form is open."""
        form = state.form
        assert form is not None
        if form.stage == "doing":
            return self._go_on(state, now)
        said, rest = act(text)
        if said == "person":
            return self._leave(form, "human")
        if said == "cancel":
            return self._leave(form, "cancel")
        if said == "repeat":
            return self.resume(state, now)
        if said == "back":
            return self._back(state, form, now)
        match form.stage:
            case "readback":
                return self._readback(state, form, said, rest, text, now)
            case "confirm":
                return self._confirm(state, form, said, rest, now)
            case "change":
                return self._change(state, form, rest or text, now)
        return self._answer(state, form, rest if said == "correct" else text, now)

    def quiet(self, state: State, now: datetime) -> Step:
        """Nobody answered."""
        form = state.form
        if form is None:
            return Step()
        return self._go_on(state, now) if form.stage == "doing" else self._again(state, form, "quiet", now)

    def resume(self, state: State, now: datetime) -> Step:
        """The open question once more."""
        return self._go_on(state, now)

    def give_up(self, state: State, how: str) -> Step:
        """End every form: the caller goes on with a person, a message, or something new."""
        return Step(tuple(Event("flow.ended", {"form": form.id, "how": how}) for form in state.forms))

    def asks_for_text(self, state: State) -> bool:
        form = state.form
        asked = self._open(form) if form and form.stage == "ask" else None
        return asked is not None and asked.type == "text"

    def checked(self, state: State, request: Request, ok: bool, why: str, now: datetime) -> Step:
        """A look-up has come back: the slot stands, or is asked anew."""
        form = state.form
        assert form is not None
        if ok:
            event = Event("slot.checked", {"form": form.id, "slot": request.check})
            step = self._go_on(fold([event], state), now)
            return replace(step, events=(event, *step.events))
        ask = self._ask(form, request.check)
        event = Event("slot.cleared", {"form": form.id, "slot": request.check})
        step = self._again(fold([event], state), form, "missed", now)
        refused = self._desk.lines.refused.format(value=form.slots[ask.slot].spoken, why=why)
        return replace(step, events=(event, *step.events), say=(refused, *step.say))

    def done(self, state: State, ok: bool, why: str, result: Mapping[str, Any]) -> Step:
        """The action has come back."""
        form = state.form
        assert form is not None
        do = self._flow(form).do
        assert do is not None
        ended = Event("flow.ended", {"form": form.id, "how": "done" if ok else why})
        if ok:
            return Step((ended,), (self._fill(do.done, form, result),))
        if why in do.refused:
            return Step((ended,), (self._fill(do.refused[why], form, result),))
        return Step((ended,), (self._desk.lines.failed,), leave=do.fail)

    # What the caller's words do to the form.

    def _answer(self, state: State, form: Form, text: str, now: datetime) -> Step:
        """An answer to the question that was asked; it may fill other slots too."""
        flow, asked = self._flow(form), self._open(form)
        assert asked is not None
        kinds = {ask.slot: ask.type for ask in flow.ask if ask.type != "text" and ask.slot not in form.slots}
        contexts = {ask.slot: self._context(ask, now) for ask in flow.ask}
        found = dict(find(kinds, text, Context(now), contexts)) if len(kinds) > 1 else {}
        if asked.slot not in found and (value := parse(asked.type, text, contexts[asked.slot])):
            found = {asked.slot: value}
        found = {slot: v for slot, v in found.items() if slot == asked.slot or v.score >= UNASKED}
        if asked.slot not in found:
            others = [filled(form, slot, value) for slot, value in found.items()]
            if not others:
                return replace(self._again(state, form, "missed", now), understood=False)
            step = self._go_on(fold(others, state), now)
            return replace(step, events=(*others, *step.events))
        events = [filled(form, slot, value) for slot, value in found.items() if slot != asked.slot]
        value = found[asked.slot]
        if target := asked.goto.get(str(value.value)):
            ended = Event("flow.ended", {"form": form.id, "how": f"goto {target}"})
            step = self.start(fold([ended], state), target, "", now)
            return replace(step, events=(ended, *step.events))
        events.append(filled(form, asked.slot, value, doubted=asked.readback or value.score < SURE))
        step = self._go_on(fold(events, state), now)
        return replace(step, events=(*events, *step.events))

    def _readback(self, state: State, form: Form, said: str, rest: str, text: str, now: datetime) -> Step:
        """Yes, no, or another value."""
        assert form.doubt
        slot, value = form.doubt
        if said == "yes" and not rest:
            event = filled(form, slot, replace(value, score=1.0))
            step = self._go_on(fold([event], state), now)
            return replace(step, events=(event, *step.events))
        ask = self._ask(form, slot)
        corrected = parse(ask.type, rest or text, self._context(ask, now)) if ask.type != "text" else None
        if corrected and corrected.value != value.value:
            event = filled(form, slot, corrected, doubted=True)
            step = self._go_on(fold([event], state), now)
            return replace(step, events=(event, *step.events))
        if said == "no":
            event = Event("slot.cleared", {"form": form.id, "slot": slot})
            step = self._again(fold([event], state), form, "missed", now)
            return replace(step, events=(event, *step.events))
        return replace(self._again(state, form, "missed", now), understood=False)

    def _confirm(self, state: State, form: Form, said: str, rest: str, now: datetime) -> Step:
        """Yes does it; no, or another value, changes it."""
        do = self._flow(form).do
        assert do is not None
        if said == "yes" and (not rest or self._agrees(form, rest, now)):
            request = self._request(form, do)
            data = {"form": form.id, "action": request.action, "arguments": dict(request.arguments)}
            return Step((Event("confirmed", data),), request=request)
        if rest or said not in ("no", "yes"):
            changed = self._change(state, form, rest, now) if rest else None
            if changed and changed.understood:
                return changed
        if said == "no":
            event = Event("flow.changing", {"form": form.id})
            return Step((event,), (self._desk.lines.change,))
        return replace(self._again(state, form, "missed", now), understood=False)

    def _agrees(self, form: Form, rest: str, now: datetime) -> bool:
        """Whether what was said after a yes says nothing else than the form: "yes, Thursday is fine"."""
        flow = self._flow(form)
        kinds = {ask.slot: ask.type for ask in flow.ask if ask.type not in ("text", "name")}
        contexts = {ask.slot: self._context(ask, now) for ask in flow.ask}
        found = find(kinds, rest, Context(now), contexts)
        same = all(form.slots.get(slot) and form.slots[slot].value == v.value for slot, v in found.items())
        return same and act(rest)[0] in ("yes", "none", "thanks") and act(rest)[1] == ""

    def _change(self, state: State, form: Form, text: str, now: datetime) -> Step:
        """Which slot, and to what."""
        flow = self._flow(form)
        kinds = {ask.slot: ask.type for ask in flow.ask if ask.type != "text"}
        contexts = {ask.slot: self._context(ask, now) for ask in flow.ask}
        found = find(kinds, text, Context(now), contexts)
        changed = {slot: value for slot, value in found.items() if form.slots.get(slot) != value}
        if not changed:
            return replace(self._again(state, form, "missed", now), understood=False)
        events = [filled(form, slot, value) for slot, value in changed.items()]
        step = self._go_on(fold(events, state), now)
        return replace(step, events=(*events, *step.events))

    def _back(self, state: State, form: Form, now: datetime) -> Step:
        """To the question before."""
        if not form.slots:
            return self._go_on(state, now)
        event = Event("slot.cleared", {"form": form.id, "slot": list(form.slots)[-1]})
        step = self._go_on(fold([event], state), now)
        return replace(step, events=(event, *step.events))

    # What the desk says next.

    def _go_on(self, state: State, now: datetime) -> Step:
        """The next look-up, question, confirm line, the action, or the end."""
        form = state.form
        assert form is not None
        do = self._flow(form).do
        if form.stage == "doing" and do:
            # The outcome was not kept in mind; under its key it is told again, not done again.
            return Step(request=self._request(form, do))
        if not form.doubt and (request := self._look_up(form)):
            return Step(request=request)
        if form.doubt:
            slot, value = form.doubt
            line = self._desk.lines.readback.format(value=value.spoken, slot=slot)
            return Step(say=(line,), expect=Expect("yes_no"))
        if asked := self._open(form):
            return Step(say=(self._fill(asked.prompt, form),), expect=self._expect(asked))
        if do is None:
            return Step((Event("flow.ended", {"form": form.id, "how": "done"}),))
        if do.confirm:
            event = Event("flow.confirming", {"form": form.id})
            return Step((event,), (self._fill(do.confirm, form),), Expect("yes_no"))
        return Step((Event("flow.doing", {"form": form.id}),), request=self._request(form, do))

    def _look_up(self, form: Form) -> Request | None:
        """The first slot that still has to be looked up, with what stands apart from the slots that are to be
        looked up after it: a Sunday is refused before its hour is."""
        due = [ask for ask in self._flow(form).ask if ask.check and ask.slot in form.slots]
        for number, ask in enumerate(due):
            if ask.slot not in form.checked:
                later = {each.slot for each in due[number + 1 :]}
                values = {slot: value.value for slot, value in form.slots.items() if slot not in later}
                return Request(form.id, ask.check, values, check=ask.slot)
        return None

    def _again(self, state: State, form: Form, kind: Literal["missed", "quiet"], now: datetime) -> Step:
        """The same question in other words, until it has been asked often enough."""
        event = Event(kind, {"form": form.id})
        state = fold([event], state)
        after = next(each for each in state.forms if each.id == form.id)
        ask = self._ask(form, after.doubt[0]) if after.doubt else self._open(after)
        most = (ask.no_match if kind == "missed" else ask.no_input) if ask else 2
        times = after.misses if kind == "missed" else after.quiets
        if times > most:
            step = self._leave(form, ask.otherwise if ask else "human")
        elif ask and after.stage == "ask" and ask.reprompt:
            line = ask.reprompt[min(times, len(ask.reprompt)) - 1]
            step = Step(say=(self._fill(line, after),), expect=self._expect(ask))
        else:
            step = self._go_on(state, now)
            if kind == "missed":
                step = replace(step, say=(self._desk.lines.again, *step.say))
        return replace(step, events=(event, *step.events))

    def _leave(self, form: Form, where: str) -> Step:
        ended = Event("flow.ended", {"form": form.id, "how": where})
        return Step((ended,), leave=where)

    def _request(self, form: Form, do: Do) -> Request:
        arguments = {slot: value.value for slot, value in form.slots.items()}
        arguments |= {name: self._fill(text, form) for name, text in do.arguments.items()}
        return Request(form.id, do.action, arguments)

    def _fill(self, line: str, form: Form, result: Mapping[str, Any] | None = None) -> str:
        """A line with its {slots} filled in as they are spoken; what is not known stays out."""
        known = {name: str(value) for name, value in (result or {}).items()}
        known |= {slot: value.spoken for slot, value in form.slots.items()}
        for name, spoken in known.items():
            line = line.replace("{" + name + "}", spoken)
        return line

    def _expect(self, ask: Ask) -> Expect:
        return Expect("spelled" if ask.spelled else EXPECT.get(ask.type, "any"), ask.options)

    def _context(self, ask: Ask, now: datetime) -> Context:
        return Context(now, ask.options)

    def _flow(self, form: Form) -> Flow:
        return self._desk.flow[form.flow]

    def _ask(self, form: Form, slot: str) -> Ask:
        return next(ask for ask in self._flow(form).ask if ask.slot == slot)

    def _open(self, form: Form) -> Ask | None:
        """The first slot that must be asked for."""
        asks = self._flow(form).ask
        return next((ask for ask in asks if ask.slot not in form.slots and not ask.optional), None)


def _prefilled(form: Form, flow: Flow, known: Mapping[str, Value], told: set[str | None]) -> list[Event]:
    """What need not be asked; of what has to be read back, the first, and last of all."""
    plain, doubted = [], []
    for ask in flow.ask:
        name = f"remembered.{ask.slot}" if ask.source == "remembered" else ask.source
        if name in known and ask.slot not in told:
            event = filled(form, ask.slot, known[name], doubted=ask.readback and ask.source == "caller_id")
            (doubted if event.kind == "slot.doubted" else plain).append(event)
    return plain + doubted[:1]


def filled(form: Form, slot: str, value: Value, doubted: bool = False) -> Event:
    kind = "slot.doubted" if doubted else "slot.filled"
    data = {"form": form.id, "slot": slot, "value": value.value, "spoken": value.spoken, "score": value.score}
    return Event(kind, data)
