"""How late the desk's own voice comes back to it, and whether always as late."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from appliance.messages import RATE, samples

REACH = samples(0.5)
"""Longest delay that is looked for."""

SURE = 8.0
"""How many times the likeness at one delay must stand out of that at all others. Rooms with long tails, and
people who speak meanwhile, do not reach it: then nothing is told."""

ALMOST = 0.5
"""Share of that likeness from which the delay that was found before still stands, give or take `NEAR`: where
a wall's echo is as loud as the way straight on there are two."""

NEAR = samples(0.002)

AUDIBLE = 10 ** (-50 / 20)
"""Root mean square of a second of the desk's voice that is worth a look."""

REMEMBERED = 30
"""Seconds of the desk's voice whose delay was found, that are judged by."""

MOST = 3
"""Jumps among them with which a canceller cannot keep up: after each it must learn the way anew."""

Sound = NDArray[np.float32]


class EchoDelay:
    """Compares, second by second, what is played with what is heard (GCC-PHAT)."""

    def __init__(self) -> None:
        self._played: Sound = np.zeros(REACH + RATE, dtype=np.float32)
        self._heard: Sound = np.zeros(RATE, dtype=np.float32)
        self._count = 0
        self._last: int | None = None
        """Samples of delay that were found last."""
        self._changed: deque[bool] = deque(maxlen=REMEMBERED)
        """Of each second whose delay was found, whether it was another than before."""

    @property
    def unsteady(self) -> bool:
        return sum(tuple(self._changed)) >= MOST  # At one go: the microphone's thread adds to them meanwhile.

    def step(self, played: bytes, heard: bytes) -> None:
        """The next stretch of both, as long as each other."""
        count = len(heard) // 2
        self._played = np.concatenate([self._played[count:], _sound(played)])
        self._heard = np.concatenate([self._heard[count:], _sound(heard)])
        self._count += count
        if self._count >= RATE:
            self._count = 0
            if np.sqrt(np.mean(self._played**2)) > AUDIBLE:
                self._look()

    def _look(self) -> None:
        alike = self._likeness()
        best = int(np.argmax(alike))
        if alike[best] < SURE * np.sqrt(np.mean(alike**2)):
            return
        last = best if self._last is None else self._last
        around = alike[max(0, last - NEAR) : last + NEAR + 1]
        changed = bool(around.max() < ALMOST * alike[best])
        self._changed.append(changed)
        if changed or self._last is None:
            self._last = best

    def _likeness(self) -> Sound:
        """Of what was heard in the last second to what was played so many samples before."""
        size = 1 << (len(self._played) + len(self._heard)).bit_length()
        both = np.fft.rfft(self._heard, size) * np.conj(np.fft.rfft(self._played, size))
        return np.abs(np.fft.irfft(both / (np.abs(both) + 1e-9), size))[-REACH:].astype(np.float32)


def _sound(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)
