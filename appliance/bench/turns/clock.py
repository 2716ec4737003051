"""Scripted time for a whole desk on its real engines: an event loop whose clock jumps to whatever comes
next, and engines whose work takes, on that clock, the processor time that it took. The same whatever else the
machine does, and quicker than real time wherever nobody works."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from appliance.engines.inline import InlineThread

T = TypeVar("T")

CORES = 2
"""Cores that an engine with threads of its own is taken to have."""


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: where nothing is ready, the time has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self.now += timeout
        return ready


class ScriptedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_scripted(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in scripted time."""
    with asyncio.Runner(loop_factory=ScriptedLoop) as runner:
        return runner.run(work)


class _Work:
    """How long a piece of work would take on idle cores: the time of its own thread, or its share of what all
    threads worked meanwhile."""

    def __init__(self) -> None:
        self._own, self._all = time.thread_time(), time.process_time()

    def took(self) -> float:
        return max(time.thread_time() - self._own, (time.process_time() - self._all) / CORES)


class TimedThread(InlineThread):
    """Does the work at once, in the loop's thread; lets as much scripted time pass as it took. One piece of
    work at a time, as an engine's thread does."""

    def __init__(self) -> None:
        super().__init__()
        self._free = 0.0
        self._turn = asyncio.Lock()

    async def run(self, do: Callable[..., T], *args: Any) -> T:
        async with self._turn:
            await self._settle()
            work = _Work()
            try:
                return do(*args)
            finally:
                self._busy_for(work.took())
                await self._settle()

    async def iterate(self, make: Callable[..., Iterator[T]], *args: Any) -> AsyncGenerator[T]:
        async with self._turn:
            await self._settle()
            pieces = iter(make(*args))
            try:
                while True:
                    work = _Work()
                    try:
                        piece = next(pieces)
                    except StopIteration:
                        return
                    finally:
                        self._busy_for(work.took())
                        await self._settle()
                    yield piece
            finally:
                if hasattr(pieces, "close"):
                    pieces.close()

    def _busy_for(self, took: float) -> None:
        self._free = max(self._free, asyncio.get_running_loop().time()) + took

    async def _settle(self) -> None:
        """Wait until the work in hand is done; also of an asker who has gone."""
        ahead = self._free - asyncio.get_running_loop().time()
        if ahead > 0:
            await asyncio.sleep(ahead)
