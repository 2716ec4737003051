"""Work that is asked for again, while it is done or soon after, is done once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Memo(Generic[T]):
    """Keeps the latest results, or the work that will make them, by a text that says all that they depend on.
    Whoever stops waiting stops nobody else; what failed is tried anew."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._tasks: OrderedDict[str, asyncio.Task[T]] = OrderedDict()

    async def get(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task = self._tasks.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._tasks[key] = asyncio.create_task(make())
            # Seen, so that asyncio does not complain of a failure that nobody waits for any more.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._tasks.move_to_end(key)
        if len(self._tasks) > self._most:
            self._tasks.popitem(last=False)
        return await asyncio.shield(task)
