"""A microphone and a speaker as PortAudio calls them: from threads of its own, every 20 ms.

What runs in a callback never waits for asyncio and never raises. Times are taken as ages against the stream's
own clock, which may be the wall clock and jump, and turned into `time.monotonic` at once.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np

from appliance.channels.clock import TOLERANCE, SampleClock
from appliance.channels.playout import Playout
from appliance.engines.resample import Resampler
from appliance.messages import FRAME, FRAME_BYTES, RATE, samples, seconds

HEARING = 0.4
"""Seconds of sound that the driver keeps while the box is too busy to take it; handed over every 20 ms."""

SPEAKING = 0.06
"""Seconds of sound that the driver is given in advance: how late a cut is heard."""

IMPLAUSIBLE = 0.2
"""Seconds between a sample and its callback that an audio server may tell of only while it starts."""

CALLED_WITHIN = 0.05
"""Seconds in which a device that runs asks for its next 20 ms."""

HEARD_WITHIN = 0.2
"""Seconds in which it has played what it was given."""

DELAY = samples(0.02)
"""What the speaker's resampler may be behind by."""


@dataclass(frozen=True, slots=True)
class Device:
    """A microphone or a speaker, as PortAudio lists it."""

    index: int
    name: str
    channels: int
    rate: int
    """Its own rate, where it cannot do 16 kHz."""


def block(rate: int) -> int:
    """Samples of 16 kHz in a callback, near 20 ms, that are a whole number of samples at `rate` too."""
    step = gcd(rate, RATE)
    return RATE // step * max(1, step // 50)


class Microphone:
    """Hands frames of 20 ms and their clock to `heard`, from PortAudio's thread.

    `after` is the clock before which no frame may lie. Opens any device: at 16 kHz or at its own rate, with
    one channel or all of them.
    """

    def __init__(
        self, device: Device, clock: SampleClock, after: int, heard: Callable[[bytes, int], None]
    ) -> None:
        self.calls = 0
        self.failure: Exception | None = None
        self.position = after
        self._clock = clock
        self._heard = heard
        self._pcm = bytearray()
        self._stream = _open("RawInputStream", device, self._callback, HEARING, periods=20)
        self._rate = round(self._stream.samplerate)
        self._resampler = Resampler(self._rate, self._stream.channels)
        self._begun = after
        self._taken = 0
        clock.settle()
        self._stream.start()

    @property
    def alive(self) -> bool:
        return self.failure is None and _runs(self._stream)

    def close(self) -> None:
        self._stream.close()

    def _callback(self, data: Any, count: int, times: Any, status: Any) -> None:
        try:
            captured = time.monotonic() - _plausible(self._stream.time - times.inputBufferAdcTime)
            self._place(captured, count, bool(status.input_overflow))
            self._pcm += self._resampler.push(bytes(data))
            while len(self._pcm) >= FRAME_BYTES:
                self._heard(bytes(self._pcm[:FRAME_BYTES]), self.position)
                del self._pcm[:FRAME_BYTES]
                self.position += FRAME
            self.calls += 1
        except Exception as failure:
            self.failure = failure

    def _place(self, captured: float, count: int, overflow: bool) -> None:
        """Leave room on the clock for what was lost before this block."""
        if not self._taken:
            lost = max(0, self._clock.at(captured) - self.position)
        else:
            lost = self._clock.follow(self._begun + self._taken * RATE // self._rate, captured, overflow)
        whole = lost // FRAME * FRAME
        self._begun += whole
        self.position += whole
        self._taken += count


@dataclass(frozen=True, slots=True)
class _Sounding:
    """Sound that was given to the device and is not heard yet."""

    playout: Playout
    pcm: bytes
    at: int
    until: float
    """`time.monotonic` when its last sample is heard."""


class Speaker:
    """Plays the playout it is given, and tells it what was heard, and when on the microphone's clock.
    `playing` is told the same as soon as it is known, some 60 ms before, in PortAudio's thread.

    Sound that follows without a gap is placed without a gap; the two crystals are brought together again
    between stretches of sound, or when they are more than 20 ms apart.
    """

    def __init__(
        self,
        device: Device,
        clock: SampleClock,
        playing: Callable[[bytes, int], None] = lambda pcm, at: None,
    ) -> None:
        self.calls = 0
        self.failure: Exception | None = None
        self.underruns = 0
        """Times that the box was too busy and the sound broke off."""
        self._clock = clock
        self._playing = playing
        self._source: tuple[Playout, int] | None = None
        self._sounding: deque[_Sounding] = deque()
        self._end = 0
        self._unbroken = False
        self._stream = _open("RawOutputStream", device, self._callback, SPEAKING, periods=4)
        self._rate = round(self._stream.samplerate)
        self._block = block(self._rate)
        self._resampler = Resampler(RATE, to=self._rate)
        self._delay = 0 if self._rate == RATE else DELAY
        self._ready = bytearray(2 * (self._delay * self._rate // RATE))
        self._stream.start()

    @property
    def alive(self) -> bool:
        return self.failure is None and _runs(self._stream)

    def play(self, playout: Playout | None, zero: int = 0) -> None:
        """Play it from now on; its clock's zero is at `zero` of the microphone's clock."""
        self._source = (playout, zero) if playout else None

    def close(self) -> None:
        """Let the fade of what was cut be heard, and let go of the device."""
        if self.alive:
            calls = self.calls
            _wait(lambda: self.calls > calls, CALLED_WITHIN)
            self._source = None
            # Not by the stream's own stop(), which throws away what it should wait for.
            _wait(lambda: not self._sounding, HEARD_WITHIN)
        self._stream.close()
        for sound in self._sounding:
            sound.playout.dropped(len(sound.pcm) // 2)
        self._sounding.clear()

    def _callback(self, data: Any, count: int, times: Any, status: Any) -> None:
        try:
            now = time.monotonic()
            self.underruns += bool(status.output_underflow)
            ahead = _plausible(times.outputBufferDacTime - self._stream.time)
            heard = now + ahead + seconds(self._delay)
            while self._sounding and self._sounding[0].until <= now:
                sound = self._sounding.popleft()
                sound.playout.played(sound.pcm, sound.at)
            data[:] = self._next(heard)
            self.calls += 1
        except Exception as failure:
            self.failure = failure
            data[:] = bytes(len(data))

    def _next(self, heard: float) -> bytes:
        """The next block for the device; its first sample is heard at `heard`."""
        source, pcm = self._source, b""
        if source:
            playout, zero = source
            pcm = playout.pull(self._block)
            if pcm:
                at = self._place(self._clock.at(heard), len(pcm) // 2)
                self._sounding.append(_Sounding(playout, pcm, at - zero, heard + seconds(len(pcm) // 2)))
                self._playing(pcm, at)
        self._unbroken = len(pcm) == 2 * self._block
        self._ready += self._resampler.push(pcm.ljust(2 * self._block, b"\0"))
        size = 2 * (self._block * self._rate // RATE)
        sound = bytes(self._ready[:size])
        del self._ready[:size]
        if self._stream.channels > 1:
            sound = np.repeat(np.frombuffer(sound, dtype="<i2"), self._stream.channels).tobytes()
        return sound

    def _place(self, at: int, count: int) -> int:
        if self._unbroken and abs(at - self._end) < samples(TOLERANCE):
            at = self._end
        at = max(at, self._end)
        self._end = at + count
        return at


def _wait(done: Callable[[], bool], within: float) -> None:
    latest = time.monotonic() + within
    while not done() and time.monotonic() < latest:
        time.sleep(0.002)


def _runs(stream: Any) -> bool:
    import sounddevice

    try:
        return bool(stream.active)
    except sounddevice.PortAudioError:
        return False


def _plausible(difference: float) -> float:
    return min(max(difference, -IMPLAUSIBLE), IMPLAUSIBLE)


def _open(kind: str, device: Device, callback: Callable[..., None], latency: float, periods: int) -> Any:
    """Open the stream at the first of these that the device can: 16 kHz or its own rate, mono or all its
    channels. The driver hands sound over `periods` times in `latency` seconds, where it is ALSA."""
    import sounddevice

    with suppress(AttributeError):
        ctypes.CDLL(sounddevice._libname).PaAlsa_SetNumPeriods(periods)
    refused: Exception | None = None
    for rate in dict.fromkeys((RATE, device.rate)):
        for channels in dict.fromkeys((1, min(2, device.channels), device.channels)):
            try:
                return getattr(sounddevice, kind)(
                    device=device.index,
                    samplerate=rate,
                    channels=channels,
                    dtype="int16",
                    blocksize=block(rate) * rate // RATE,
                    latency=latency,
                    callback=callback,
                )
            except sounddevice.PortAudioError as error:
                if not set(error.args) & UNFIT:
                    raise
                refused = error
    assert refused is not None
    raise refused


UNFIT = {-9997, -9998}
"""PortAudio's `invalid sample rate` and `invalid number of channels`."""
