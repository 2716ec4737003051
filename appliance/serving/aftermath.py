"""What a box that went down in the middle of conversations finds when it starts again: it closes them, knows
what was done and what was not, lets them be gone on with, and leaves people what nobody was told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.acquaintance import paused
from appliance.config import DeskFile, standing
from appliance.flows.state import Form, fold, worth
from appliance.memory.cases import HOURS, Cases
from appliance.memory.events import Event, EventLog, insert
from appliance.memory.notebook import add_message
from appliance.memory.people import People, identity

CRASH = "crash"
"""How a conversation ended in which the box went down."""


def settle(desk: DeskFile, log: EventLog) -> int:
    """Blocking; at the start, after the runner has looked what was under way outside. How many conversations
    were under way. Safe to be cut off and begun again."""
    desk = standing.whole(desk)
    open_ones = log.open_conversations()
    for conversation in open_ones:
        _settle(desk, log, conversation)
    return len(open_ones)


def _settle(desk: DeskFile, log: EventLog, conversation: str) -> None:
    store = log.store
    cases = Cases(store, float(desk.actions.get("case", {}).get("hours", HOURS)))
    own = log.read(conversation)
    notes = [_untold(desk, own, event) for event in _not_heard_of(own)]
    for form in fold(paused(cases.story(conversation))).forms:
        if form.stage == "doing":
            notes += _finish(desk, log, own, form, conversation)
    left = worth(fold(paused(cases.story(conversation))))
    if left:
        number = " ".join(cases.number(conversation))
        notes.append(f"{_called(desk, left[-1].flow)} can be gone on with under the case number {number}")
    with store.write() as db:
        if notes:
            text = f"The box went down during a conversation: {'; '.join(notes)}."
            add_message(db, conversation, store.stamp(), text, "the desk")
        insert(db, conversation, store.stamp(), "ended", {"how": CRASH})
        db.tell("call", _told(conversation, own))
    People(store).summarise(conversation, identity(own).person)


def _told(conversation: str, own: Sequence[Event]) -> dict[str, Any]:
    """What the fleet is told of it."""
    began = next((event.data for event in own if event.kind == "began"), {})
    length = (own[-1].at - own[0].at).total_seconds()
    told = {"call": conversation, "channel": began.get("channel", ""), "desk": began.get("desk", "")}
    return {**told, "outcome": CRASH, "seconds": max(0.0, length)}


def _not_heard_of(own: Sequence[Event]) -> list[Event]:
    """The deeds that succeeded, or may have, of which it is not certain that the caller heard."""
    told = max((event.id for event in own if event.kind == "told"), default=0)
    return [
        event
        for event in own
        if event.kind == "outcome"
        and event.id > told
        and not event.data.get("looked")
        and (event.data["ok"] or event.data["why"] == "doubt")
    ]


def _untold(desk: DeskFile, own: Sequence[Event], outcome: Event) -> str:
    started = [event for event in own if event.kind == "flow.started"]
    flow = next((e.data["flow"] for e in started if str(e.data["form"]) == outcome.data.get("flow")), "")
    what = _called(desk, flow) if flow else outcome.data["action"]
    told = ", ".join(str(value) for value in outcome.data["arguments"].values())
    if outcome.data["ok"]:
        return f"{what} ({told}) was done, and the caller perhaps did not hear it"
    return f"{what} ({told}) may or may not have been done: look"


def _finish(desk: DeskFile, log: EventLog, own: Sequence[Event], form: Form, conversation: str) -> list[str]:
    """Bring a form that was doing its action to where the log says it is: ended, or to be confirmed anew."""
    asked = {e.id for e in own if e.kind in ("confirmed", "flow.doing") and e.data.get("form") == form.id}
    outcomes = [e for e in own if e.kind == "outcome" and e.data.get("confirmation") in asked]
    if outcomes:
        how = "done" if outcomes[-1].data["ok"] else outcomes[-1].data["why"]
        log.append(conversation, "flow.ended", {"form": form.id, "how": how})
        return []
    log.append(conversation, "flow.interrupted", {"form": form.id})
    return [f"{_called(desk, form.flow)} was agreed to and not done"]


def _called(desk: DeskFile, flow: str) -> str:
    return (desk.flow[flow].label if flow in desk.flow else "") or flow.replace("_", " ")
