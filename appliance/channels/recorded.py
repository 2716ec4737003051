"""A caller from recordings: each is said when the desk has finished speaking. The loop cannot tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from appliance.channels.playout import Playout
from appliance.errors import AudioError
from appliance.messages import FRAME, FRAME_BYTES, RATE, Audio, Notice, samples, seconds

LONGEST = 3600
"""Seconds of a recording that are read."""

BEFORE = samples(0.5)
"""The caller speaks this long after the desk has finished."""

TICK = 50
"""Steps of the loop that a frame lasts in scripted time."""

UNANSWERED = samples(30)
"""A caller with more to say waits this long for an answer."""


def read_recording(path: Path) -> bytes:
    """A sound file of any rate and channel count as s16le mono at 16 kHz."""
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            pcm = file.read(LONGEST * rate, dtype="float32", always_2d=True).mean(axis=1)
    except (OSError, RuntimeError) as error:
        raise AudioError(
            f"{path} cannot be read as sound ({error})",
            "give a WAV, FLAC, OGG or MP3 file that a player plays",
        ) from error
    if not len(pcm):
        raise AudioError(f"{path} holds no sound", "give a recording in which somebody speaks")
    pcm = np.nan_to_num(pcm)
    if rate != RATE:
        pcm = soxr.resample(pcm, rate, RATE)
    return bytes((np.clip(pcm, -1.0, 1.0) * 32767).astype("<i2").tobytes())


@dataclass(frozen=True, slots=True)
class Saying:
    """Something a recorded caller says."""

    pcm: bytes
    """s16le mono 16 kHz."""
    into: float | None = None
    """Seconds into the desk's answer at which it begins; None: after the answer."""


class RecordedCaller:
    """An AudioChannel that plays its sayings to the desk, one an answer; the greeting is the first answer.

    With `pace` it runs in real time, as a device does; without, as fast as the loop follows, in scripted
    time. After the last saying the caller hangs up once neither side has made a sound for `linger` seconds.
    """

    channel = "recorded"
    desk_begins = True
    caller = ""
    half_duplex = False

    def __init__(
        self,
        sayings: Iterable[Saying],
        call: str = "recorded",
        pace: bool = True,
        linger: float = 4.0,
        watch: Callable[[Notice], None] | None = None,
    ) -> None:
        self.id = call
        self.playout = Playout()
        self._waiting = list(sayings)
        self._saying = memoryview(b"")
        self._pace = pace
        self._linger = samples(linger)
        self._watch = watch
        self._began = time.monotonic()
        self._clock = 0
        self._last_sound = 0
        self._answer_began: int | None = None
        self._gone = False

    def now(self) -> int:
        if not self._pace:
            return self._clock
        return max(self._clock, samples(time.monotonic() - self._began))

    def notice(self, what: Notice) -> None:
        if self._watch:
            self._watch(what)

    def heard_itself(self) -> None:
        self.half_duplex = True

    async def hang_up(self) -> None:
        self._gone = True

    async def microphone(self) -> AsyncIterator[Audio]:
        self._began = time.monotonic()
        while not self._gone and self._clock - self._last_sound < self._patience():
            yield Audio(self._speak(), self._clock)
            self._listen()
            self._clock += FRAME
            await self._tick()
        while pcm := self.playout.pull(FRAME):
            self.playout.dropped(len(pcm) // 2)

    def _patience(self) -> int:
        return max(self._linger, UNANSWERED) if self._waiting or self._saying else self._linger

    def _speak(self) -> bytes:
        """The caller's next frame."""
        if not self._saying and self._waiting and self._is_time_for(self._waiting[0]):
            self._saying = memoryview(self._waiting.pop(0).pcm)
            self._answer_began = None
        frame, self._saying = self._saying[:FRAME_BYTES], self._saying[FRAME_BYTES:]
        if frame:
            self._last_sound = self._clock
        return bytes(frame).ljust(FRAME_BYTES, b"\0")

    def _is_time_for(self, saying: Saying) -> bool:
        if self._answer_began is None:
            return False
        if saying.into is None:
            return not self.playout.queued and self._clock - self._last_sound >= BEFORE
        return self._clock - self._answer_began >= samples(saying.into)

    def _listen(self) -> None:
        """Hear a frame of the desk."""
        pcm = self.playout.pull(FRAME)
        if pcm:
            self._last_sound = self._clock
            if self._answer_began is None and not self._saying:
                self._answer_began = self._clock
            self.playout.played(pcm, self._clock)

    async def _tick(self) -> None:
        if self._pace:
            await asyncio.sleep(max(0.0, self._began + seconds(self._clock) - time.monotonic()))
        else:
            # Scripted time: everything that this frame set off happens before the next.
            for _ in range(TICK):
                await asyncio.sleep(0)
