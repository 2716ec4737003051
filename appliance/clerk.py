"""The clerk keeps a conversation's forms: writes down what happens to them, and does in the world what they
come to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from appliance.actions import REGISTRY, Hands, Runner
from appliance.config import DeskFile
from appliance.engines.thread import EngineThread
from appliance.flows.form import Forms, Request, Step
from appliance.flows.state import Event, Form, State, apply
from appliance.memory.events import EventLog
from appliance.memory.people import Level
from appliance.sense import ELSEWHERE


class Clerk:
    """Of one conversation. Everything that happens to a form is on the disk before it is spoken of."""

    def __init__(
        self,
        desk: DeskFile,
        log: EventLog,
        runner: Runner,
        memory: EngineThread,
        hands: Hands,
        conversation: str,
        now: Callable[[], datetime],
        level: Level = "caller",
    ) -> None:
        self.state = State()
        self._desk = desk
        self._forms = Forms(desk)
        self._log = log
        self._runner = runner
        self._memory = memory
        self._hands = hands
        self._conversation = conversation
        self._now = now
        self._level = level
        self._last_event = 0
        self._asked = ""
        """The line that asked the caller to agree to an action."""
        self.news: tuple[str, ...] = ()
        """What came of actions and has not been heard yet."""
        self.latest: Form | None = None
        """The form that was open last."""
        self._lock = asyncio.Lock()

    async def began(self) -> None:
        version = {"desk": self._desk.digest}
        await self._memory.run(self._log.append, self._conversation, "began", version)

    async def ended(self) -> None:
        await self.settled()
        await self._memory.run(self._log.append, self._conversation, "ended")

    @property
    def busy(self) -> bool:
        """Whether a form is open."""
        return self.state.form is not None

    @property
    def confirming(self) -> bool:
        """Whether the caller has been asked to agree to an action."""
        return self.state.form is not None and self.state.form.stage == "confirm"

    def agreeable(self, played: str) -> bool:
        """Whether the line that asks for a yes has been heard to its end."""
        return " ".join(self._asked.split()) in " ".join(played.split())

    @property
    def asks_for_text(self) -> bool:
        """Whether anything at all would answer the open question."""
        return self._forms.asks_for_text(self.state)

    async def start(self, flow: str, text: str) -> Step:
        return await self._take(lambda: self._forms.start(self.state, flow, text, self._now()))

    def consider(self, text: str) -> Step:
        """What would follow if the caller meant the form; nothing is kept or done."""
        return self._forms.hear(self.state, text, self._now())

    async def hear(self, text: str, line: str) -> Step:
        """`line` is what was PLAYED last; a yes counts for nothing else."""
        return await self._take(lambda: self._forms.hear(self.state, text, self._now()), line)

    async def again(self) -> Step:
        """The open question once more, as after a question of the caller's own."""
        return await self._take(lambda: self._forms.resume(self.state, self._now()))

    async def quiet(self) -> Step:
        return await self._take(lambda: self._forms.quiet(self.state, self._now()))

    async def settled(self) -> tuple[str, ...]:
        """Wait until what was begun is done; what the caller has not heard of it yet."""
        async with self._lock:
            return self.news

    def said(self) -> None:
        """The caller has heard what came of the actions so far."""
        self.news = ()

    async def _take(self, make: Callable[[], Step], line: str = "") -> Step:
        """Take a step, whole or not at all: a caller who cuts in stops the voice, not the hand."""
        return await asyncio.shield(asyncio.create_task(self._whole(make, line)))

    async def _whole(self, make: Callable[[], Step], line: str) -> Step:
        async with self._lock:
            return await self._carry_out(make(), line)

    async def _carry_out(self, step: Step, line: str = "") -> Step:
        """Keep the events, and do what is asked for, until there is something to say."""
        form = self.state.form
        await self._keep(step, line)
        said = step.say
        while step.request:
            done = not step.request.check
            step = await self._do(step.request)
            await self._keep(step)
            said += step.say
            self.news += step.say if done else ()
        if step.leave in ELSEWHERE:
            await self._keep(self._forms.give_up(self.state, step.leave))
        elif step.leave:
            begun = self._forms.start(self.state, step.leave, "", self._now())
            return await self._carry_out(replace(begun, say=(*said, *begun.say)))
        ended = form is not None and self.state.form is not None and self.state.form.id < form.id
        if ended and not step.leave:
            back = self._forms.resume(self.state, self._now())
            return await self._carry_out(replace(back, say=(*said, *back.say)))
        return replace(step, say=said)

    async def _do(self, request: Request) -> Step:
        action = REGISTRY.get(request.action)
        arguments = action.among(request.arguments) if action else dict(request.arguments)
        outcome = await self._hands.run(
            action is not None and action.outside,
            lambda: self._runner.run(
                conversation=self._conversation,
                flow=f"{request.form}",
                confirmation=self._last_event,
                action=request.action,
                arguments=arguments,
                level=self._level,
            ),
        )
        if request.check:
            return self._forms.checked(self.state, request, outcome.ok, outcome.why, self._now())
        return self._forms.done(self.state, outcome.ok, outcome.why, outcome.result)

    async def _keep(self, step: Step, line: str = "") -> None:
        for event in step.events:
            self._last_event = await self._memory.run(self._append, event, line)
            self.state = apply(self.state, event)
            self.latest = self.state.form or self.latest
        if self.confirming and step.say:
            self._asked = step.say[-1]

    def _append(self, event: Event, line: str) -> int:
        if event.kind != "confirmed":
            return self._log.append(self._conversation, event.kind, event.data)
        action = REGISTRY.get(event.data["action"])
        arguments = event.data["arguments"]
        given = action.among(arguments) if action else arguments
        return self._log.confirm(
            self._conversation, event.data["action"], given, line, asked=self._asked, form=event.data["form"]
        )


def local_now() -> datetime:
    """The time on the wall where the desk stands."""
    return datetime.now().astimezone().replace(tzinfo=None)
