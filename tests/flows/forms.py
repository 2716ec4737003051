"""A form on paper: what the caller says in, what the desk says out; no disk, no clock, no actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.config import DeskFile, read_desk
from appliance.flows.asking import NOTHING
from appliance.flows.form import Forms
from appliance.flows.state import Event, Form, State, fold
from appliance.flows.steps import Request, Step
from appliance.slots import Value

NOW = datetime(2026, 11, 23, 10, 0)
"""A Monday."""

Hand = Callable[[Request], tuple[bool, str, Mapping[str, Any]]]
"""Does a request: whether it went well, why not, and what came of it."""


def well(request: Request) -> tuple[bool, str, Mapping[str, Any]]:
    return True, "", {}


def desk(text: str) -> DeskFile:
    return read_desk(Path("desk.toml"), text='name = "Alder House"\n' + text)[0]


class Paper:
    """A conversation with the forms of a desk, and everything that happened in it."""

    def __init__(self, text: str, hand: Hand = well, now: datetime = NOW) -> None:
        self.forms = Forms(desk(text))
        self.now = now
        self.hand = hand
        self.state = State()
        self.events: list[Event] = []
        self.requests: list[Request] = []
        self.last = Step()

    def begin(
        self,
        flow: str,
        text: str = "",
        known: Mapping[str, Value] = NOTHING,
        captured: Mapping[str, str] = NOTHING,
    ) -> str:
        return self._do(self.forms.start(self.state, flow, text, self.now, known, captured))

    def says(self, text: str) -> str:
        """What the desk says to it."""
        assert self.state.form, "no form is open"
        return self._do(self.forms.hear(self.state, text, self.now))

    @property
    def form(self) -> Form:
        assert self.state.form
        return self.state.form

    def slots(self) -> dict[str, Any]:
        return {slot: value.value for slot, value in self.form.slots.items()}

    def _do(self, step: Step) -> str:
        said = list(step.say)
        self._keep(step)
        while step.request:
            self.requests.append(step.request)
            ok, why, result = self.hand(step.request)
            if step.request.check:
                step = self.forms.checked(self.state, step.request, ok, why, self.now)
            else:
                step = self.forms.done(self.state, ok, why, result, self.now)
            said += step.say
            self._keep(step)
        self.last = step
        return " ".join(said)

    def _keep(self, step: Step) -> None:
        self.events += step.events
        self.state = fold(step.events, self.state)
