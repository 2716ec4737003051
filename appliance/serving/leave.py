"""Who talks to the desk by sound, and how they are let go when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress

from appliance.channels import AudioChannel, Call
from appliance.messages import Closing, Line
from appliance.speech import Speech
from appliance.voice import Voice


async def turn_away(call: Call, line: str) -> None:
    """Tell who comes by text a line, and end it."""

    async def lines() -> AsyncIterator[Line]:
        yield Line(line)

    try:
        await call.say(lines())
    finally:
        await call.hang_up()


async def turn_away_aloud(channel: AudioChannel, speech: Speech | None, line: str) -> None:
    """The same to who comes by sound."""
    try:
        if speech:
            async for pcm in speech.speak(Line(line)):
                await channel.playout.write(pcm)
            await channel.playout.drain()
    finally:
        await channel.hang_up()


class Leave:
    """`taken` once the desk has begun to stop: no further call begins. `locked`: each is told a line."""

    def __init__(self) -> None:
        self.taken = False
        self.locked = False
        self._talking: set[Voice] = set()
        self._nobody = asyncio.Event()
        self._nobody.set()
        self._somebody = asyncio.Event()

    @contextmanager
    def talking(self, voice: Voice) -> Iterator[None]:
        """For as long as a call lasts."""
        self._talking.add(voice)
        self._nobody.clear()
        self._somebody.set()
        try:
            yield
        finally:
            self._talking.discard(voice)
            if not self._talking:
                self._nobody.set()
                self._somebody.clear()

    async def nobody(self) -> None:
        """Wait until nobody talks."""
        await self._nobody.wait()

    async def somebody(self) -> None:
        """Wait until somebody talks."""
        await self._somebody.wait()

    async def take(self, patience: float) -> None:
        """End the calls there are: each is told goodbye once the desk has finished its sentence. Returns when
        all are over, or after `patience` seconds."""
        self.taken = True
        for voice in self._talking:
            voice.tell(Closing(voice.now()))
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._nobody.wait()
