"""Silero VAD: where in the sound there is speech."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from appliance.engines.onnx import session
from appliance.messages import RATE

WINDOW = 512
CONTEXT = 64
"""Samples of the window before that the model wants to see again."""


class Silero:
    """Silero VAD 5 and 6. `directory` holds silero_vad.onnx."""

    window = WINDOW

    def __init__(self, directory: Path) -> None:
        self._session = session(directory / "silero_vad.onnx")

    def stream(self) -> SileroStream:
        return SileroStream(self._session)


class SileroStream:
    def __init__(self, session: Any) -> None:
        self._session = session
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._rate = np.array(RATE, dtype=np.int64)
        self._context = np.zeros(CONTEXT, dtype=np.float32)
        self._rest = b""

    def push(self, pcm: bytes) -> list[float]:
        pcm = self._rest + pcm
        step = 2 * WINDOW
        whole = len(pcm) - len(pcm) % step
        self._rest = pcm[whole:]
        return [self._probability(pcm[at : at + step]) for at in range(0, whole, step)]

    def _probability(self, pcm: bytes) -> float:
        window = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)
        sound = np.concatenate((self._context, window))[np.newaxis]
        inputs = {"input": sound, "state": self._state, "sr": self._rate}
        speech, self._state = self._session.run(None, inputs)
        self._context = window[-CONTEXT:]
        return float(speech[0, 0])
