"""Who speaks to the desk, and who only speaks near by: a radio, people at the next table."""

from __future__ import annotations

import math

import numpy as np

from appliance.messages import samples, seconds

SPEECH = 0.35
"""Probability from which a window may be speech."""

BELOW = 16.0
"""dB below the caller's voice from which a voice is somebody else's. Who turns or walks away falls more
slowly than `FALLS`."""

BACK = 10.0
"""The same once somebody else is heard: now and then a radio is nearly as loud."""

FALLS = 8.0
"""dB a second by which a caller's voice may grow softer as it goes on ..."""

FADES = 1.0
"""... and by which it is forgotten while it does not: the next to speak may stand farther off."""

SYLLABLE = samples(0.15)
"""Sound over which its loudness is taken: a bang is no voice."""

SILENT = samples(2.0)
"""Quiet after which whoever speaks is listened to anew; a radio seldom pauses for so long."""

TALKS_ON = samples(0.6)
"""Speech without a louder part from which it is somebody else: a caller's soft words are over sooner."""


class Foreground:
    """Follows how loud the caller is. Until somebody has spoken, everybody is the caller."""

    def __init__(self) -> None:
        self._recent = np.zeros(SYLLABLE, dtype=np.float32)
        self._caller = -math.inf
        """dBFS."""
        self._softer = 0
        """Samples of softer speech since the last that was the caller's ..."""
        self._quiet = 0
        """... and of quiet since any."""

    def step(self, probability: float, sound: bytes | bytearray, clear: bool = True) -> float:
        """The `probability` of speech in a window of `sound`, s16le, as far as it is the caller's. Of sound
        that is not `clear`, which an echo was taken out of and perhaps some of a voice, nothing is learnt."""
        heard = np.frombuffer(sound, dtype="<i2").astype(np.float32) / np.float32(32768)
        self._recent = np.concatenate([self._recent[len(heard) :], heard])
        loud = 10 * math.log10(float(np.mean(self._recent**2)) + 1e-10)
        below = BELOW if self._softer < TALKS_ON else BACK
        speech, own = probability >= SPEECH, loud >= self._caller - below
        if clear:
            self._learn(speech, own, loud, len(heard))
        return probability if own or self._softer < TALKS_ON else 0.0

    def _learn(self, speech: bool, own: bool, loud: float, length: int) -> None:
        self._quiet = 0 if speech else self._quiet + length
        if speech and own:
            self._caller = max(loud, self._caller - FALLS * seconds(length))
            self._softer = 0
            return
        self._caller -= FADES * seconds(length)
        self._softer += length if speech else 0
        if self._quiet >= SILENT:
            self._softer = 0
