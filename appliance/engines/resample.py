"""Sound of any rate and channel count, streamed into another rate."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from appliance.messages import RATE

WIDE = 32
"""Samples of the slower rate on each side of the filter: it falls from 6 % below half that rate on."""

STEEP = 6.0
"""Kaiser's beta: what would fold over is 60 dB down."""

Sound = NDArray[np.float32]


class Resampler:
    """s16le in, s16le mono out. However the sound is cut up, what comes out is the same, and after `flush`
    as long as what went in.

    Where one rate is a small multiple of the other, as with telephones, it runs 4 ms behind: a plain filter.
    Else 10 to 30 ms: soxr's variable-rate engine, a quarter of the delay of its fixed-rate one.
    """

    def __init__(self, rate: int, channels: int = 1, to: int = RATE) -> None:
        self.rate = rate
        self.channels = channels
        self.to = to
        self._rest = b""
        self._taken = 0
        self._made = 0
        self._stream = None if rate == to else _stream(rate, to)

    def push(self, pcm: bytes) -> bytes:
        """Take interleaved sound, cut anywhere, even within a sample; return what is ready."""
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % (2 * self.channels)
        self._rest = pcm[whole:]
        if self._stream is None and self.channels == 1:
            return pcm[:whole]
        frames = np.frombuffer(pcm[:whole], dtype="<i2").reshape(-1, self.channels)
        sound = frames.mean(axis=1, dtype=np.float32)
        if self._stream is not None:
            self._taken += len(sound)
            sound = self._stream.resample_chunk(sound)
            self._made += len(sound)
        return _s16le(sound)

    def flush(self) -> bytes:
        """What is still inside; then ready for other sound. A part of a sample at the end is dropped."""
        self._rest = b""
        if self._stream is None:
            return b""
        owed = round(self._taken * self.to / self.rate) - self._made
        # soxr's own end may be a sample short: let silence push the sound out.
        tail = self._stream.resample_chunk(np.zeros(self.rate // 5, dtype=np.float32), last=True)
        self._stream.clear()
        self._taken = self._made = 0
        return _s16le(tail[:owed])


def _stream(rate: int, to: int) -> Any:
    if to in (2 * rate, 3 * rate):
        return _Faster(to // rate)
    if rate in (2 * to, 3 * to):
        return _Slower(rate // to)
    return soxr.ResampleStream(rate, to, 1, "float32", "HQ", vr=True)


@cache
def _filter(factor: int) -> Sound:
    """Low-pass at half the slower of two rates, for the faster; symmetric, of unit gain."""
    at = np.arange(1 - WIDE * factor, WIDE * factor)
    taps = np.sinc(at / factor) * np.kaiser(len(at), STEEP)
    made: Sound = (taps / taps.sum()).astype(np.float32)
    return made


class _Faster:
    """To a multiple of the rate. The first sample out is the first one in: nothing is shifted."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._taps = _filter(factor) * np.float32(factor)
        self.clear()

    def clear(self) -> None:
        self._before: Sound = np.zeros(len(self._taps) - 1, dtype=np.float32)
        self._ahead = len(self._taps) // 2

    def resample_chunk(self, sound: Sound, last: bool = False) -> Sound:
        spread = np.zeros(len(sound) * self._factor, dtype=np.float32)
        spread[:: self._factor] = sound
        return self._filtered(spread)

    def _filtered(self, sound: Sound) -> Sound:
        whole = np.concatenate([self._before, sound])
        self._before = whole[len(whole) - len(self._before) :]
        made = np.convolve(whole, self._taps, "valid") if len(sound) else sound
        early = min(self._ahead, len(made))
        self._ahead -= early
        return made[early:]


class _Slower(_Faster):
    """To a fraction of the rate."""

    def __init__(self, factor: int) -> None:
        super().__init__(factor)
        self._taps = _filter(factor)

    def clear(self) -> None:
        super().clear()
        self._skip = 0

    def resample_chunk(self, sound: Sound, last: bool = False) -> Sound:
        made = self._filtered(sound)
        kept = made[self._skip :: self._factor]
        self._skip = (self._skip - len(made)) % self._factor
        return kept


def resample(pcm: bytes, rate: int, channels: int = 1, to: int = RATE) -> bytes:
    """A whole recording at once."""
    resampler = Resampler(rate, channels, to)
    return resampler.push(pcm) + resampler.flush()


def _s16le(sound: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bytes:
    return np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()
