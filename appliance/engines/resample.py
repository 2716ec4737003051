"""Sound of any rate and channel count, streamed into another rate."""

from __future__ import annotations

import numpy as np
import soxr

from appliance.messages import RATE


class Resampler:
    """s16le in, s16le mono out. However the sound is cut up, what comes out is the same, and after `flush`
    as long as what went in.

    It runs 10 to 30 ms behind: soxr's variable-rate engine, a quarter of the delay of its fixed-rate one.
    """

    def __init__(self, rate: int, channels: int = 1, to: int = RATE) -> None:
        self.rate = rate
        self.channels = channels
        self.to = to
        self._rest = b""
        self._taken = 0
        self._made = 0
        self._stream = None if rate == to else soxr.ResampleStream(rate, to, 1, "float32", "HQ", vr=True)

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


def resample(pcm: bytes, rate: int, channels: int = 1, to: int = RATE) -> bytes:
    """A whole recording at once."""
    resampler = Resampler(rate, channels, to)
    return resampler.push(pcm) + resampler.flush()


def _s16le(sound: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bytes:
    return np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()
