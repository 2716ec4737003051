"""openWakeWord: has somebody spoken the wake word?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines import Woken
from appliance.engines.whisper import LIKELY, Whisper
from appliance.errors import EngineError, ModelError
from appliance.messages import samples

CHUNK = 1280
"""Samples that the library takes at a time: 80 ms."""

REFRACTORY = samples(2.0)
"""A wake is followed by this long in which the same breath cannot wake again."""

DOUBT = samples(0.24)
"""And a doubt by this long in which it is not asked again."""

STARTS = (0.9, 1.1, 1.4)
"""Seconds before the moment of recognition at which a word may have begun."""

PRIMING = 30
"""Chunks of faint hiss that a stream begins with: the library starts on random numbers, and a word in the
first second would be lost."""


class OpenWakeWord:
    """`directory` holds melspectrogram.onnx, embedding_model.onnx and a <word>_v<version>.onnx per word.

    The pretrained words are alexa, hey_jarvis, hey_marvin and hey_mycroft (CC BY-NC-SA). `threshold` is the
    score, 0 to 1, at which a word counts as spoken; with a `judge`, from which it is asked whether it was.
    Importing the library takes two seconds and 100 MB.
    """

    def __init__(
        self,
        directory: Path,
        words: Sequence[str] = ("alexa",),
        threshold: float = 0.5,
        judge: Whisper | None = None,
    ) -> None:
        if not words:
            raise EngineError("no wake word is named", 'name one, as in words = ["alexa"]')
        self.threshold = threshold
        self.judge = judge
        self._directory = directory
        self._words = {_file(directory, word).stem: word for word in words}
        model = self.model()
        for name, word in self._words.items():
            if model.model_outputs[name] != 1:
                raise EngineError(
                    f"'{word}' tells several phrases apart and cannot wake", "choose another wake word"
                )

    def stream(self) -> OpenWakeWordStream:
        return OpenWakeWordStream(self)

    def word(self, name: str) -> str:
        """The wake word that the library calls by its file's name."""
        return self._words[name]

    def model(self) -> Any:
        """The library's model. It keeps the state of one stream of sound."""
        import openwakeword

        try:
            return openwakeword.Model(
                wakeword_models=[str(self._directory / f"{name}.onnx") for name in self._words],
                inference_framework="onnx",
                melspec_model_path=str(self._directory / "melspectrogram.onnx"),
                embedding_model_path=str(self._directory / "embedding_model.onnx"),
            )
        except Exception as error:
            raise ModelError(
                f"the wake models in {self._directory} cannot be loaded ({type(error).__name__})",
                "run `appliance models verify`, then `appliance models fetch`",
            ) from error


class OpenWakeWordStream:
    def __init__(self, engine: OpenWakeWord) -> None:
        self._engine = engine
        self._model = engine.model()
        self._rest = b""
        self._recent = bytearray()
        self._deaf = 0
        for chunk in np.random.default_rng(0).integers(-4, 5, (PRIMING, CHUNK), dtype=np.int16):
            self._model.predict(chunk)

    def push(self, pcm: bytes) -> Woken | None:
        pcm = self._rest + pcm
        step = 2 * CHUNK
        whole = len(pcm) - len(pcm) % step
        self._rest = pcm[whole:]
        woken = None
        for at in range(0, whole, step):
            chunk = pcm[at : at + step]
            self._recent += chunk
            del self._recent[: -2 * samples(max(STARTS))]
            scores = self._model.predict(np.frombuffer(chunk, dtype="<i2"))
            self._deaf = max(0, self._deaf - CHUNK)
            name = max(scores, key=lambda name: scores[name])
            if scores[name] >= self._engine.threshold and not self._deaf:
                found = self._judged(self._engine.word(name))
                self._deaf = REFRACTORY if found else DOUBT
                woken = woken or found
        return replace(woken, after=woken.after + len(self._rest) // 2) if woken else None

    def _judged(self, word: str) -> Woken | None:
        """Whether the word was said, wherever in the last sound it began."""
        judge = self._engine.judge
        if judge is None:
            return Woken(word, 0)
        sound: NDArray[np.float32] = np.frombuffer(self._recent, "<i2").astype(np.float32) / np.float32(32768)
        for start in map(samples, STARTS):
            if len(sound) >= start:
                likely, end = judge.begins(sound[-start:], word.replace("_", " "))
                if likely >= LIKELY:
                    return Woken(word, max(0, start - samples(end)))
        return None


def _file(directory: Path, word: str) -> Path:
    files = sorted(directory.glob(f"{word}_v*.onnx"))
    if not files:
        known = sorted(file.stem.rsplit("_v", 1)[0] for file in directory.glob("*_v*.onnx"))
        raise ModelError(
            f"there is no wake word '{word}' in {directory}",
            f"choose among {', '.join(known)}" if known else "run `appliance models fetch openwakeword`",
        )
    return files[-1]
