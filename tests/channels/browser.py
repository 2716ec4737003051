"""A browser without a browser: the worklet's bookkeeping, and a WebSocket client that speaks its protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from appliance.channels import Call
from appliance.channels.web import HEADER, WebVoice
from appliance.console.server import Console
from appliance.messages import Line


class Worklet:
    """Plays what it is given from its queue, 20 ms at a time, and keeps the account."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.count = round(rate / 50)
        self.clock = 0
        self.total = 0
        self.until = 0
        self.play = True
        """False for a browser that takes the sound and plays none of it."""
        self.queue = bytearray()
        self.played: list[tuple[int, bytes]] = []
        """Clock and sound of every stretch played."""

    def tick(self) -> tuple[int, int, int]:
        """20 ms pass; the header of the packet that is sent then."""
        at, self.clock = self.clock, self.clock + self.count
        pcm = bytes(self.queue[: 2 * self.count]) if self.play else b""
        del self.queue[: len(pcm)]
        if pcm:
            self.played.append((at, pcm))
            self.total += len(pcm) // 2
            self.until = at + len(pcm) // 2
        return at, self.total, self.until

    def cut(self) -> int:
        """Keep 5 ms; how many frames are thrown away."""
        keep = min(len(self.queue) // 2, self.rate // 200)
        dropped = len(self.queue) // 2 - keep
        del self.queue[2 * keep :]
        return dropped

    @property
    def sound(self) -> bytes:
        return b"".join(pcm for _, pcm in self.played)


class Browser:
    """A page with a call open."""

    def __init__(self, socket: ClientConnection, rate: int) -> None:
        self.worklet = Worklet(rate)
        self.messages: list[dict[str, Any]] = []
        self._socket = socket
        self._reading = asyncio.create_task(self._read())

    async def speak(self, pcm: bytes) -> None:
        """Send a recording packet by packet, as fast as the box takes it."""
        size = 2 * self.worklet.count
        for start in range(0, len(pcm), size):
            header = HEADER.pack(*self.worklet.tick())
            await self._socket.send(header + pcm[start : start + size].ljust(size, b"\0"))
            await asyncio.sleep(0.001)

    async def listen(self, seconds: float) -> None:
        """Send silence."""
        await self.speak(bytes(2 * round(seconds * self.worklet.rate)))

    async def _read(self) -> None:
        async for message in self._socket:
            if isinstance(message, bytes):
                self.worklet.queue += message
                continue
            told = json.loads(message)
            self.messages.append(told)
            if told["type"] == "cut":
                await self._socket.send(json.dumps({"type": "cut", "dropped": self.worklet.cut()}))

    async def close(self) -> None:
        self._reading.cancel()
        await self._socket.close()


class Receptionist:
    """A desk made of two functions."""

    def __init__(
        self,
        talk: Callable[[WebVoice], Awaitable[None]] | None = None,
        chat: Callable[[Call], Awaitable[None]] | None = None,
    ) -> None:
        self._talk = talk or listen_only
        self._chat = chat or echo

    async def talk(self, channel: Any) -> None:
        await self._talk(channel)

    async def chat(self, call: Call) -> None:
        await self._chat(call)


async def listen_only(voice: WebVoice) -> None:
    async for _ in voice.microphone():
        pass


async def echo(call: Call) -> None:
    async for event in call.hear():
        await call.say(lines(f"You wrote: {getattr(event, 'text', '')}"))


async def lines(*texts: str) -> AsyncIterator[Line]:
    for text in texts:
        yield Line(text)


@contextlib.asynccontextmanager
async def opened(desk: Receptionist, **options: Any) -> AsyncIterator[Console]:
    """The page, served to this machine."""
    console = Console("127.0.0.1:0", **options)
    serving = asyncio.create_task(console.serve(desk))
    opening = asyncio.create_task(console.opened.wait())
    await asyncio.wait({serving, opening}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield console
    finally:
        serving.cancel()
        await asyncio.wait({serving})


def socket(console: Console, path: str, **options: Any) -> connect:
    """A WebSocket to the page, from a page of its own unless another origin is given."""
    options.setdefault("origin", console.url)
    return connect(console.url.replace("http", "ws") + path, proxy=None, **options)


@contextlib.asynccontextmanager
async def calling(console: Console, rate: int = 48_000) -> AsyncIterator[Browser]:
    """A voice call from a browser of that rate."""
    async with socket(console, "/talk") as line:
        await line.send(json.dumps({"type": "hello", "rate": rate}))
        assert json.loads(await line.recv())["type"] == "ready"
        browser = Browser(line, rate)
        try:
            yield browser
        finally:
            await browser.close()


def tone(frequency: float, seconds: float, rate: int = 16_000) -> bytes:
    time = np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * frequency * time)).astype("<i2").tobytes()


def pitch(pcm: bytes, rate: int) -> float:
    """The loudest frequency."""
    sound = np.frombuffer(pcm, dtype="<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum) * rate / len(sound))
