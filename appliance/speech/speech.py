"""The voice: lines in, sound out. The sound of fixed lines is kept."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from hashlib import sha256

from appliance.config import DeskFile
from appliance.engines import Tts
from appliance.engines.thread import EngineThread
from appliance.messages import Line, samples
from appliance.speech.aloud import Saying
from appliance.speech.delivery import Delivery
from appliance.speech.store import SoundStore

KEPT_BYTES = 64 << 20
"""Sound of fixed lines kept in memory: about 35 minutes."""

MANNER = 1
"""Raised when the same saying is made to sound otherwise, so that nothing old is taken from the disk."""


class Floor:
    """Whether somebody is being spoken to, at any desk that shares the engine."""

    def __init__(self) -> None:
        self._speaking = 0
        self._free = asyncio.Event()
        self._free.set()

    def __enter__(self) -> None:
        self._speaking += 1
        self._free.clear()

    def __exit__(self, *_: object) -> None:
        self._speaking -= 1
        if not self._speaking:
            self._free.set()

    async def free(self) -> None:
        """Wait until nobody is."""
        await self._free.wait()


class Speech:
    """The TTS engine with its thread, shared by all calls, which take turns piece by piece. The sound of
    fixed lines is kept in memory; that of the desk file's own, which hold nothing of any caller, on disk too.
    """

    def __init__(
        self,
        tts: Tts,
        thread: EngineThread,
        delivery: Delivery | None = None,
        store: SoundStore | None = None,
    ) -> None:
        self._tts = tts
        self._thread = thread
        self._delivery = delivery or Delivery()
        self._store = store
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._floor = Floor()

    def for_desk(self, desk: DeskFile) -> Speech:
        """The same voice, as another desk file wants it."""
        other = Speech(self._tts, self._thread, Delivery(desk), self._store)
        other._floor = self._floor
        return other

    async def speak(self, line: Line) -> AsyncGenerator[bytes]:
        """The sound of a line, piece by piece."""
        if line.text in self._kept:
            self._kept.move_to_end(line.text)
            yield self._kept[line.text]
            return
        pieces = []
        with self._floor:
            async with aclosing(self._pieces(line.text)) as sound:
                async for piece in sound:
                    pieces.append(piece)
                    yield piece
        if line.fixed:
            self._keep(line.text, b"".join(pieces))

    async def prepare(self, text: str) -> None:
        """Make the sound of a fixed line now, so that it is there when it is needed. Gives way, between two
        pieces, to what is being said to somebody."""
        if text in self._kept:
            return
        made = []
        async with aclosing(self._pieces(text, patient=True)) as sound:
            async for piece in sound:
                made.append(piece)
        self._keep(text, b"".join(made))

    async def lay_in(self, text: str) -> None:
        """`prepare` a line of the desk file: from disk where it was made before, else to disk."""
        if text in self._kept or self._store is None:
            return await self.prepare(text)
        key = self._key(self._delivery.sayings(text))
        if (pcm := await asyncio.to_thread(self._store.get, key)) is not None:
            return self._keep(text, pcm)
        await self.prepare(text)
        if (made := self._kept.get(text)) is not None:
            await asyncio.to_thread(self._store.put, key, made)

    async def _pieces(self, text: str, patient: bool = False) -> AsyncGenerator[bytes]:
        """Each piece is a piece of work of its own: whoever else speaks gets a turn between two."""
        sound = self._sound(self._delivery.sayings(text))
        while True:
            if patient:
                await self._floor.free()
            piece = await self._thread.run(next, sound, None)
            if piece is None:
                return
            yield piece

    def _sound(self, sayings: Sequence[Saying]) -> Iterator[bytes]:
        """In the engine's thread."""
        for saying in sayings:
            yield from self._tts.speak(saying.text, saying.pace)
            if saying.pause:
                yield bytes(2 * samples(saying.pause))

    def _key(self, sayings: Sequence[Saying]) -> str:
        """Of all that the sound depends on: the voice, the words as they are read aloud, pace and pauses."""
        said = [(saying.text, saying.pace, saying.pause) for saying in sayings]
        return sha256(json.dumps([MANNER, self._tts.voice, said]).encode()).hexdigest()

    def _keep(self, text: str, pcm: bytes) -> None:
        if text not in self._kept:
            self._kept[text] = pcm
            self._kept_bytes += len(pcm)
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])
