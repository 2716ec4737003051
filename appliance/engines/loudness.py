"""Loudness as people hear it, by ITU-R BS.1770, and a voice brought to one."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

TARGET = -20.0
"""LUFS that every line is spoken at."""

CEILING = 10 ** (-2.0 / 20)
"""No sample goes beyond it, so that no true peak goes beyond -1 dBFS."""

KNEE = 0.5
"""Above this the sound is bent rather than clipped."""

BLOCK = 0.1
"""Seconds that are weighed together; blocks 10 LU below the rest are pauses and do not count."""

BELIEF = 0.4
"""Seconds of a line after which it counts as much as what is known of its voice."""

GREATEST = 12.0
"""Decibels that a voice is at most raised by."""


def blocks(sound: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """The K-weighted power of each whole block of a sound, and of its rest where there is no other."""
    size = round(BLOCK * rate)
    if len(sound) < size:
        sound = np.pad(sound, (0, size - len(sound)))
    rows = sound[: len(sound) // size * size].astype(np.float64).reshape(-1, size)
    power = np.abs(np.fft.rfft(rows, 2 * size)) ** 2 * _weight(2 * size, rate)
    # Each frequency but the first and the last stands for two.
    each: NDArray[np.float64] = 2 * power.sum(axis=1) - power[:, 0] - power[:, -1]
    return each / (2 * size * size)


def loudness(power: NDArray[np.float64]) -> float:
    """LUFS of blocks; -inf where there is no sound."""
    heard = power[power > 10 ** ((-70 + 0.691) / 10)]
    if not heard.size:
        return -np.inf
    voiced = heard[heard > 0.1 * heard.mean()]
    return float(-0.691 + 10 * np.log10(voiced.mean()))


class Leveller:
    """Brings one line to the target as it is made. `usual` is the voice's loudness, in LUFS, before."""

    def __init__(self, usual: float, rate: int) -> None:
        self._usual = usual
        self._rate = rate
        self._power: list[NDArray[np.float64]] = []
        self._gain: float | None = None

    def push(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """The next stretch at its loudness; the gain changes within a stretch, never between two."""
        self._power.append(blocks(sound, self._rate))
        power = np.concatenate(self._power)
        share = len(power) * BLOCK / (len(power) * BLOCK + BELIEF)
        so_far = loudness(power)
        known = self._usual + share * (so_far - self._usual) if np.isfinite(so_far) else self._usual
        wanted = 10 ** (min(TARGET - known, GREATEST) / 20)
        begin = wanted if self._gain is None else self._gain
        self._gain = wanted
        return bent(sound * np.linspace(begin, wanted, len(sound), dtype=np.float32))


def bent(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sound with its peaks bent below the ceiling."""
    room = CEILING - KNEE
    over = np.abs(sound) - KNEE
    limited = np.copysign(KNEE + room * np.tanh(over / room), sound)
    return np.where(over > 0, limited, sound).astype(np.float32)


@cache
def _weight(size: int, rate: int) -> NDArray[np.float64]:
    """The power that the K filter lets through at each frequency of a transform of that size."""
    turn = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    # The standard's two filters, a shelf for the head and a high pass, by their analogue corner frequencies.
    k, q, gain = np.tan(np.pi * 1681.9745 / rate), 0.7071752, 10 ** (3.9998439 / 20)
    edge = gain**0.4996668
    shelf = (
        gain + edge * k / q + k * k + 2 * (k * k - gain) * turn + (gain - edge * k / q + k * k) * turn**2
    ) / (1 + k / q + k * k + 2 * (k * k - 1) * turn + (1 - k / q + k * k) * turn**2)
    k, q = np.tan(np.pi * 38.135471 / rate), 0.5003270
    high = (1 - turn) ** 2 / (1 + k / q + k * k + 2 * (k * k - 1) * turn + (1 - k / q + k * k) * turn**2)
    weight: NDArray[np.float64] = np.abs(shelf * high) ** 2
    return weight
