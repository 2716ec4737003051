"""Piper: text into speech."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.engines.loudness import Leveller, blocks, loudness
from appliance.engines.resample import Resampler
from appliance.engines.vits import Vits
from appliance.errors import ModelError
from appliance.messages import RATE
from appliance.spoken import SOUNDLESS

EDGE = 0.010
"""Seconds of the silence around speech that are kept; Piper makes 40 to 200 ms."""

SILENT = 0.02
"""Part of the loudest sample below which a sound counts as silence."""

PORTION = 300
"""Characters looked at together, so that the first sound of a long text does not wait for its end."""

SHORT = 18
"""Phonemes, about a second, below which nothing is worth a piece of its own."""

LONG = 160
"""Phonemes, about 25 words, above which a sentence is cut where a clause ends: the text is read whole before
the first sound."""

LONGEST = 240
"""Phonemes above which it is cut even within a clause: memory grows with the square of its length."""

MARKS = frozenset(",;:")
"""Phonemes that end a clause within a sentence."""

GIVEN = re.compile(r"((?:(?!\[\[).)*)(?:\[\[(.*?)\]\]([.,;:?!]*)|$)", re.DOTALL)
"""Words, then phonemes, then the marks after them."""

TRIAL = "Good morning, please take a seat, somebody will be with you in a moment."
"""Said to nobody, to learn how loud a voice is."""


class Piper:
    """`directory` holds one voice: <voice>.onnx and <voice>.onnx.json."""

    def __init__(self, directory: Path, threads: int = 1) -> None:
        from piper.config import PiperConfig
        from piper.voice import PiperVoice

        model = next(iter(sorted(directory.glob("*.onnx"))), directory / "voice.onnx")
        try:
            config = PiperConfig.from_dict(json.loads(Path(f"{model}.json").read_text("utf-8")))
        except Exception as error:
            raise ModelError(
                f"the voice in {directory} has no readable {model.name}.json ({type(error).__name__})",
                "run `appliance models fetch`",
            ) from error
        self._vits = Vits(model, threads)
        self._config = config
        self._reader = PiperVoice(session=None, config=config)
        self.voice = self._vits.digest

    def warm(self) -> None:
        """Learn how loud the voice is, which takes as long as to read a sentence; it must be known before the
        first."""
        _ = self._usual

    def speak(self, text: str, pace: float = 1.0) -> Iterator[bytes]:
        resampler = Resampler(self._config.sample_rate)
        leveller = Leveller(self._usual, RATE)
        spoken = False
        for portion in portions(text):
            for sentence in self._phonemes(portion):
                for phonemes in pieces(sentence):
                    for sound in trimmed(self._say(phonemes, pace), self._config.sample_rate):
                        yield _levelled(leveller, resampler.push(_pcm(sound)))
                        spoken = True
        if spoken:
            yield _levelled(leveller, resampler.flush())

    def _phonemes(self, text: str) -> list[list[str]]:
        """Sentence by sentence. The library's own way with [[...]] loses the punctuation after it."""
        # espeak-ng takes no control characters, and calls emoji by name.
        text = "".join(" " if unicodedata.category(c) in SOUNDLESS else c for c in text)
        sentences: list[list[str]] = [[]]
        for words, phonemes, marks in GIVEN.findall(text):
            first, *others = self._reader.phonemize(words) or [[]]
            sentences[-1] += first
            sentences += others
            if phonemes:
                # Words that ended a sentence, or none.
                if words.rstrip().endswith((".", "?", "!")):
                    sentences.append([])
                elif sentences[-1] and words.endswith(" "):
                    sentences[-1].append(" ")
                sentences[-1] += [*phonemes.strip(), *marks]
                sentences[-1] += [" "] if not marks.endswith((".", "?", "!")) else []
        return [sentence for sentence in sentences if sentence]

    def _say(self, phonemes: list[str], pace: float = 1.0) -> Iterator[NDArray[np.float32]]:
        config = self._config
        scales = config.noise_scale, config.length_scale / pace, config.noise_w_scale
        return self._vits.speak(self._reader.phonemes_to_ids(phonemes), scales, config.default_speaker_id)

    @cached_property
    def _usual(self) -> float:
        """LUFS of the voice as it is."""
        sound = [stretch for sentence in self._reader.phonemize(TRIAL) for stretch in self._say(sentence)]
        return loudness(blocks(np.concatenate(sound), self._config.sample_rate))


def portions(text: str) -> Iterator[str]:
    """Stretches of at most `PORTION` characters, cut after a sentence, else a clause, else a word."""
    while len(text) > PORTION:
        ends = [text.rfind(mark, 0, PORTION) + 1 for mark in (". ", "? ", "! ")]
        cut = max(ends) or text.rfind(", ", 0, PORTION) + 1 or text.rfind(" ", 0, PORTION) or PORTION
        yield text[:cut]
        text = text[cut:].lstrip()
    yield text


def pieces(sentence: list[str]) -> Iterator[list[str]]:
    """A sentence's phonemes, whole or cut where clauses end. Pieces without a sound are left out."""
    while sentence:
        cut = _cut(sentence)
        piece, sentence = sentence[:cut], sentence[cut:]
        if any(sound.isalpha() for sound in piece):
            yield piece


def _cut(sentence: list[str]) -> int:
    """Where to cut: at the last clause within the limit, else at the first after it."""
    if len(sentence) <= LONG:
        return len(sentence)
    ends = [at + 1 for at in range(SHORT, len(sentence) - SHORT) if sentence[at] in MARKS]
    cut = max((end for end in ends if end <= LONG), default=min(ends, default=len(sentence)))
    if cut <= LONGEST:
        return cut
    spaces = [at + 1 for at in range(LONGEST) if sentence[at] == " "]
    return max(spaces, default=LONGEST)


def trimmed(stretches: Iterator[NDArray[np.float32]], rate: int) -> Iterator[NDArray[np.float32]]:
    """The sound without the silence around it. Only the silence at a stretch's end is held back."""
    edge = round(EDGE * rate)
    loudest = 0.0
    held: NDArray[np.float32] | None = None
    for sound in stretches:
        loud = np.abs(sound)
        loudest = max(loudest, float(loud.max(initial=0)))
        voiced = np.flatnonzero(loud > max(SILENT * loudest, 1e-4))
        if not voiced.size:
            held = None if held is None else np.concatenate((held, sound))
            continue
        start = max(0, int(voiced[0]) - edge) if held is None else 0
        end = int(voiced[-1]) + 1
        yield np.concatenate((held, sound[:end])) if held is not None else sound[start:end]
        held = sound[end:]
    if held is not None:
        yield held[:edge]


def _levelled(leveller: Leveller, pcm: bytes) -> bytes:
    sound: NDArray[np.float32] = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    return _pcm(leveller.push(sound))


def _pcm(sound: NDArray[np.float32]) -> bytes:
    """s16le."""
    return (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
