"""A caller whom a test leads by the hand: one says something, hears the answer, and later goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from appliance.messages import Event, Expect, Heard, Line, Notice, Spoken, Turn


class Guest:
    """A Call by text, at the test's own pace."""

    channel = "test"
    desk_begins = True
    caller = ""

    def __init__(self, call: str = "guest") -> None:
        self.id = call
        self.turns: list[Turn] = []
        self._said: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._spoken = Spoken()
        self._clock = 0

    async def greeting(self) -> str:
        return await asyncio.wait_for(self._answers.get(), 20)

    async def ask(self, text: str) -> str:
        """Say it; what the desk answers."""
        now = self.now()
        self._said.put_nowait(Heard(text, now, now, now, now))
        return await asyncio.wait_for(self._answers.get(), 20)

    async def leave(self) -> None:
        self._said.put_nowait(None)

    async def hear(self) -> AsyncIterator[Event]:
        while (heard := await self._said.get()) is not None:
            yield heard

    async def say(self, lines: AsyncIterator[Line]) -> None:
        start = self.now()
        text = " ".join([line.text async for line in lines])
        self._spoken = Spoken(text, start, self.now(), start, whole=True)

    def spoken(self) -> Spoken:
        return self._spoken

    def expect(self, what: Expect) -> None:
        pass

    def notice(self, what: Notice) -> None:
        if isinstance(what, Turn):
            self.turns.append(what)
            self._answers.put_nowait(what.spoken.text)

    def now(self) -> int:
        self._clock += 1
        return self._clock

    async def hang_up(self) -> None:
        await self.leave()
