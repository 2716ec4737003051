"""The threads in which actions are done: one for what the box does by itself, some for what waits for answers
from outside. Neither kind waits for the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from appliance.engines.thread import EngineThread

T = TypeVar("T")


class Hands:
    """Shared by all conversations."""

    def __init__(self, here: EngineThread, outside: Sequence[EngineThread] = ()) -> None:
        self._here = here
        self._room = asyncio.Semaphore(max(1, len(outside)))
        self._idle = list(outside) or [here]

    async def run(self, outside: bool, do: Callable[[], T]) -> T:
        """Do it in a thread of its kind, once one is idle. Cancelled, it is done all the same."""
        if not outside:
            return await self._here.run(do)
        async with self._room:
            thread = self._idle.pop()
            try:
                return await asyncio.shield(thread.run(do))
            finally:
                self._idle.append(thread)
