"""Whisper on CTranslate2, int8. It does not stream: each answer decodes all that was said so far.

Whisper knows windows of 30 s and spends most of its time on the padding. There are two ways to less of it. A
wide window of 18 s, most of which stays empty, costs less than half and is as right; it holds 6 s of speech.
A close one, of the sound and a few seconds, costs a quarter; what the model makes of the emptiness behind it
is always alike and is put there ready made, since without it the model loses its place and repeats itself. By
that one it is told how the voice sounds, and what is too long for a wide window is read: the words of a
sentence are as right where the model is sure of them, and signs that are dictated are as right in any case.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance import spoken
from appliance.engines.ending import Ending, looked_at
from appliance.engines.logmel import BANDS, FRAMES_PER_SECOND, log_mel
from appliance.engines.utterance import Utterance
from appliance.errors import ModelError
from appliance.messages import RATE, Expect, Transcript

WHOLE = 30.0
"""Seconds that the model sees at most."""

CLOSE = 4.5
"""Seconds of a close window that stay empty."""

ROOM = 12.0
"""Seconds of a wide window that stay empty. Down to 5 most words are still right, but fewer orders."""

AFTER = RATE // 2
"""Samples of silence that end the sound."""

TOKENS_PER_SECOND = 7
"""Who spells fast says no more; what goes on beyond is the model repeating itself."""

QUIET = 0.001
"""Root mean square below which there is nothing to hear: -60 dBFS."""

LOUDNESS = 0.08
"""Root mean square that sound is brought to, as the model heard in its training."""

WORDS = 100
"""Tokens of expected words that the model is given; the rest are left out."""

PHONE = re.compile(r"\d{7}|\d{10}|[01]\d{10}")
"""Telephone numbers: local, with area code, with a prefix before it."""

AT_ONCE = -0.3
"""Mean log-probability of a token from which on what was read in a close window is believed."""

DOUBTFUL = -0.5
"""Mean log-probability of a token below which more readings are tried than the likeliest token by token."""

GLANCE = 4.0
"""Seconds of the window in which a given phrase is looked for."""

LATE = 0.12
"""Seconds by which the model takes a phrase to be over before it is."""

LIKELY = -3.5
"""Mean log-probability of a given phrase from which on it was said."""

FAR_OFF = -9.0
"""Mean log-probability of a phrase below which it was not said, however it is written."""

NO_SPEECH = 0.6
"""Probability that nobody speaks from which on nobody does, unless the words are sure. Noise is mostly at
0.55 to 0.97, people are below 0.45, but for the shortest words."""

SURE = -0.3

FAIRLY_SURE = -1.0
"""Sure enough for a digit where a digit was asked for: noise is never taken for one."""

UNSURE = -1.2
"""Mean log-probability below which the words are made up. Noise is at -1.2 to -4."""

SPEECH = 0.2
"""Probability that nobody speaks below which somebody does, however unsure the words."""

COMMANDS = ("Stop", "No", "Help", "Wait", "Go", "Cancel", "Repeat")
"""Words with which people cut in. Said alone into the desk's voice they are half lost with its echo."""

BRIEF = 1.5
"""Seconds within which one of them is said, the quiet around it included."""

COMMANDED = -1.3
"""Mean log-probability from which on a command that was listened for was said. Most are at -0.3 to -1.2,
coughs and noises at -1.6 to -3."""


@dataclass(frozen=True, slots=True)
class _Guess:
    text: str
    score: float
    """Mean log-probability of a token."""
    no_speech: float
    lost: bool
    """The model lost its place: it repeats itself and comes to no end."""

    @property
    def transcript(self) -> Transcript:
        return Transcript(self.text, math.exp(min(0.0, self.score)) if self.text else 0.0)


class Whisper:
    """Any Whisper in CTranslate2's format: a directory with model.bin and tokenizer.json. Where digits are
    expected and are one or two off the length of a telephone number, likely other readings are tried. A
    partial result costs about as much as a final one."""

    streams = False

    def __init__(
        self,
        directory: Path,
        threads: int = 2,
        window: float = 18.0,
    ) -> None:
        # oneDNN keeps the last 1,024 kernels that it made, a megabyte for each length of an utterance.
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
        import ctranslate2
        import tokenizers

        for name in ("model.bin", "tokenizer.json", "config.json"):
            if not (directory / name).is_file():
                raise ModelError(f"{directory / name} is missing", "run `appliance models fetch`")
        try:
            self._model: Any = ctranslate2.models.Whisper(
                str(directory), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
            )
            self._tokens: Any = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
        except Exception as error:
            raise ModelError(
                f"{directory} is not a Whisper model ({error})", "run `appliance models verify`"
            ) from error
        self._storage = ctranslate2.StorageView.from_array
        self._ending = Ending.of(directory.name)
        self.tells_ends = self._ending is not None
        self._window = window
        self._end = self._id("<|endoftext|>")
        language = ["<|en|>", "<|transcribe|>"] if self._model.is_multilingual else []
        names = ["<|startoftranscript|>", *language, "<|notimestamps|>"]
        self._start = [self._id(name) for name in names]

    def warm(self) -> None:
        """Work out what the first caller would wait for."""
        _ = self._emptiness, self._only_digits

    def stream(self, expect: Expect) -> Utterance:
        return Utterance(lambda sound: self.transcribe(sound, expect))

    def transcribe(self, sound: NDArray[np.float32], expect: Expect) -> Transcript:
        """The words of sound from -1 to 1 at 16 kHz, shape (samples,), of at most 29 s."""
        loudness = float(np.sqrt(np.mean(sound**2))) if len(sound) else 0.0
        if loudness < QUIET:
            return Transcript("", 0.0)
        sound = sound * min(10.0, LOUDNESS / loudness)
        length = len(sound) / RATE
        long = length + ROOM > self._window
        close = self._closely(sound) if long or self._ending else None
        finished = self._ending.finished(np.array(close)[0], len(sound)) if self._ending else None
        encoded, guess = self._read(sound, close if long else None, length, expect)
        if self._imagined(guess, expect):
            command = self._command(encoded, length) if expect.cuts_in and length <= BRIEF else None
            return replace(command.transcript, finished=finished) if command else Transcript("", 0.0)
        if guess.lost or guess.score < DOUBTFUL:
            guess = self._best([guess, *self._decode(encoded, length, expect, beam=5)])
        if expect.kind == "digits":
            guess = self._dictated(guess, encoded, length, expect)
        return replace(guess.transcript, finished=finished)

    def end_of(self, sound: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """What `Ending` looks at in sound from -1 to 1 at 16 kHz."""
        loudness = max(QUIET, float(np.sqrt(np.mean(sound**2))))
        encoded = self._closely(sound * min(10.0, LOUDNESS / loudness))
        return looked_at(np.array(encoded)[0], len(sound))

    def begins(self, sound: NDArray[np.float32], phrase: str) -> tuple[float, float]:
        """How likely sound from -1 to 1 begins with a phrase: the mean log-probability of its tokens, -0.1 to
        -2 where it does and below -6 where it does not; and the second at which the phrase is over."""
        loudness = float(np.sqrt(np.mean(sound**2))) if len(sound) else 0.0
        if loudness < QUIET:
            return -math.inf, 0.0
        # The empty room that keeps the model from losing its place is not needed: the words are given.
        encoded = self._encode(sound * min(10.0, LOUDNESS / loudness), GLANCE)
        frames = min(round(GLANCE * FRAMES_PER_SECOND), len(sound) * FRAMES_PER_SECOND // RATE)
        best = -math.inf, 0.0
        for written in dict.fromkeys((phrase.capitalize(), phrase.lower(), phrase.title())):
            ids = self._tokens.encode(f" {written}", add_special_tokens=False).ids
            found = self._model.align(encoded, self._start, [ids], [frames])[0]
            score = float(np.mean(np.log(np.maximum(found.text_token_probs, 1e-9))))
            after = [frame for token, frame in found.alignments if token >= len(ids)]
            best = max(best, (score, min(after, default=frames // 2) * 0.02 + LATE))
            if score < FAR_OFF:
                break
        return best

    def _read(
        self, sound: NDArray[np.float32], close: Any, length: float, expect: Expect
    ) -> tuple[Any, _Guess]:
        """The likeliest text, token by token, and the window in which it was read: `close`, where there is
        one and the words are sure."""
        windows = [self._window, WHOLE]
        if close is not None:
            guess = self._decode(close, length, expect)[0]
            dictated = expect.kind in ("digits", "spelled")
            if not guess.lost and guess.no_speech <= SPEECH and (dictated or guess.score > AT_ONCE):
                return close, guess
            windows = [WHOLE]
        for window in windows:
            encoded = self._encode(sound, window)
            guess = self._decode(encoded, length, expect)[0]
            if not guess.lost:
                break
        return encoded, guess

    def _closely(self, sound: NDArray[np.float32]) -> Any:
        """A close window, and emptiness behind it."""
        near = np.array(self._encode(sound, len(sound) / RATE + CLOSE))
        return self._storage(np.concatenate([near, self._emptiness[:, near.shape[1] :]], axis=1))

    def _encode(self, sound: NDArray[np.float32], window: float) -> Any:
        picture = log_mel(np.pad(sound, (0, AFTER)))
        # Two frames of the picture are one of what the model makes of it.
        frames = min(
            max(round(window * FRAMES_PER_SECOND), picture.shape[1]) // 2 * 2,
            round(WHOLE * FRAMES_PER_SECOND),
        )
        padded = np.zeros((BANDS, frames), dtype=np.float32)
        padded[:, : picture.shape[1]] = picture[:, :frames]
        return self._look(padded)

    @cached_property
    def _emptiness(self) -> NDArray[np.float32]:
        """What the model makes of a wide window of nothing."""
        return np.array(
            self._look(np.zeros((BANDS, round(self._window * FRAMES_PER_SECOND)), dtype=np.float32))
        )

    @cached_property
    def _only_digits(self) -> list[int]:
        return self._all_but(r" ?(?:[0-9]+|[,.\-]|double|triple|oh|Oh|O)| ")

    def _look(self, picture: NDArray[np.float32]) -> Any:
        return self._model.encode(self._storage(picture[None]))

    def _decode(
        self,
        encoded: Any,
        length: float,
        expect: Expect,
        beam: int = 1,
        suppress: list[int] | None = None,
    ) -> list[_Guess]:
        """The likeliest texts, best first; as many as the beam is wide."""
        prompt = self._before(expect) + self._start
        most = 10 + round(TOKENS_PER_SECOND * length)
        result = self._model.generate(
            encoded,
            [prompt],
            beam_size=beam,
            num_hypotheses=beam,
            # CTranslate2 gives the text no more than half of it.
            max_length=max(2 * most, most + len(prompt)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=[-1] if suppress is None else suppress,
        )[0]
        return [
            _Guess(text, score, result.no_speech_prob, len(ids) >= most)
            for ids, score in zip(result.sequences_ids, result.scores, strict=True)
            for text in [self._tokens.decode(ids).strip()]
        ]

    def _before(self, expect: Expect) -> list[int]:
        """Words to listen for, given as if they had just been said. Other examples of how people talk to a
        desk were tried here: they help with orders, and come back out of noise."""
        if not expect.words:
            return []
        ids: list[int] = self._tokens.encode(f" {', '.join(expect.words)}.", add_special_tokens=False).ids
        return [self._id("<|startofprev|>"), *ids[:WORDS]]

    def _command(self, encoded: Any, length: float) -> _Guess | None:
        """The command that was said, if one was and nothing else."""
        guess = self._decode(encoded, length, Expect(words=COMMANDS))[0]
        said = spoken.words(guess.text)
        known = len(said) == 1 and said[0].capitalize() in COMMANDS
        return guess if known and guess.score > COMMANDED else None

    def _dictated(self, first: _Guess, encoded: Any, length: float, expect: Expect) -> _Guess:
        """A number of a plausible length, if the first guess is a digit or so off one."""
        said = spoken.digits(first.text)
        if PHONE.fullmatch(said) or len(said) not in range(6, 13):
            return first
        for guess in self._decode(encoded, length, expect, beam=5, suppress=self._only_digits):
            if PHONE.fullmatch(spoken.digits(guess.text)) and guess.score > first.score - 0.5:
                return guess
        return first

    def _best(self, guesses: list[_Guess]) -> _Guess:
        """The likeliest that comes to an end; no words where none does."""
        ended = [guess for guess in guesses if not guess.lost]
        return max(ended, key=lambda guess: guess.score, default=replace(guesses[0], text=""))

    def _imagined(self, guess: _Guess, expect: Expect) -> bool:
        """True where the words are the model's own, not a person's."""
        if not any(c.isalnum() for c in guess.text):
            return True
        awaited = expect.kind == "digits" and spoken.digits(guess.text)
        if guess.no_speech > NO_SPEECH and guess.score < (FAIRLY_SURE if awaited else SURE):
            return True
        return guess.no_speech > SPEECH and guess.score < UNSURE

    def _id(self, token: str) -> int:
        return int(self._tokens.token_to_id(token))

    def _all_but(self, pattern: str) -> list[int]:
        """Every token but those whose text matches, and the end."""
        wanted = re.compile(pattern)
        # All in one: one by one it takes a fifth of a second of each start.
        texts = self._tokens.decode_batch([[token] for token in range(self._tokens.get_vocab_size())], False)
        return [
            token for token, text in enumerate(texts) if token != self._end and not wanted.fullmatch(text)
        ]
