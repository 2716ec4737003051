"""Piper: text into speech."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.engines.onnx import session
from appliance.engines.resample import Resampler
from appliance.errors import ModelError

LOUDNESS = 10 ** (-20 / 20)
"""Root mean square of the voiced part, full scale 1: -20 dBFS."""

KNEE = 0.7
"""Above this the sound is bent rather than clipped."""

LEAD = 0.010
"""Seconds of the silence before speech that are kept; Piper makes 40 to 70 ms."""

PORTION = 300
"""Characters looked at together, so that the first sound of a long text does not wait for its end."""

SHORT = 18
"""Phonemes, about a second, below which nothing is worth a piece of its own."""

LONG = 120
"""Phonemes, about six seconds, above which a piece is cut wherever a clause ends."""

LONGEST = 200
"""Phonemes above which a piece is cut even within a clause: memory grows with the square of its length."""

MARKS = frozenset(",;:")
"""Phonemes that end a clause within a sentence."""


SOUNDLESS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "So", "Sk"})
"""Unicode categories of control characters, emoji and the like."""

TITLE = re.compile(r"\b(Mr|Mrs|Ms|Dr|Prof)\.")
MONEY = re.compile(r"([$£€])(\d[\d,]*(?:\.\d+)?)")
COINS = {"$": "dollars", "£": "pounds", "€": "euros"}
DASH = re.compile(r" *[–—] *| +-+ +|--+")
BRACKET = re.compile(r"[\[\]]")
"""Double brackets would be taken for phonemes."""

WORD = r"[^\s.,;:!?]+"
JOINT = r"and|but|or|because|which|who|while|so|if"
STRETCH = re.compile(rf"((?:(?<= )|^)(?:{WORD} ){{5,12}}?{WORD}) ((?:{JOINT}) (?:{WORD} ){{3}})")
"""Six words or more without a pause, then a conjunction and four words at least."""


class Piper:
    """`directory` holds one voice: <voice>.onnx and <voice>.onnx.json. `pace` 1.2 speaks a fifth faster."""

    def __init__(self, directory: Path, threads: int = 1, pace: float = 1.0) -> None:
        from piper.config import PiperConfig, SynthesisConfig
        from piper.voice import PiperVoice

        model = next(iter(sorted(directory.glob("*.onnx"))), directory / "voice.onnx")
        try:
            config = PiperConfig.from_dict(json.loads(Path(f"{model}.json").read_text("utf-8")))
        except Exception as error:
            raise ModelError(
                f"the voice in {directory} has no readable {model.name}.json ({type(error).__name__})",
                "run `appliance models fetch`",
            ) from error
        self._voice = PiperVoice(session=session(model, threads), config=config)
        self._manner = SynthesisConfig(length_scale=config.length_scale / pace)
        # The first words would otherwise wait for espeak-ng to read its dictionary.
        self._voice.phonemize("ready")

    def speak(self, text: str) -> Iterator[bytes]:
        resampler = Resampler(self._voice.config.sample_rate)
        spoken = 0
        for portion in portions(text):
            for sentence in self._voice.phonemize(speakable(portion)):
                for phonemes in pieces(sentence, spoken):
                    ids = self._voice.phonemes_to_ids(phonemes)
                    sound = np.asarray(self._voice.phoneme_ids_to_audio(ids, self._manner)).reshape(-1)
                    yield resampler.push(level(sound, self._voice.config.sample_rate))
                    spoken += len(phonemes)
        if spoken:
            yield resampler.flush()


def speakable(text: str) -> str:
    """The text without what has no sound, titles, money and dashes as they are said, and a breath before the
    conjunction where a long stretch has none."""
    text = "".join(" " if unicodedata.category(c) in SOUNDLESS else c for c in text)
    text = TITLE.sub(r"\1", text)
    text = MONEY.sub(lambda sum: f"{sum[2]} {COINS[sum[1]]}", text)
    text = DASH.sub(", ", text)
    text = " ".join(BRACKET.sub(" ", text).split())
    return STRETCH.sub(r"\1, \2", text)


def portions(text: str) -> Iterator[str]:
    """Stretches of at most `PORTION` characters, cut after a sentence, else a clause, else a word."""
    while len(text) > PORTION:
        ends = [text.rfind(mark, 0, PORTION) + 1 for mark in (". ", "? ", "! ")]
        cut = max(ends) or text.rfind(", ", 0, PORTION) + 1 or text.rfind(" ", 0, PORTION) or PORTION
        yield text[:cut]
        text = text[cut:].lstrip()
    yield text


def pieces(sentence: list[str], spoken: int) -> Iterator[list[str]]:
    """A sentence's phonemes, cut where clauses end, each piece at most twice as long as all that was said
    before it, so that a slow box has the next one ready in time. Pieces without a sound are left out."""
    while sentence:
        cut = _cut(sentence, max(2 * SHORT, min(2 * spoken, LONG)))
        piece, sentence = sentence[:cut], sentence[cut:]
        spoken += cut
        if any(sound.isalpha() for sound in piece):
            yield piece


def _cut(sentence: list[str], limit: int) -> int:
    """Where to cut: at the last clause within the limit, else at the first after it."""
    if len(sentence) <= limit:
        return len(sentence)
    ends = [at + 1 for at in range(SHORT, len(sentence) - SHORT) if sentence[at] in MARKS]
    cut = max((end for end in ends if end <= limit), default=min(ends, default=len(sentence)))
    if cut <= LONGEST:
        return cut
    spaces = [at + 1 for at in range(LONGEST) if sentence[at] == " "]
    return max(spaces, default=LONGEST)


def level(sound: NDArray[np.float32], rate: int) -> bytes:
    """s16le of one loudness, the silence before it trimmed."""
    loud = np.abs(sound)
    voiced = np.flatnonzero(loud > 0.02 * loud.max(initial=0))
    if not voiced.size:
        return b""
    sound = sound[max(0, voiced[0] - round(LEAD * rate)) :]
    window = rate // 50
    power = (sound[: len(sound) - len(sound) % window].reshape(-1, window) ** 2).mean(axis=1)
    power = power[power > 0.01 * power.max(initial=0)]
    if not power.size:
        return b""
    sound = sound * (LOUDNESS / np.sqrt(power.mean()))
    over = np.abs(sound) - KNEE
    bent = np.copysign(KNEE + (1 - KNEE) * np.tanh(over / (1 - KNEE)), sound)
    return (np.where(over > 0, bent, sound) * 32767).astype("<i2").tobytes()
