"""Who took a call that the desk made: a person, a machine, or, though the line says so, nobody yet."""

from __future__ import annotations

from typing import Literal

import numpy as np

from appliance.channels.phone import loudness
from appliance.messages import RATE, samples, seconds

Who = Literal["person", "machine", "nobody"]

LOUD = 300.0
"""RMS over which a frame sounds."""

HELLO = 2.4
"""Seconds of speech that a person who answers says at most, before waiting for the caller."""

WAITS = 0.7
"""Seconds of quiet that end what was said."""

NEVER = 6.0
"""Seconds without a word. Where the line has proven that the call was taken, somebody listens even so."""

BEEP = (700.0, 2200.0)
"""Hertz of the tone after which machines record."""

BEEPS = 0.15
"""Seconds that it lasts at least."""

PURE = 0.85
"""Share of a frame's energy in one or two neighbouring tones that no voice has."""

WINDOW = samples(0.04)


class AnswerListener:
    """Feed it 20 ms frames, s16le mono 16 kHz. `proven`: what the line says of an answer is true. Some modems
    say it while it still rings, and then a voice is the proof."""

    def __init__(self, proven: bool = True) -> None:
        self.who: Who | None = None
        self.beeped = False
        self.quiet = 0.0
        """Seconds since anything sounded."""
        self._proven = proven
        self._recent = b""
        self._spoke = 0.0
        self._tone = 0.0
        self._heard = 0.0

    def push(self, pcm: bytes) -> Who | None:
        """Who it is, as soon as that is sure."""
        lasts = seconds(len(pcm) // 2)
        self._heard += lasts
        self._recent = (self._recent + pcm)[-2 * WINDOW :]
        tone = pure_tone(self._recent) if loudness(pcm) > LOUD else 0.0
        if loudness(pcm) <= LOUD:
            self.quiet += lasts
            self._tone = 0.0
        elif tone:
            self.quiet = 0.0
            self._tone = self._tone + lasts if BEEP[0] <= tone <= BEEP[1] else 0.0
        else:
            self.quiet = 0.0
            self._tone = 0.0
            self._spoke += lasts
        self.beeped = self.beeped or self._tone >= BEEPS
        self.who = self.who or self._decided()
        return self.who

    def _decided(self) -> Who | None:
        if self.beeped or self._spoke > HELLO:
            return "machine"
        if self._spoke >= 0.1 and self.quiet >= WAITS:
            return "person"
        if self._spoke < 0.1 and self._heard > (NEVER if self._proven else 4 * NEVER):
            return "person" if self._proven else "nobody"
        return None


def pure_tone(pcm: bytes) -> float:
    """Hertz of the tone that the sound is; 0 where it is something else. Two tones near each other, as some
    telephones ring, count as one."""
    sound = np.frombuffer(pcm, dtype="<i2").astype(float)
    if len(sound) < WINDOW:
        return 0.0
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    peak = int(np.argmax(power))
    near = power[max(0, peak - 3) : peak + 4].sum()
    return peak * RATE / len(sound) if near > PURE * power.sum() else 0.0
