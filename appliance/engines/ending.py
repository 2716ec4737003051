"""Whether a voice has finished, by what Whisper's encoder makes of its last half second: a voice that ends
falls and slows, one that will go on hangs in the air, and the encoder, which was made to hear words, hears
that too. It is run for the words in any case, so that to ask it costs next to nothing.

The numbers are a logistic regression's, fitted by tools/fit_ending.py; each model has its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.messages import RATE

FRAMES_PER_SECOND = 50

LOOKED_AT = ((-20, -14), (-10, -6), (-3, 0), (3, 6))
"""Stretches of the encoder's frames, counted from the end of the sound, which lies 120 ms or so into the
pause: the mean of each is looked at."""

SURE = 20.0
"""Log-odds beyond which nobody asks."""


@dataclass(frozen=True, slots=True)
class Ending:
    weights: NDArray[np.float32]
    """Shape (len(LOOKED_AT) * width of the encoder,)."""
    bias: float

    @classmethod
    def of(cls, model: str) -> Ending | None:
        """Of a model by its folder's name; None where nothing was fitted to it."""
        path = Path(__file__).parent / f"ending-{model}.npz"
        if not path.is_file():
            return None
        with np.load(path) as kept:
            return cls(kept["weights"].astype(np.float32), float(kept["bias"]))

    def finished(self, encoded: NDArray[np.float32], length: int) -> float | None:
        """How likely, 0 to 1, the voice has finished; None where there is too little of it. `encoded` has
        shape (frames, width), the sound `length` samples."""
        seen = looked_at(encoded, length)
        if seen is None or len(seen) != len(self.weights):
            return None
        odds = min(max(float(seen @ self.weights) + self.bias, -SURE), SURE)
        return 1 / (1 + math.exp(-odds))


def looked_at(encoded: NDArray[np.float32], length: int) -> NDArray[np.float32] | None:
    """What is known of the end of a sound, shape (len(LOOKED_AT) * width,)."""
    end = length * FRAMES_PER_SECOND // RATE
    if end + LOOKED_AT[0][0] < 0 or end + LOOKED_AT[-1][1] > len(encoded):
        return None
    return np.concatenate([encoded[end + start : end + stop].mean(axis=0) for start, stop in LOOKED_AT])
