"""Where a conversation stands: a fold over its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from appliance.slots import Value

Stage = Literal["ask", "readback", "confirm", "change", "doing"]


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the event log; `data` is plain JSON."""

    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """A flow under way."""

    id: int
    flow: str
    slots: Mapping[str, Value] = field(default_factory=dict)
    """In the order in which they were filled."""
    stage: Stage = "ask"
    checked: frozenset[str] = frozenset()
    """The slots that a look-up has found fine; none once one of them is another."""
    doubt: tuple[str, Value] | None = None
    """The slot and value that the caller is asked to agree to."""
    misses: int = 0
    quiets: int = 0
    """Answers that were none, and silences, since the question last changed."""


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


def apply(state: State, event: Event) -> State:
    """The state after an event. Events of other parts of the box change nothing."""
    if event.kind == "flow.started":
        begun = Form(event.data["form"], event.data["flow"])
        return State((*state.forms, begun), max(state.count, begun.id))
    form = next((form for form in state.forms if form.id == event.data.get("form")), None)
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
            slots = {name: value for name, value in form.slots.items() if name != data["slot"]}
            slots[data["slot"]] = _value(data)
            checked = frozenset() if data["slot"] in form.checked else form.checked
            return replace(form, slots=slots, checked=checked, stage="ask", doubt=None, misses=0, quiets=0)
        case "slot.doubted":
            return replace(form, stage="readback", doubt=(data["slot"], _value(data)), quiets=0)
        case "slot.cleared":
            slots = {name: value for name, value in form.slots.items() if name != data["slot"]}
            checked = frozenset() if data["slot"] in form.checked else form.checked
            return replace(form, slots=slots, checked=checked, stage="ask", doubt=None)
        case "slot.checked":
            return replace(form, checked=form.checked | {data["slot"]})
        case "flow.confirming":
            return replace(form, stage="confirm")
        case "flow.changing":
            return replace(form, stage="change", misses=0, quiets=0)
        case "confirmed" | "flow.doing":
            return replace(form, stage="doing")
        case "missed":
            return replace(form, misses=form.misses + 1)
        case "quiet":
            return replace(form, quiets=form.quiets + 1)
    return form


def _value(data: Mapping[str, Any]) -> Value:
    return Value(data["value"], data["spoken"], data.get("score", 1.0))
