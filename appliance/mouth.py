"""Speaking: lines in, sound out, and the account of which words were really played."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import aclosing
from dataclasses import replace

import numpy as np

from appliance.channels.playout import FADE, Playout
from appliance.messages import Audio, Line, Spoken, Word, samples, seconds
from appliance.speech import Speech
from appliance.stretch import Stretch

log = logging.getLogger(__name__)

AHEAD = samples(10)
"""How much sound may be made before its time, so that the next sentence is ready."""

PIECE = samples(0.1)
"""Sound is handed to the device in pieces of this length."""

LOW = 0.3
"""Loudness, of 1, of a desk that wonders whether somebody speaks: 10 dB less."""


class Mouth:
    """The speaking of one call, one answer at a time. Lines whose text is in `unbroken` are said to their
    end whatever happens."""

    def __init__(
        self, speech: Speech, playout: Playout, now: Callable[[], int], unbroken: Collection[str] = ()
    ) -> None:
        self._speech = speech
        self._playout = playout
        self._now = now
        self._unbroken = unbroken
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._busy = False
        self._begin()

    def _begin(self) -> None:
        self._stretches: list[Stretch] = []
        self._spoken = Spoken()
        self._sound = bytearray()
        """All of the answer that is made."""
        self._made = False
        """Whether that is all there will be."""
        self._handed = 0
        """Samples of it that the device was given ..."""
        self._played = 0
        """... and those that it has played."""
        self._timeline: list[tuple[int, int, int]] = []
        """Clock, sample of the answer and count of what was played without a break."""
        self._paused = self._goes_back = False

    @property
    def speaking(self) -> bool:
        """True from the first sound of an answer to the last, gaps and pauses included."""
        return self._busy and self._spoken.start is not None

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def spoken_from(self) -> int | None:
        """Clock of the first sample played; None when nothing was."""
        return self._spoken.start

    @property
    def spoken_until(self) -> int | None:
        """Clock just after the last sample played; None when nothing was."""
        return self._spoken.end

    @property
    def left(self) -> float:
        """Seconds of the answer that were not played yet; infinite while not all is made."""
        return seconds(len(self._sound) // 2 - self._played) if self._made else float("inf")

    @property
    def line(self) -> str:
        """The line that is being said, or was said last."""
        begun = [stretch for stretch in self._stretches if stretch.start <= self._played]
        return begun[-1].text if begun else ""

    @property
    def interruptible(self) -> bool:
        """Whether the line that is being said may be cut."""
        return self.line not in self._unbroken

    def on_played(self, audio: Audio) -> None:
        """The device has played this much more."""
        start = audio.at if self._spoken.start is None else self._spoken.start
        count = len(audio.pcm) // 2
        at, first, before = self._timeline[-1] if self._timeline else (0, 0, 0)
        if before and (at + before, first + before) == (audio.at, self._played):
            self._timeline[-1] = at, first, before + count
        else:
            self._timeline.append((audio.at, self._played, count))
        self._played += count
        self._spoken = replace(self._spoken, start=start, end=audio.end)

    def spoken(self) -> Spoken:
        """What was played so far of the latest answer."""
        played = [word for word in self._words() if word.end <= self._played]
        # One word may end where another begins that was played again, later.
        words = tuple(
            Word(word.text, self._clock(word.start), self._clock(word.end - 1) + 1) for word in played
        )
        return replace(self._spoken, text=" ".join(word.text for word in played), words=words)

    def _clock(self, place: int) -> int:
        """When a sample of the answer was played; of one that was played twice, the last time."""
        for at, first, count in reversed(self._timeline):
            if first <= place <= first + count:
                return at + place - first
        return self._timeline[0][0] if self._timeline else 0

    def words_between(self, start: int, end: int) -> str:
        """The words, or parts of words, that were played between two moments of the clock."""
        played = [
            (place + max(0, start - at), place + min(count, end - at))
            for at, place, count in self._timeline
            if at < end and at + count > start
        ]
        if not played:
            return ""
        first, last = min(a for a, _ in played), max(b for _, b in played)
        return " ".join(word.text for word in self._words() if word.start < last and word.end > first)

    def duck(self) -> None:
        """Speak with a lowered voice, until `resume`."""
        self._playout.level = LOW

    def pause(self) -> None:
        """Fall silent at once, until `resume`."""
        if self._busy and not self._paused:
            self._paused = True
            self._playout.cut()
            self._changed.set()

    def resume(self) -> None:
        """Go on as before; where the sound was stopped, from the beginning of the word."""
        self._playout.level = 1.0
        if self._paused:
            self._paused, self._goes_back = False, True
            self._changed.set()

    async def say(self, lines: AsyncIterator[Line]) -> None:
        """Say the lines as they come; return when the last sound was played. Cancelled, the sound stops."""
        self._begin()
        self._busy = True
        self._playout.level = 1.0
        making = asyncio.create_task(self._make(lines))
        try:
            await self._play()
            self._spoken = replace(self._spoken, whole=await making)
        except BaseException:
            making.cancel()
            self._playout.cut()
            raise
        finally:
            await asyncio.wait([making])
            self._busy = self._paused = False

    async def _play(self) -> None:
        while not self._all_played():
            self._changed.clear()
            if self._paused:
                await self._changed.wait()
            elif self._goes_back:
                await self._playout.drain()
                self._go_back()
            elif 2 * self._handed < len(self._sound):
                await self._playout.write(self._next())
            elif self._made:
                await self._playout.drain()
                if not (self._paused or self._goes_back):
                    return  # Though the device may have dropped some of it.
            else:
                await self._changed.wait()

    def _all_played(self) -> bool:
        return self._made and 2 * self._played >= len(self._sound)

    def _next(self) -> bytes:
        piece = bytes(self._sound[2 * self._handed : 2 * (self._handed + PIECE)])
        self._handed += len(piece) // 2
        self._taken.set()
        return piece

    def _go_back(self) -> None:
        """To the start of the word that was not played to its end."""
        word = next((word for word in self._words() if word.end > self._played), None)
        self._goes_back = False
        self._handed = self._played = min(self._played, word.start if word else self._played)
        beginning = np.frombuffer(bytes(self._sound[2 * self._handed :][: 2 * FADE]), dtype="<i2")
        faded = (beginning * np.linspace(0, 1, len(beginning))).astype("<i2").tobytes()
        self._sound[2 * self._handed : 2 * self._handed + len(faded)] = faded

    def _words(self) -> list[Word]:
        return [word for stretch in self._stretches for word in stretch.words()]

    async def _make(self, lines: AsyncIterator[Line]) -> bool:
        """Make the sound; False where something failed. What was made so far is said: a caller must never
        hear an error."""
        try:
            async for line in lines:
                if self._spoken.first_text is None:
                    self._spoken = replace(self._spoken, first_text=self._now())
                await self._make_line(line)
            return True
        except Exception:
            log.exception("an answer could not be worded or spoken to its end")
            return False
        finally:
            self._made = True
            self._changed.set()

    async def _make_line(self, line: Line) -> None:
        stretch = Stretch(line.text, len(self._sound) // 2)
        self._stretches.append(stretch)
        async with aclosing(self._speech.speak(line)) as sound:
            async for pcm in sound:
                self._sound += pcm
                stretch.length = len(self._sound) // 2 - stretch.start
                self._changed.set()
                while len(self._sound) // 2 - self._handed > AHEAD:
                    self._taken.clear()
                    await self._taken.wait()
        stretch.finish(bytes(self._sound[2 * stretch.start :]))
