"""An utterance for an engine that does not stream: sound is gathered, and decoded when its words are asked
for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from appliance.messages import RATE, Transcript

LONGEST = 28 * RATE
"""Samples that are decoded at once."""

CUT_AFTER = 20 * RATE
"""A longer utterance is cut at its quietest moment from here on."""


class Utterance:
    """`transcribe` is given sound from -1 to 1 at 16 kHz, shape (samples,). What is cut off is decoded once
    and forgotten, so that memory and time stay bounded however long somebody speaks. Asked again without new
    sound, the answer is the same and costs nothing."""

    def __init__(self, transcribe: Callable[[NDArray[np.float32]], Transcript]) -> None:
        self._transcribe = transcribe
        self._pcm = bytearray()
        self._settled: list[Transcript] = []
        self._latest: Transcript | None = None

    def push(self, pcm: bytes) -> None:
        self._pcm += pcm
        self._latest = None

    def partial(self) -> str:
        return self.finish().text

    def finish(self) -> Transcript:
        if self._latest is None:
            while len(self._pcm) // 2 > LONGEST:
                self._settle()
            self._latest = _joined([*self._settled, self._transcribe(_sound(self._pcm))])
        return self._latest

    def _settle(self) -> None:
        sound = _sound(self._pcm[: 2 * LONGEST])
        cut = CUT_AFTER + _quietest(sound[CUT_AFTER:])
        self._settled.append(self._transcribe(sound[:cut]))
        del self._pcm[: 2 * cut]


def _sound(pcm: bytearray) -> NDArray[np.float32]:
    """Half a sample at the end waits for its other half."""
    return np.frombuffer(bytes(pcm[: len(pcm) & ~1]), dtype="<i2").astype(np.float32) / 32768.0


def _quietest(sound: NDArray[np.float32]) -> int:
    """The middle of the quietest 200 ms, in samples."""
    step = RATE // 10
    energy = (sound[: len(sound) // step * step].reshape(-1, step) ** 2).sum(axis=1)
    return int(np.argmin(energy[:-1] + energy[1:]) + 1) * step


def _joined(parts: list[Transcript]) -> Transcript:
    said = [part for part in parts if part.text]
    if not said:
        return Transcript("", 0.0)
    confidence = min(part.confidence for part in said)
    return Transcript(" ".join(part.text for part in said), confidence, parts[-1].finished)
