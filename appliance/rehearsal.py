"""Thinking ahead without a trace: nothing is kept, and nothing is done in the world."""

from __future__ import annotations

import asyncio

from appliance.clerk import Clerk
from appliance.flows.form import Request, Step
from appliance.flows.state import apply
from appliance.memory.notebook import Notebook


class Unforeseeable(Exception):
    """What follows depends on what an action would do."""


class RehearsingClerk(Clerk):
    """Takes the steps of a form as the clerk that it copies would. Look-ups are taken to succeed."""

    def __init__(self, clerk: Clerk) -> None:
        vars(self).update(vars(clerk))
        self._lock = asyncio.Lock()

    async def _do(self, request: Request) -> Step:
        if not request.check:
            raise Unforeseeable(request.action)
        return self._forms.checked(self.state, request, True, "", self._now())

    async def _keep(self, step: Step, line: str = "") -> None:
        for event in step.events:
            self.state = apply(self.state, event)
        if self.confirming and step.say:
            self._asked = step.say[-1]


class ForgetfulNotebook(Notebook):
    """Keeps nothing."""

    def __init__(self) -> None:
        pass

    async def message(self, call: str, text: str) -> int:
        return 0

    async def extend(self, ticket: int, text: str) -> None:
        pass

    async def unanswered(self, call: str, text: str) -> None:
        pass
