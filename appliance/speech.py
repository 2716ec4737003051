"""The voice: text in, sound out. The sound of fixed lines is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from appliance.engines import Tts
from appliance.engines.thread import EngineThread
from appliance.messages import Line

KEPT_BYTES = 64 << 20
"""Sound of fixed lines kept in memory: about 35 minutes."""


class Speech:
    """The TTS engine with its thread, shared by all calls. The sound of fixed lines is kept."""

    def __init__(self, tts: Tts, thread: EngineThread) -> None:
        self._tts = tts
        self._thread = thread
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._kept_bytes = 0

    async def speak(self, line: Line) -> AsyncGenerator[bytes]:
        """The sound of a line, piece by piece."""
        if line.fixed and line.text in self._kept:
            self._kept.move_to_end(line.text)
            yield self._kept[line.text]
            return
        pieces = []
        async with aclosing(self._thread.iterate(self._tts.speak, line.text)) as sound:
            async for piece in sound:
                pieces.append(piece)
                yield piece
        if line.fixed:
            self._keep(line.text, b"".join(pieces))

    async def prepare(self, text: str) -> None:
        """Make the sound of a fixed line now, so that it is there when it is needed."""
        async for _ in self.speak(Line(text)):
            pass

    def _keep(self, text: str, pcm: bytes) -> None:
        if text not in self._kept:
            self._kept[text] = pcm
            self._kept_bytes += len(pcm)
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])
