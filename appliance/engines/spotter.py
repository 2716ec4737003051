"""Any phrase for a wake word: where somebody begins to speak, Whisper is asked how likely they said it.

The words are given, so there is nothing to decode and nothing to train: a phrase that was said scores -0.1 to
-2, any other speech below -6. It is looked for at the beginning of what is said, after a pause.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.engines import Vad, Woken
from appliance.engines.whisper import LIKELY, Whisper
from appliance.errors import EngineError
from appliance.messages import samples

SPEECH, QUIET = 0.5, 0.35
"""Probability from which a window is speech, and below which it no longer is."""

GAP = samples(0.15)
"""Quiet after which somebody begins anew."""

BEFORE = samples(0.25)
"""Sound before the first window of speech that is looked at too."""

LETTER = 0.05, 0.1
"""Seconds that a letter of the phrase takes at least and at most."""

LATER = samples(0.1), samples(0.6)
"""When to look, after the phrase may be over, at somebody who speaks on; and at each pause before."""

BEGINNINGS = 3
"""How many are kept: who says "um" first begins twice."""

REFRACTORY = samples(2.0)
"""A wake is followed by this long in which nothing wakes again."""

FAR = samples(4.0)
"""Sound that is kept."""


class Spotter:
    """`phrases` are the wake words, of two syllables at least; one of three or four is never mistaken."""

    def __init__(self, vad: Vad, whisper: Whisper, phrases: Sequence[str], likely: float = LIKELY) -> None:
        if not any(phrase.strip() for phrase in phrases):
            raise EngineError("no wake word is named", 'name one, as in words = ["computer"]')
        self.vad = vad
        self.whisper = whisper
        self.phrases = tuple(" ".join(phrase.replace("_", " ").split()) for phrase in phrases)
        self.likely = likely
        self.shortest = samples(LETTER[0] * min(map(len, self.phrases)))
        longest = samples(LETTER[1] * max(map(len, self.phrases)))
        self.looks = tuple(longest + later for later in LATER)

    def stream(self) -> SpotterStream:
        return SpotterStream(self)


class SpotterStream:
    def __init__(self, engine: Spotter) -> None:
        self._engine = engine
        self._vad = engine.vad.stream()
        self._recent = bytearray()
        self._pushed = 0
        """Samples so far."""
        self._windows = 0
        """Samples that the VAD has told of."""
        self._begun: list[int] = []
        """Where somebody began to speak, that lies not too far back."""
        self._quiet = GAP
        self._deaf_until = 0

    def push(self, pcm: bytes) -> Woken | None:
        self._recent += pcm
        del self._recent[: -2 * FAR]
        self._pushed += len(pcm) // 2
        woken = None
        for probability in self._vad.push(pcm):
            due = self._step(probability)
            if self._pushed >= self._deaf_until:
                woken = woken or self._look(due)
        return woken

    def _step(self, probability: float) -> list[int]:
        """Follow one window; where somebody began whose words are now worth a look."""
        window, looks = self._engine.vad.window, self._engine.looks
        start, end = self._windows, self._windows + window
        self._windows = end
        if probability >= (SPEECH if self._quiet else QUIET):
            if self._quiet >= GAP:
                self._begun.append(start)
            self._quiet = 0
        else:
            self._quiet += window
        paused = GAP <= self._quiet < GAP + window
        self._begun = [begun for begun in self._begun[-BEGINNINGS:] if end - begun <= looks[-1] + window]
        return [
            begun
            for begun in self._begun
            if (paused and end - begun - GAP >= self._engine.shortest)
            or (not self._quiet and any(0 <= end - begun - look < window for look in looks))
        ]

    def _look(self, due: Sequence[int]) -> Woken | None:
        """Whether any phrase was said where somebody began."""
        engine = self._engine
        first = self._pushed - len(self._recent) // 2
        for begun in due:
            start = max(0, begun - BEFORE - first)
            heard = np.frombuffer(self._recent, "<i2")[start:]
            sound: NDArray[np.float32] = heard.astype(np.float32) / np.float32(32768)
            for phrase in engine.phrases:
                likely, end = engine.whisper.begins(sound, phrase)
                # A beginning of the phrase is likely too; it is not over then, or seems over too soon.
                if likely >= engine.likely and samples(end) >= engine.shortest:
                    self._deaf_until = self._pushed + REFRACTORY
                    self._begun.clear()
                    return Woken(phrase, max(0, len(sound) - samples(end)))
        return None
