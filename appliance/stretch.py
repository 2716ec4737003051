"""Where the words of a line lie in its sound."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from appliance.messages import RATE, Word, samples

PACE = 15.0
"""Characters a second, to guess how long a line will be whose sound is not all made yet."""

BETWEEN = 2
"""Characters that a word takes besides its letters."""

REACH = 0.15
"""Seconds around the guess of a word's end in which the quietest moment is taken to be it."""

HOP = samples(0.01)


@dataclass(slots=True)
class Stretch:
    """A line of an answer, and its sound in samples from the answer's start."""

    text: str
    start: int
    length: int = 0
    complete: bool = False
    _words: list[Word] = field(default_factory=list)

    def finish(self, sound: bytes) -> None:
        """All of its sound is made, and this is it."""
        self.length = len(sound) // 2
        self.complete = True
        ends = _settled(_guessed(self.text, self.length), np.frombuffer(sound, dtype="<i2"))
        self._words = self._placed(ends)

    def words(self) -> list[Word]:
        """In samples from the answer's start; the first ends where the second starts."""
        if self.complete:
            return self._words
        return self._placed(_guessed(self.text, max(self.length, round(len(self.text) / PACE * RATE))))

    def _placed(self, ends: list[int]) -> list[Word]:
        starts = [0, *ends[:-1]]
        return [
            Word(text, self.start + start, self.start + end)
            for text, start, end in zip(self.text.split(), starts, ends, strict=True)
        ]


def _guessed(text: str, length: int) -> list[int]:
    """Where words end if every character takes as long."""
    sizes = np.cumsum([len(word) + BETWEEN for word in text.split()])
    return [int(length * size / sizes[-1]) for size in sizes]


def _settled(ends: list[int], sound: np.ndarray[tuple[int], np.dtype[np.int16]]) -> list[int]:
    """The same, moved to the quietest moment near by."""
    frames = len(sound) // HOP
    if not frames:
        return ends
    loud = np.abs(sound[: frames * HOP].astype(np.float32)).reshape(frames, HOP).mean(axis=1)
    reach = round(REACH * RATE / HOP)
    cost = loud / max(float(loud.mean()), 1.0)
    settled, before = [], 0
    for end in ends[:-1]:
        guess = end // HOP
        first, last = max(before + 3, guess - reach), min(frames, guess + reach + 1)
        if first < last:
            away = np.abs(np.arange(first, last) - guess) / reach
            before = first + int(np.argmin(cost[first:last] + 0.3 * away))
            settled.append(before * HOP + HOP // 2)
        else:
            settled.append(max(end, settled[-1] if settled else 0))
    return [*settled, ends[-1]]
