"""A caller in a room, as an AudioChannel: says what a scene holds, hears the desk, and has its voice come
back as echo, which is removed as a kiosk's sound card removes it. What was said when is known to the
sample."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np

from appliance.bench.turns.recordings import Sound
from appliance.bench.turns.scenes import Echo, Saying, Scene
from appliance.channels.echo import Canceller
from appliance.channels.playout import Playout
from appliance.engines import EchoStream
from appliance.messages import FRAME, RATE, Audio, Expect, Notice, Turn, samples, seconds

QUIET = samples(0.6)
"""Quiet after which a caller takes the desk to have finished, once the loop says so too."""

PATIENT = samples(12)
"""A caller who gets no answer goes on after this long."""

SOUND = 0.003
"""Peak level of a frame of the desk that a caller hears."""


@dataclass(frozen=True, slots=True)
class Said:
    """A saying, and where in the recording it lies."""

    saying: Saying
    start: int
    """Sample of the recording."""

    @property
    def end(self) -> int:
        """Just after its last sample of speech."""
        return self.start + self.saying.length


class Room:
    """One call. `real` runs at the pace of a sound card, on a thread of its own that no slow loop holds up;
    otherwise time is the event loop's, which may be scripted."""

    channel = "room"
    desk_begins = True
    caller = ""

    def __init__(self, scene: Scene, real: bool = True, echo: EchoStream | None = None) -> None:
        self.id = scene.name
        self.playout = Playout()
        self.said: list[Said] = []
        self.gave_up = False
        """Whether nothing was listened to any longer while the desk spoke."""
        self.late = 0.0
        """Seconds by which the device's thread was late at worst."""
        self._scene = scene
        self._real = real
        self._canceller = Canceller(echo) if echo else None
        self._heard_itself = False
        self._waiting = list(scene.sayings)
        self._saying: Sound = np.zeros(0, dtype=np.float32)
        self._clock = 0
        self.began = 0.0
        """`time.monotonic` at the first sample, in real time."""
        self._gone = False
        self._echo = _EchoPath(scene.echo) if scene.echo else None
        self._first_sound: int | None = None
        self._last_sound = 0
        self._speaking_since: int | None = None
        self._said_until = 0
        self._finished = False
        self._frames: asyncio.Queue[Audio | None] = asyncio.Queue()

    @property
    def next_expect(self) -> Expect:
        """What the desk is waiting for now."""
        return self._waiting[0].expect if self._waiting else Expect()

    def now(self) -> int:
        if not self._real or not self.began:
            return self._clock
        return max(self._clock, samples(time.monotonic() - self.began))

    def notice(self, what: Notice) -> None:
        if isinstance(what, Turn):
            self._finished = True

    @property
    def half_duplex(self) -> bool:
        """As at a kiosk: once it is plain that the echo stays."""
        self.gave_up |= self._heard_itself or (self._canceller is not None and self._canceller.fails)
        return self.gave_up

    def heard_itself(self) -> None:
        self._heard_itself = True

    async def hang_up(self) -> None:
        self._gone = True

    async def microphone(self) -> AsyncIterator[Audio]:
        if self._real:
            threading.Thread(target=self._device, args=(asyncio.get_running_loop(),), daemon=True).start()
            while (frame := await self._frames.get()) is not None:
                yield frame
        else:
            while not self._over():
                frame = self._step()
                await asyncio.sleep(FRAME / RATE)
                yield frame
        while pcm := self.playout.pull(FRAME):
            self.playout.dropped(len(pcm) // 2)

    def _device(self, loop: asyncio.AbstractEventLoop) -> None:
        """Play and record 20 ms, every 20 ms."""
        self.began = time.monotonic()
        try:
            while not self._over():
                frame = self._step()
                ahead = self.began + seconds(self._clock) - time.monotonic()
                self.late = max(self.late, -ahead)
                time.sleep(max(0.0, ahead))
                loop.call_soon_threadsafe(self._frames.put_nowait, frame)
            loop.call_soon_threadsafe(self._frames.put_nowait, None)
        except RuntimeError:  # The loop was closed before the call was over.
            return

    def _over(self) -> bool:
        if self._gone or self._clock >= samples(self._scene.longest):
            return True
        quiet = self._clock - max(self._last_sound, self._said_until)
        if self._waiting or len(self._saying):
            return False
        answered = self._answered and self._finished
        return quiet >= (samples(self._scene.linger) if answered else PATIENT)

    @property
    def _answered(self) -> bool:
        """Whether the desk has made a sound since the last saying ended."""
        return self._last_sound > self._said_until or (not self.said and self._first_sound is not None)

    def _step(self) -> Audio:
        """Play a frame and record one; the clock moves on."""
        at = self._clock
        pcm = self.playout.pull(FRAME)
        if pcm:
            self.playout.played(pcm, at)
            if self._canceller:
                self._canceller.playing(pcm, at)
        desk = np.zeros(FRAME, dtype=np.float32)
        desk[: len(pcm) // 2] = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
        self._listen(desk, at)
        heard = self._speak(at) + self._place(at)
        if self._echo:
            heard = heard + self._echo.hear(desk)
        self._clock += FRAME
        microphone = (np.clip(heard, -1, 32767 / 32768) * 32768).astype("<i2").tobytes()
        return self._canceller.clean(microphone, at) if self._canceller else Audio(microphone, at)

    def _listen(self, desk: Sound, at: int) -> None:
        if np.abs(desk).max() < SOUND:
            return
        if self._first_sound is None:
            self._first_sound = at
        self._last_sound = at
        if self._speaking_since is None and not len(self._saying):
            self._speaking_since = at

    def _speak(self, at: int) -> Sound:
        """The caller's next frame."""
        if not len(self._saying) and self._waiting and self._is_time_for(self._waiting[0], at):
            saying = self._waiting.pop(0)
            self.said.append(Said(saying, at))
            self._saying = saying.sound
            self._said_until = at + saying.length
            self._speaking_since, self._finished = None, False
        frame = np.zeros(FRAME, dtype=np.float32)
        frame[: len(self._saying[:FRAME])] = self._saying[:FRAME]
        self._saying = self._saying[FRAME:]
        return frame

    def _is_time_for(self, saying: Saying, at: int) -> bool:
        if at - max(self._last_sound, self._said_until) >= PATIENT:
            return True
        if saying.into is not None:
            return self._speaking_since is not None and at - self._speaking_since >= samples(saying.into)
        quiet = at - self._last_sound
        return self._answered and self._finished and not self.playout.queued and quiet >= QUIET

    def _place(self, at: int) -> Sound:
        background = self._scene.background
        if background is None:
            return np.zeros(FRAME, dtype=np.float32)
        return background[np.arange(at, at + FRAME) % len(background)]


class _EchoPath:
    """The loudspeaker's sound on its way back to the microphone, frame by frame."""

    def __init__(self, echo: Echo) -> None:
        self._delay = samples(echo.delay)
        size = 1 << (FRAME + len(echo.response)).bit_length()
        self._size = size
        self._spectrum = np.fft.rfft(echo.response * 10 ** (echo.level / 20), size)
        self._coming = np.zeros(self._delay + size, dtype=np.float32)

    def hear(self, desk: Sound) -> Sound:
        if desk.any():
            sound = np.fft.irfft(np.fft.rfft(desk, self._size) * self._spectrum, self._size)
            self._coming[self._delay : self._delay + self._size] += sound.astype(np.float32)
        frame = self._coming[:FRAME].copy()
        self._coming = np.concatenate([self._coming[FRAME:], np.zeros(FRAME, dtype=np.float32)])
        return frame
