"""openWakeWord: has somebody spoken the wake word?

Its three models are run directly. The library of that name would bring scipy, scikit-learn, 100 MB and two
seconds of start-up for the same sums, and random numbers in every stream's first seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines.onnx import session
from appliance.errors import EngineError, ModelError
from appliance.messages import samples

CHUNK = 1280
"""Samples that make one feature: 80 ms."""

OVERLAP = 480
"""Samples before a chunk that its spectrum needs."""

SPECTRA = 76
"""Spectra that one feature is made of; a chunk brings eight new ones."""

REFRACTORY = samples(2.0)
"""A wake is followed by this long in which the same breath cannot wake again."""


class OpenWakeWord:
    """`directory` holds melspectrogram.onnx, embedding_model.onnx and a <word>_v<version>.onnx per word.

    The pretrained words are alexa, hey_jarvis, hey_marvin and hey_mycroft (CC BY-NC-SA). `threshold` is the
    score, 0 to 1, at which a word counts as spoken.
    """

    def __init__(self, directory: Path, words: Sequence[str] = ("alexa",), threshold: float = 0.5) -> None:
        if not words:
            raise EngineError("no wake word is named", 'name one, as in words = ["alexa"]')
        self.threshold = threshold
        self._spectrum = session(directory / "melspectrogram.onnx")
        self._embedding = session(directory / "embedding_model.onnx")
        self.words = {word: _word(directory, word) for word in words}
        self.history = max(window(model) for model in self.words.values())
        # Every stream begins as if nothing but a faint hiss had been heard before, so that a word in its
        # first second counts.
        self._quiet = OpenWakeWordStream(self, None)
        hiss = np.random.default_rng(0).integers(-4, 5, CHUNK * (self.history + SPECTRA // 8 + 1))
        self._quiet.push(hiss.astype("<i2").tobytes())

    def stream(self) -> OpenWakeWordStream:
        return OpenWakeWordStream(self, self._quiet)

    def spectra(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mel spectra, shape (frames, 32), of samples in the range of s16."""
        (raw,) = self._spectrum.run(None, {"input": sound[np.newaxis]})
        spectra: NDArray[np.float32] = raw.reshape(-1, 32) / 10 + 2
        return spectra

    def feature(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """The feature, shape (1, 96), of the latest `SPECTRA` spectra."""
        (raw,) = self._embedding.run(None, {"input_1": spectra[np.newaxis, :, :, np.newaxis]})
        feature: NDArray[np.float32] = raw.reshape(1, 96)
        return feature


class OpenWakeWordStream:
    def __init__(self, engine: OpenWakeWord, like: OpenWakeWordStream | None) -> None:
        self._engine = engine
        self._rest = b""
        self._deaf = 0
        self._before: NDArray[np.float32] = np.zeros(OVERLAP, dtype=np.float32)
        self._spectra: NDArray[np.float32] = np.zeros((SPECTRA, 32), dtype=np.float32)
        self._features: NDArray[np.float32] = np.zeros((engine.history, 96), dtype=np.float32)
        if like:
            self._before, self._spectra, self._features = like._before, like._spectra, like._features

    def push(self, pcm: bytes) -> str | None:
        pcm = self._rest + pcm
        step = 2 * CHUNK
        whole = len(pcm) - len(pcm) % step
        self._rest = pcm[whole:]
        woken = None
        for at in range(0, whole, step):
            scores = self._scores(pcm[at : at + step])
            self._deaf = max(0, self._deaf - CHUNK)
            word = max(scores, key=lambda word: scores[word], default=None)
            if word and scores[word] >= self._engine.threshold and not self._deaf:
                self._deaf = REFRACTORY
                woken = woken or word
        return woken

    def _scores(self, pcm: bytes) -> dict[str, float]:
        """How sure each word is to have just ended, 0 to 1."""
        engine = self._engine
        sound = np.concatenate((self._before, np.frombuffer(pcm, dtype="<i2").astype(np.float32)))
        self._before = sound[-OVERLAP:]
        self._spectra = np.concatenate((self._spectra, engine.spectra(sound)))[-SPECTRA:]
        self._features = np.concatenate((self._features, engine.feature(self._spectra)))[-engine.history :]
        return {word: _score(model, self._features) for word, model in engine.words.items()}


def _word(directory: Path, word: str) -> Any:
    files = sorted(directory.glob(f"{word}_v*.onnx"))
    if not files:
        known = sorted(file.stem.rsplit("_v", 1)[0] for file in directory.glob("*_v*.onnx"))
        raise ModelError(f"there is no wake word '{word}' in {directory}", f"choose among {', '.join(known)}")
    model = session(files[-1])
    if model.get_outputs()[0].shape[1] != 1:
        raise EngineError(f"'{word}' tells several phrases apart and cannot wake", "choose another wake word")
    return model


def window(model: Any) -> int:
    """Features that a word's model looks back on."""
    return int(model.get_inputs()[0].shape[1])


def _score(model: Any, features: NDArray[np.float32]) -> float:
    (score,) = model.run(None, {model.get_inputs()[0].name: features[np.newaxis, -window(model) :]})
    return float(score[0, 0])
