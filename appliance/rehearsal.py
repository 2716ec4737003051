"""Thinking ahead without a trace: nothing is kept, and nothing is done in the world."""

from __future__ import annotations

import asyncio

from appliance.actions import Outcome
from appliance.clerk import Clerk
from appliance.flows.state import apply
from appliance.flows.steps import Request, Step
from appliance.memory.notebook import Notebook


class Unforeseeable(Exception):
    """What follows depends on what would be done."""


class RehearsingClerk(Clerk):
    """Takes the steps of a form as the clerk that it copies would. Look-ups are taken to succeed."""

    def __init__(self, clerk: Clerk) -> None:
        vars(self).update(vars(clerk))
        self._lock = asyncio.Lock()

    def said(self) -> None:
        self.news = ()

    async def recall(self, question: str) -> Step:
        raise Unforeseeable("recall")

    async def pause(self) -> tuple[str, ...]:
        raise Unforeseeable("pause")

    async def answer(self, yes: bool, played: str) -> Step:
        raise Unforeseeable("answer")

    async def _do(self, request: Request) -> tuple[Outcome, Step]:
        if not request.check:
            raise Unforeseeable(request.action)
        return Outcome(True), self._forms.checked(self.state, request, True, "", self._now())

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
