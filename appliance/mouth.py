"""Speaking: lines in, sound out, and the account of which words were really played."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from appliance.channels.playout import Playout
from appliance.messages import RATE, Audio, Line, Spoken
from appliance.speech import Speech

log = logging.getLogger(__name__)

PACE = 15.0
"""Characters a second, to guess how long a line will be whose sound is not all made yet."""

AHEAD = 32
"""Pieces of sound that synthesis may be ahead of playing, so that the next sentence is ready in time."""


@dataclass(slots=True)
class _Stretch:
    """Where the sound of a line lies in the answer, in samples from its start."""

    text: str
    start: int
    length: int = 0
    complete: bool = False

    def words_by(self, played: int) -> str:
        """The words of this line that were played when `played` samples of the answer were."""
        if self.complete and played >= self.start + self.length:
            return self.text
        length = self.length if self.complete else max(self.length, len(self.text) / PACE * RATE)
        reached = len(self.text) * max(0, played - self.start) / max(length, 1)
        words, position = [], 0
        for word in self.text.split():
            position = self.text.index(word, position) + len(word)
            if position > reached:
                break
            words.append(word)
        return " ".join(words)


class Mouth:
    """The speaking of one call, one answer at a time."""

    def __init__(self, speech: Speech, playout: Playout, now: Callable[[], int]) -> None:
        self._speech = speech
        self._playout = playout
        self._now = now
        self._stretches: list[_Stretch] = []
        self._spoken = Spoken()
        self._played = 0
        self._busy = False

    @property
    def speaking(self) -> bool:
        """True from the first sound of an answer to the last, the gaps between sentences included."""
        return self._busy and self._spoken.start is not None

    @property
    def spoken_until(self) -> int | None:
        """Clock just after the last sample played; None when nothing was."""
        return self._spoken.end

    def on_played(self, audio: Audio) -> None:
        """The device has played this much more."""
        start = audio.at if self._spoken.start is None else self._spoken.start
        self._played += len(audio.pcm) // 2
        self._spoken = replace(self._spoken, start=start, end=audio.end)

    def spoken(self) -> Spoken:
        """What was played so far of the latest answer."""
        words = " ".join(filter(None, (stretch.words_by(self._played) for stretch in self._stretches)))
        return replace(self._spoken, text=words)

    async def say(self, lines: AsyncIterator[Line]) -> None:
        """Say the lines as they come; return when the last sound was played. Cancelled, the sound stops."""
        self._stretches, self._spoken, self._played, self._busy = [], Spoken(), 0, True
        pieces: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)
        making = asyncio.create_task(self._make(lines, pieces))
        try:
            while (pcm := await pieces.get()) is not None:
                await self._playout.write(pcm)
            whole = await making
            await self._playout.drain()
            self._spoken = replace(self._spoken, whole=whole)
        except BaseException:
            making.cancel()
            self._playout.cut()
            raise
        finally:
            await asyncio.wait([making])
            self._busy = False

    async def _make(self, lines: AsyncIterator[Line], pieces: asyncio.Queue[bytes | None]) -> bool:
        """Make the sound; False where something failed. What was made so far is said: a caller must never
        hear an error."""
        made, whole = 0, True
        try:
            async for line in lines:
                if self._spoken.first_text is None:
                    self._spoken = replace(self._spoken, first_text=self._now())
                stretch = _Stretch(line.text, made)
                self._stretches.append(stretch)
                async with aclosing(self._speech.speak(line)) as sound:
                    async for pcm in sound:
                        made += len(pcm) // 2
                        stretch.length = made - stretch.start
                        await pieces.put(pcm)
                stretch.complete = True
        except Exception:
            log.exception("an answer could not be worded or spoken to its end")
            whole = False
        await pieces.put(None)
        return whole
