"""The one bridge between engines, which block, and asyncio, which must not."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from appliance.errors import EngineError

T = TypeVar("T")

AHEAD = 8
"""Pieces that a streaming engine may run ahead of its reader; then it waits."""

NAMED = 15
"""Letters that Linux keeps of a thread's name."""


class EngineThread:
    """One thread that owns one engine. Work is done in the order it was asked for; work whose asker was
    cancelled before it began is skipped."""

    def __init__(self, name: str, nice: int = 0) -> None:
        """`nice`: by how much it gives way to other threads, 0 to 19."""
        self.name = name[:NAMED]
        self.nice = nice
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self.closed = False
        self.done = 0
        """Pieces of work that are finished: of a thread that is busy, a sign that it is not stuck."""
        self.began: float | None = None
        """When the piece of work in hand was begun (time.monotonic); None where there is none."""
        self.awaits = False
        """Whether it waits for who reads what it makes."""
        self._thread.start()

    async def run(self, do: Callable[..., T], *args: Any) -> T:
        """Do it in the engine's thread. Cancelled, the result is thrown away."""
        return await asyncio.wrap_future(self._ask(lambda: do(*args)))

    async def iterate(self, make: Callable[..., Iterator[T]], *args: Any) -> AsyncGenerator[T]:
        """The pieces of an iterator that runs in the engine's thread. Closed early, the iterator is closed
        at its next piece."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[T | None] = asyncio.Queue()
        room = threading.Semaphore(AHEAD)
        stop = threading.Event()

        def pump() -> None:
            pieces_of = make(*args)
            try:
                for piece in pieces_of:
                    loop.call_soon_threadsafe(pieces.put_nowait, piece)
                    self.done, self.began, self.awaits = self.done + 1, time.monotonic(), True
                    room.acquire()
                    self.began, self.awaits = time.monotonic(), False
                    if stop.is_set():
                        break
            finally:
                if hasattr(pieces_of, "close"):
                    pieces_of.close()
                loop.call_soon_threadsafe(pieces.put_nowait, None)

        finished = asyncio.wrap_future(self._ask(pump))
        # A failure before the first piece leaves no end mark; the future's end is one too.
        finished.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                room.release()
                yield piece
            await finished
        finally:
            stop.set()
            room.release()
            if not finished.cancel() and not finished.cancelled():
                finished.exception()  # Seen, so that asyncio does not complain of a failure nobody waits for.

    def close(self, timeout: float = 1.0) -> None:
        """Finish the piece of work in hand and end; what else was asked for fails. Safe to repeat."""
        if not self.closed:
            self.closed = True
            self._work.put(None)
        self._thread.join(timeout)

    def _ask(self, do: Callable[[], T]) -> Future[T]:
        if self.closed:
            raise EngineError(f"the {self.name} engine has been stopped")
        future: Future[T] = Future()
        self._work.put((future, do))
        return future

    def _loop(self) -> None:
        if self.nice:
            # On Linux it is the thread's own, and that of threads which the engine makes in it.
            ours = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, ours + self.nice))
        with suppress(OSError):  # For `efforts`, and for `top -H`: threads made from here on inherit it.
            Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(self.name)
        while (item := self._work.get()) is not None:
            future, do = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                try:
                    if self.closed:
                        raise EngineError(f"the {self.name} engine has been stopped")
                    self.began = time.monotonic()
                    result = do()
                finally:
                    self.done, self.began = self.done + 1, None  # Before anybody can know of it.
                future.set_result(result)
            except StopIteration as error:  # asyncio cannot carry it and would wait for ever.
                future.set_exception(RuntimeError(f"StopIteration: {error}"))
            except BaseException as error:
                future.set_exception(error)


def efforts() -> Counter[str]:
    """What the threads of this process have done so far, by name, those included that an engine has made in
    its own: ticks of processor time and bytes read and written. It stands still where all of a name wait for
    something. Nothing where the system does not tell."""
    done: Counter[str] = Counter()
    for task in Path("/proc/self/task").glob("*"):
        with suppress(OSError, ValueError):  # It has ended meanwhile.
            # utime and stime are the 12th and 13th field after the name, which is in brackets.
            ticks = (task / "stat").read_text().rpartition(")")[2].split()[11:13]
            moved = [line.split()[1] for line in (task / "io").read_text().splitlines()[:2]]
            done[(task / "comm").read_text().rstrip("\n")] += sum(map(int, (*ticks, *moved)))
    return done
