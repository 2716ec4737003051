"""The desk at a keyboard."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import TextIO

from appliance.messages import Event, Expect, Heard, Line, Notice, Spoken, Turn, samples

PIECE = 1 << 16
"""Bytes of the keyboard taken at a time."""


class TextTerminal:
    """A Call by keyboard: one line, one answer. It ends with the input, or with a goodbye.

    `keyboard` is a file descriptor, UTF-8; what the desk says goes to `screen`, with `why` also what each
    answer was decided by.
    """

    channel = "terminal"
    desk_begins = True
    caller = ""

    def __init__(
        self, call: str = "terminal", keyboard: int = 0, screen: TextIO = sys.stdout, why: bool = False
    ) -> None:
        self.id = call
        self._why = why
        self._keyboard = keyboard
        self._screen = screen
        self._typed: asyncio.Queue[str | None] | None = None
        self._spoken = Spoken()
        self._gone = False
        self._answered = asyncio.Event()

    async def hear(self) -> AsyncIterator[Event]:
        self._typed = typed(self._keyboard)
        while True:
            await self._answered.wait()
            if os.isatty(self._keyboard) and not self._gone:
                print("you:  ", end="", file=self._screen, flush=True)
            line = await self._typed.get()
            if line is None or self._gone:
                return
            if text := line.strip():
                self._answered.clear()
                now = self.now()
                yield Heard(text, now, now, now, now)

    async def say(self, lines: AsyncIterator[Line]) -> None:
        self._spoken = Spoken()
        said: list[str] = []
        start = None
        async for line in lines:
            start = self.now() if start is None else start
            print(f"desk: {line.text}", file=self._screen, flush=True)
            said.append(line.text)
            self._spoken = Spoken(" ".join(said), start, self.now(), start)
        self._spoken = Spoken(" ".join(said), start, self.now(), start, whole=True)

    def spoken(self) -> Spoken:
        return self._spoken

    def expect(self, what: Expect) -> None:
        pass

    def notice(self, what: Notice) -> None:
        if isinstance(what, Turn):
            if self._why and (decision := what.decision):
                sure = "" if decision.score is None else f", {decision.score:.2f}"
                print(
                    f"      ({decision.intent}: {decision.why}{sure}; {decision.source})", file=self._screen
                )
            self._answered.set()

    def now(self) -> int:
        return samples(time.monotonic())

    async def hang_up(self) -> None:
        self._gone = True
        self._answered.set()
        if self._typed:
            self._typed.put_nowait(None)


def typed(keyboard: int) -> asyncio.Queue[str | None]:
    """The lines that are typed, as they come; None when the input has ended."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(line: str | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def read() -> None:
        # Not from sys.stdin, which the interpreter cannot close under a reader.
        line = b""
        while piece := os.read(keyboard, PIECE):
            *whole, line = (line + piece).split(b"\n")
            for each in whole:
                tell(each.decode(errors="replace"))
        if line:
            tell(line.decode(errors="replace"))
        tell(None)

    # A thread of its own, and a daemon: it may wait for a key for ever, and nothing may wait for it.
    threading.Thread(target=read, name="keyboard", daemon=True).start()
    return lines
