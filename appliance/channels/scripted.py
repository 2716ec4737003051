"""A caller who writes what a script says, each line once the desk has answered the one before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Literal

from appliance.messages import RATE, Event, Expect, Heard, Line, Notice, Silence, Spoken, Turn

SILENCE: Literal["..."] = "..."
"""A line of a script at which nobody says anything."""


class ScriptedCaller:
    """A Call in scripted time: its clock takes a second for everything that happens. Everything the desk says
    is played whole but where `cut` names the number of a turn: of that answer nothing but its first words
    is."""

    channel = "scripted"
    desk_begins = True
    caller = ""

    def __init__(self, lines: Sequence[str], call: str = "scripted", cut: Sequence[int] = ()) -> None:
        self.id = call
        self._lines = list(lines)
        self._cut = frozenset(cut)
        self._answered = asyncio.Event()
        self._spoken = Spoken()
        self._clock = 0
        self._turn = 0
        self._gone = False

    async def hear(self) -> AsyncIterator[Event]:
        for line in self._lines:
            await self._answered.wait()
            if self._gone:
                return
            self._answered.clear()
            now = self.now()
            yield Silence(now) if line == SILENCE else Heard(line, now, now, now, now)
        await self._answered.wait()

    async def say(self, lines: AsyncIterator[Line]) -> None:
        start = self.now()
        self._spoken = Spoken(start=start, end=start, first_text=start)
        self._turn += 1
        said = [line.text async for line in lines]
        text = " ".join(said)
        whole = self._turn not in self._cut
        self._spoken = Spoken(text if whole else " ".join(text.split()[:2]), start, self.now(), start, whole)

    def spoken(self) -> Spoken:
        return self._spoken

    def expect(self, what: Expect) -> None:
        pass

    def notice(self, what: Notice) -> None:
        if isinstance(what, Turn):
            self._answered.set()

    def now(self) -> int:
        self._clock += RATE
        return self._clock

    async def hang_up(self) -> None:
        self._gone = True
        self._answered.set()
