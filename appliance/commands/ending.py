"""How what runs is told to end: by SIGTERM, by Ctrl-C, by the end of its terminal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

LONGEST = 40.0
"""Seconds to end in. Whoever hangs then is ended by the kernel, which systemd is told to take for an end in
order: one that it had to kill itself it would take for a desk that failed, and start the box anew."""


class Terminated(KeyboardInterrupt):
    """By SIGTERM what runs ends as by Ctrl-C: nothing of callers is left lying in /tmp."""


def terminated(*_: object) -> NoReturn:
    """What a signal is answered with."""
    raise Terminated


def die() -> NoReturn:
    """Of SIGTERM, when all is tidy: whoever has sent it takes any other end for a failure."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
    raise AssertionError


def told_to_stop(within: float = LONGEST) -> asyncio.Task[None]:
    """Is over at the first SIGTERM or Ctrl-C. The second cancels the task that asked. Whatever is left of the
    process `within` seconds is ended by SIGALRM."""
    told = asyncio.Event()
    asked = asyncio.current_task()
    assert asked

    def hear() -> None:
        if told.is_set():
            asked.cancel()
        else:
            signal.setitimer(signal.ITIMER_REAL, within)
        told.set()

    async def wait() -> None:
        await told.wait()

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, hear)
    return asyncio.create_task(wait())


INTERRUPTED = 130
"""What a program returns that was told to end before it had found out what it was asked for: as shells have
it."""


def to_the_end(work: Coroutine[Any, Any, int], ended: int = 0) -> int:
    """Run it; SIGTERM, and the end of the terminal, end it as Ctrl-C does, in order, and then it returns
    `ended`."""

    async def watched() -> int:
        task = asyncio.create_task(work)
        # Who was started by nohup is to outlive the terminal.
        hangup = () if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else (signal.SIGHUP,)
        for name in (signal.SIGTERM, signal.SIGINT, *hangup):
            asyncio.get_running_loop().add_signal_handler(name, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return ended

    return asyncio.run(watched())


def leave(code: int) -> NoReturn:
    """End the process once all is closed, without Python taking itself down: a library's thread that still
    runs then (livekit's tells of its log) aborts it, and systemd takes that for a desk that failed."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # Whoever read it is gone.
            stream.flush()
    os._exit(code)
