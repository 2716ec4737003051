"""The bridge without a thread: engines run at once, on the loop. For fakes in scripted time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, TypeVar

from appliance.engines.thread import EngineThread

T = TypeVar("T")


class InlineThread(EngineThread):
    def __init__(self) -> None:
        self.name = "inline"
        self.closed = False
        self.done = 0
        self.began = None
        self.awaits = False

    async def run(self, do: Callable[..., T], *args: Any) -> T:
        return do(*args)

    async def iterate(self, make: Callable[..., Iterator[T]], *args: Any) -> AsyncGenerator[T]:
        for piece in make(*args):
            yield piece

    def close(self, timeout: float = 1.0) -> None:
        self.closed = True
