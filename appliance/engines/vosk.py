"""Vosk (Kaldi): decodes as it goes, so partial words cost nothing more, and listens for given words only
where the desk says which."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from appliance import spoken
from appliance.errors import EngineError, ModelError
from appliance.messages import RATE, Expect, Transcript

_DIGITS = (*spoken.ONES, *spoken.TEENS, *spoken.TENS, *spoken.TIMES, "hundred", "thousand")

ENGLISH: Mapping[str, tuple[str, ...]] = {
    "digits": _DIGITS,
    "spelled": (*"abcdefghijklmnopqrstuvwxyz", *_DIGITS, "as", "in", "for"),
    "yes_no": (
        *("yes", "yeah", "yep", "sure", "correct", "right", "okay", "please", "no", "nope", "not", "wrong"),
        *("that's", "it", "is", "do", "don't", "cancel", "stop"),
    ),
}
"""Words that are listened for, by `Expect.kind`. Kinds that are not here hear everything."""


class Vosk:
    """A model directory as Vosk unpacks it. Words that the model does not know are left out of a grammar; a
    grammar of which it knows nothing is not used, nor is any where the model's graph is fixed."""

    streams = True
    tells_ends = False

    def __init__(self, directory: Path, grammars: Mapping[str, Iterable[str]] = ENGLISH) -> None:
        import vosk

        if not (directory / "am" / "final.mdl").is_file() and not (directory / "final.mdl").is_file():
            raise ModelError(f"{directory} is not a Vosk model", "run `appliance models fetch`")
        vosk.SetLogLevel(-1)
        try:
            self._model: Any = vosk.Model(str(directory))
        except Exception as error:
            raise ModelError(f"Vosk cannot load {directory}", "run `appliance models verify`") from error
        self._recognizer = vosk.KaldiRecognizer
        self._grammars = {kind: tuple(words) for kind, words in grammars.items()}
        self._flexible = any(directory.glob("**/Gr.fst"))

    def stream(self, expect: Expect) -> VoskStream:
        return VoskStream(self._hearing(self.grammar(expect)))

    def grammar(self, expect: Expect) -> list[str]:
        """What is listened for; [] for anything at all. `Expect.words` are only ever added to a grammar, or
        are one for a name: a caller who says something else is heard as saying nothing of it."""
        words = self._grammars.get(expect.kind, ())
        if expect.words and (words or expect.kind == "name"):
            words = (*words, *(word.lower() for word in expect.words))
        known = [phrase for phrase in dict.fromkeys(words) if all(map(self._knows, phrase.split()))]
        return known if self._flexible else []

    def _knows(self, word: str) -> bool:
        return int(self._model.vosk_model_find_word(word)) >= 0

    def _hearing(self, grammar: list[str]) -> Any:
        try:
            if grammar:
                other = ["[unk]"] if self._knows("[unk]") else []
                listed = json.dumps(grammar + other, ensure_ascii=False)
                recognizer = self._recognizer(self._model, float(RATE), listed)
            else:
                recognizer = self._recognizer(self._model, float(RATE))
        except Exception as error:
            raise EngineError("Vosk cannot listen with this grammar", "name fewer words") from error
        recognizer.SetWords(True)
        return recognizer


class VoskStream:
    """One utterance."""

    def __init__(self, recognizer: Any) -> None:
        self._recognizer = recognizer
        self._rest = b""
        self._words: list[tuple[str, float]] = []
        self._pending = False

    def push(self, pcm: bytes) -> None:
        pcm = self._rest + pcm
        whole = len(pcm) & ~1
        self._rest = pcm[whole:]
        if not whole:
            return
        self._pending = True
        # True at a pause that Vosk takes for an end: what it heard until then would be forgotten.
        if self._recognizer.AcceptWaveform(pcm[:whole]):
            self._take(self._recognizer.Result())

    def partial(self) -> str:
        now = json.loads(self._recognizer.PartialResult()).get("partial", "") if self._pending else ""
        return " ".join([*(word for word, _ in self._words), *filter(_said, now.split())])

    def finish(self) -> Transcript:
        if self._pending:
            self._take(self._recognizer.FinalResult())
            self._pending = False
        if not self._words:
            return Transcript("", 0.0)
        confidence = sum(confidence for _, confidence in self._words) / len(self._words)
        return Transcript(" ".join(word for word, _ in self._words), confidence)

    def _take(self, result: str) -> None:
        found = json.loads(result).get("result", [])
        self._words += [(each["word"], float(each["conf"])) for each in found if _said(each["word"])]


def _said(word: str) -> bool:
    """Noises and unknown words are written in brackets."""
    return not word.startswith(("[", "<"))
