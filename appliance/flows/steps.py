"""What follows from what a caller says: what happened, what to say, and what to do in the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from appliance.flows.state import Event
from appliance.messages import Expect


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
    """`human`, `message` or a flow where the flow hands over to one; `cancel` where it was given up."""
    waits: bool = False
    """Where it hands over: whether the form goes on all the same if the caller wants it to."""
    understood: bool = True
    """False where the caller said something that is no answer; it may be another subject."""
    whole: bool = True
    """False where it is the beginning of an answer that is said in pieces."""
    news: tuple[str, ...] = ()
    """Of `say`, what came of an action."""


def after(events: Sequence[Event], step: Step, say: tuple[str, ...] = ()) -> Step:
    """A step with what happened, and what was said, before it."""
    return replace(step, events=(*events, *step.events), say=(*say, *step.say))
