"""smart-turn 3: from the sound of the voice alone, whether the caller has finished."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from appliance.engines.logmel import log_mel
from appliance.engines.onnx import session
from appliance.messages import RATE

SEEN = 8 * RATE
"""Samples that the model sees. What is shorter has silence before it: the end is always at the end."""

MODEST = 0.35
"""What its log-odds are multiplied by: of callers who pause it is too sure by so much."""

DOUBT = 1.7
"""What is taken from them: it believes too often that all was said."""


class SmartTurn:
    """smart-turn 3.x. `directory` holds its ONNX file. It wants sound that ends about 200 ms into a pause;
    sound of a telephone must have been resampled to 16 kHz, not just labelled so."""

    def __init__(self, directory: Path, threads: int = 1) -> None:
        model = next(iter(sorted(directory.glob("*.onnx"))), directory / "smart-turn.onnx")
        self._session = session(model, threads)

    def finished(self, pcm: bytes) -> float:
        sound = np.frombuffer(pcm[-2 * SEEN :], dtype="<i2").astype(np.float32) / np.float32(32768)
        sound = np.pad(sound, (SEEN - len(sound), 0))
        # Unit variance over the whole window, the silence before it included: as in training.
        sound = (sound - sound.mean()) / np.sqrt(sound.var() + np.float32(1e-7))
        (probability,) = self._session.run(None, {"input_features": log_mel(sound)[np.newaxis]})
        kept = min(max(float(probability[0, 0]), 1e-6), 1 - 1e-6)
        return float(1 / (1 + math.exp(DOUBT) * ((1 - kept) / kept) ** MODEST))
