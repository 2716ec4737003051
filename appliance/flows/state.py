"""Where a conversation stands: a fold over its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from appliance.config import standing
from appliance.slots import Value

T = TypeVar("T")

Stage = Literal["ask", "doubt", "confirm", "change", "doing"]

SAID = "said"
"""The source of a value that the caller told. Others are `caller_id`, `remembered`, and `flow NAME`."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the event log; `data` is plain JSON."""

    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Doubt:
    """What the caller is to be asked of a slot: whether this is meant, or which of these."""

    values: tuple[Value, ...]
    source: str = SAID
    """Where they are from; what nobody said is offered, not read back."""


@dataclass(frozen=True, slots=True)
class Form:
    """A flow under way."""

    id: int
    flow: str
    within: int = 0
    """The form that called it, and goes on with its slots; 0 where none did."""
    call: str = ""
    """The flow that was called, which may have led on to this one."""
    known: Mapping[str, Value] = field(default_factory=dict)
    """What is known of the caller, to be offered: `caller_id`, `remembered.SLOT`."""
    slots: Mapping[str, Value] = field(default_factory=dict)
    """In the order in which they were filled."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where each slot's value is from."""
    stage: Stage = "ask"
    doubts: Mapping[str, Doubt] = field(default_factory=dict)
    """By slot; the first is being asked about."""
    declined: frozenset[str] = frozenset()
    """Slots for which what is known is not to be offered any more."""
    wanted: tuple[str, ...] = ()
    """Slots that the caller wants to be asked for now."""
    called: frozenset[str] = frozenset()
    """Flows that it has called and that came back."""
    checked: frozenset[str] = frozenset()
    """The slots that a look-up has found fine."""
    begun: str = ""
    """What there is of an answer that is said in pieces."""
    misses: int = 0
    quiets: int = 0
    """Answers that were none, and silences, since the question last changed."""

    @property
    def doubt(self) -> tuple[str, Doubt] | None:
        """The slot that the caller is being asked about, and its values."""
        return next(iter(self.doubts.items()), None)


@dataclass(frozen=True, slots=True)
class State:
    forms: tuple[Form, ...] = ()
    """Those begun and not ended; the last is the one being talked about."""
    count: int = 0
    """Forms begun so far; it numbers them."""

    @property
    def form(self) -> Form | None:
        return self.forms[-1] if self.forms else None


UNDONE = "undone"
"""The kind of an event that takes back the last `count` events of forms."""


def fold(events: Iterable[Event], state: State | None = None) -> State:
    states = [state or State()]
    for event in events:
        if event.kind == UNDONE:
            del states[max(1, len(states) - event.data["count"]) :]
        elif "form" in event.data:
            states.append(apply(states[-1], event))
    return states[-1]


def worth(state: State) -> list[Form]:
    """The forms that are worth going on with."""
    return [form for form in state.forms if (form.slots or form.doubts) and form.flow not in standing.flows()]


def apply(state: State, event: Event) -> State:
    """The state after an event. Events of other parts of the box change nothing."""
    data = event.data
    if event.kind == "flow.started":
        known = {name: _value(each) for name, each in data.get("known", {}).items()}
        begun = Form(data["form"], data["flow"], data.get("within", 0), data.get("call", ""), known)
        return State((*state.forms, begun), max(state.count, begun.id))
    form = next((form for form in state.forms if form.id == data.get("form")), None)
    if form is None:
        return state
    if event.kind == "flow.ended":
        return replace(state, forms=tuple(each for each in state.forms if each is not form))
    after = _change(form, event)
    return replace(state, forms=tuple(after if each is form else each for each in state.forms))


def _change(form: Form, event: Event) -> Form:
    data = event.data
    match event.kind:
        case "slot.filled":
            form = _without(form, data["slot"])
            slots = {**form.slots, data["slot"]: _value(data)}
            sources = {**form.sources, data["slot"]: data.get("source", SAID)}
            return replace(_settled(form), slots=slots, sources=sources, misses=0, quiets=0)
        case "slot.doubted":
            values = tuple(map(_value, data.get("values", [data])))
            doubts = {**form.doubts, data["slot"]: Doubt(values, data.get("source", SAID))}
            return replace(form, stage="doubt", doubts=doubts, begun="", quiets=0)
        case "slot.cleared":
            form = _settled(_without(form, data["slot"]))
            return replace(form, wanted=(data["slot"], *form.wanted)) if data.get("wanted") else form
        case "slot.declined":
            form = _settled(_without(form, data["slot"]))
            return replace(form, declined=form.declined | {data["slot"]}, misses=0, quiets=0)
        case "slot.checked":
            return replace(form, checked=form.checked | {data["slot"]})
        case "slot.begun":
            return replace(form, begun=data["value"], misses=0, quiets=0)
        case "flow.returned":
            return replace(form, called=form.called | {data["call"]})
        case "flow.confirming":
            return replace(form, stage="confirm")
        case "flow.changing":
            return replace(form, stage="change", misses=0, quiets=0)
        case "confirmed" | "flow.doing":
            return replace(form, stage="doing")
        case "flow.waits":
            return replace(form, misses=0, quiets=0, begun="")
        case "flow.interrupted":  # The box went down before it was done: it is confirmed anew.
            return _settled(form)
        case "missed":
            return replace(form, misses=form.misses + 1, begun="")
        case "quiet":
            return replace(form, quiets=form.quiets + 1)
    return form


def _without(form: Form, slot: str) -> Form:
    """The form with nothing known of a slot. What was looked up with it is to be looked up again."""
    return replace(
        form,
        slots=_less(form.slots, slot),
        sources=_less(form.sources, slot),
        doubts=_less(form.doubts, slot),
        wanted=tuple(each for each in form.wanted if each != slot),
        checked=frozenset() if slot in form.checked else form.checked,
    )


def _settled(form: Form) -> Form:
    return replace(form, stage="doubt" if form.doubts else "ask", begun="")


def _less(every: Mapping[str, T], name: str) -> dict[str, T]:
    return {each: value for each, value in every.items() if each != name}


def _value(data: Mapping[str, Any]) -> Value:
    return Value(data["value"], data["spoken"], data.get("score", 1.0))


def told(value: Value) -> dict[str, Any]:
    """A value as an event holds it."""
    return {"value": value.value, "spoken": value.spoken, "score": value.score}


def started(form: int, flow: str, known: Mapping[str, Value], within: int = 0, call: str = "") -> Event:
    data: dict[str, Any] = {"form": form, "flow": flow}
    data |= {"within": within, "call": call} if within else {}
    data |= {"known": {name: told(value) for name, value in known.items()}} if known else {}
    return Event("flow.started", data)


def filled(form: Form, slot: str, value: Value, source: str = SAID) -> Event:
    return Event("slot.filled", {"form": form.id, "slot": slot, **told(value), "source": source})


def doubted(form: Form, slot: str, values: Sequence[Value], source: str = SAID) -> Event:
    """To be asked about: whether it is meant or, of several, which."""
    data: dict[str, Any] = {"form": form.id, "slot": slot, "source": source}
    data |= told(values[0]) if len(values) == 1 else {"values": [told(value) for value in values]}
    return Event("slot.doubted", data)


def of(form: Form, kind: str, slot: str = "", **data: Any) -> Event:
    """Any other event of a form."""
    return Event(kind, {"form": form.id, **({"slot": slot} if slot else {}), **data})


def ended(state: State, form: Form, how: str) -> list[Event]:
    """The end of a form and of those that called it: without its slots they cannot go on."""
    chain = [form]
    while caller := next((each for each in state.forms if each.id == chain[-1].within), None):
        chain.append(caller)
    return [of(each, "flow.ended", how=how) for each in chain]
