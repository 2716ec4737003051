from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.engines.loudness import blocks
from appliance.engines.loudness import loudness as lufs
from appliance.engines.piper import LONG, LONGEST, PORTION, Piper, pieces, portions
from appliance.engines.silero import Silero
from appliance.errors import ModelError
from appliance.messages import RATE

Model = Callable[[str], Path]

SENTENCES = [
    "Yes.",
    "Good morning.",
    "We open at nine.",
    "Please take a seat, somebody will be with you in a moment.",
    "The desk opens at nine in the morning from Monday to Friday, and on Saturday it opens at ten.",
]

LONG_SENTENCE = (
    "The conference on the second floor begins at ten this morning and everyone who has registered may "
    "collect a badge from the people behind us."
)
"""25 words without a pause."""


@pytest.fixture(scope="module")
def piper(model: Model) -> Piper:
    return Piper(model("piper-en_US-joe-medium"))


def say(piper: Piper, text: str) -> NDArray[np.float64]:
    return np.frombuffer(b"".join(piper.speak(text)), dtype="<i2") / 32768


@pytest.mark.parametrize("text", SENTENCES)
def test_it_speaks_at_the_pace_of_people(piper: Piper, text: str) -> None:
    seconds = len(say(piper, text)) / RATE
    assert 0.25 < seconds < 1 + 0.6 * len(text.split())


def test_what_it_says_is_speech(piper: Piper, model: Model) -> None:
    sound = b"".join(piper.speak(SENTENCES[3]))
    probabilities = np.array(Silero(model("silero-vad")).stream().push(sound))
    assert (probabilities > 0.5).mean() > 0.7


@pytest.mark.parametrize("text", SENTENCES)
def test_it_begins_at_once_and_ends_with_the_last_word(piper: Piper, text: str) -> None:
    sound = np.abs(say(piper, text))
    voiced = np.flatnonzero(sound > 0.02 * sound.max())
    assert voiced[0] / RATE < 0.060  # Each time it is said a little otherwise.
    assert (len(sound) - voiced[-1]) / RATE < 0.060


def test_every_line_is_as_loud_as_the_others(piper: Piper) -> None:
    levels = [lufs(blocks(say(piper, text).astype(np.float32), RATE)) for text in SENTENCES[1:]]
    assert levels == pytest.approx([-20] * len(levels), abs=2.5)
    assert np.mean(levels) == pytest.approx(-20, abs=1.5)


@pytest.mark.parametrize("text", SENTENCES)
def test_no_true_peak_goes_beyond_minus_one(piper: Piper, text: str) -> None:
    between = soxr.resample(say(piper, text), RATE, 4 * RATE)
    assert 20 * np.log10(np.abs(between).max()) < -1


def test_the_first_sound_of_a_long_sentence_comes_while_the_rest_is_made(piper: Piper) -> None:
    begun = time.thread_time()
    speaking = piper.speak(LONG_SENTENCE)
    first = next(speaking)
    to_first = time.thread_time() - begun
    rest = list(speaking)
    whole = time.thread_time() - begun
    assert 0.15 < len(first) / 2 / RATE < 0.35
    assert to_first < 0.4 * whole
    assert sum(map(len, rest)) > 15 * len(first)


def test_each_piece_lasts_at_least_half_as_long_as_the_next(piper: Piper) -> None:
    lengths = [len(piece) for piece in piper.speak(LONG_SENTENCE)]
    assert all(later <= 2.6 * sooner for sooner, later in pairwise(lengths[:-1]))


def test_names_may_be_given_in_phonemes(piper: Piper) -> None:
    assert ["".join(each) for each in piper._phonemes("Hi [[ʃɪˈvɔːn]], hello.")] == ["hˈaɪ ʃɪˈvɔːn, həlˈoʊ."]
    assert len(say(piper, "[[ʃɪˈvɔːn]].")) > 0.3 * RATE


def test_a_long_text_begins_long_before_it_is_made(piper: Piper) -> None:
    speaking = piper.speak(" ".join(SENTENCES) + " More to come." * 5000)
    begun = time.monotonic()
    next(speaking)
    assert time.monotonic() - begun < 5
    speaking.close()


def test_closed_it_stops(piper: Piper) -> None:
    speaking = piper.speak(" ".join(SENTENCES))
    assert next(speaking)
    speaking.close()
    assert list(speaking) == []
    assert len(say(piper, "Yes.")) > 0


@pytest.mark.parametrize(("pace", "length"), [(1.4, 0.77), (0.7, 1.38)])
def test_pace(piper: Piper, pace: float, length: float) -> None:
    paced = len(b"".join(piper.speak(SENTENCES[3], pace))) / 2
    assert paced == pytest.approx(length * len(say(piper, SENTENCES[3])), rel=0.15)


@pytest.mark.parametrize(
    "text", ["", " ", "...", "?!", "-", "—", "\x00\x07\x1b", "😀", ", , ,", "[[", "\u200b\ufeff", "\n\n"]
)
def test_what_has_no_sound_is_silent(piper: Piper, text: str) -> None:
    assert b"".join(piper.speak(text)) == b""


@pytest.mark.parametrize(
    "text",
    [
        "\x00Hello\x07",
        "😀 Hello 😀",
        "你好",
        "Привет",
        "مرحبا",
        "hello\n\n\nhello",
        "x",
        "1",
        "\ud800 hi",
    ],
)
def test_whatever_has_a_sound_has_one(piper: Piper, text: str) -> None:
    assert len(say(piper, text)) > 0.1 * RATE


@pytest.mark.parametrize("unit", ["a", "word ", "1", "你", "Hello, you. "])
def test_no_text_is_too_long(piper: Piper, unit: str) -> None:
    speaking = piper.speak(unit * (100_000 // len(unit)))
    first, second = next(speaking), next(speaking)
    speaking.close()
    assert 0 < len(first) / 2 / RATE < 20
    assert 0 < len(second) / 2 / RATE < 20


def test_two_voices_speak_at_once(model: Model, piper: Piper) -> None:
    other = Piper(model("piper-en_US-joe-medium"))
    made: dict[Piper, int] = {}
    speakers = [
        threading.Thread(target=lambda voice=voice: made.update({voice: len(say(voice, SENTENCES[2]))}))
        for voice in (piper, other)
    ]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()
    assert min(made.values()) > 0.5 * RATE
    assert len(made) == 2


@settings(deadline=None)
@given(st.text(max_size=1500))
def test_portions_lose_nothing_but_space(text: str) -> None:
    made = list(portions(text))
    assert "".join("".join(made).split()) == "".join(text.split())
    assert all(len(portion) <= PORTION for portion in made)


def test_portions_end_with_sentences() -> None:
    text = "It is so. " * 100
    assert all(portion.strip().endswith(".") for portion in portions(text.strip()))


PHONEMES = st.lists(st.sampled_from([*"aeiouptkˈː", " ", ",", ":", ";", "."]), max_size=900)


@settings(deadline=None)
@given(PHONEMES)
def test_pieces_keep_every_sound(sentence: list[str]) -> None:
    made = list(pieces(sentence))
    sounds = [phoneme for phoneme in sentence if phoneme.isalpha()]
    assert [phoneme for piece in made for phoneme in piece if phoneme.isalpha()] == sounds
    assert all(len(piece) <= LONGEST for piece in made)


def test_a_sentence_of_25_words_is_one_piece() -> None:
    assert len(list(pieces([*"abcde,"] * (LONG // 6)))) == 1


def test_a_missing_voice_is_told_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models fetch"):
        Piper(tmp_path)


def test_a_corrupt_voice_is_told_with_its_mend(tmp_path: Path, model: Model) -> None:
    whole = model("piper-en_US-joe-medium")
    (tmp_path / "voice.onnx.json").write_bytes((whole / "en_US-joe-medium.onnx.json").read_bytes())
    (tmp_path / "voice.onnx").write_bytes((whole / "en_US-joe-medium.onnx").read_bytes()[:100_000])
    with pytest.raises(ModelError, match="models verify"):
        Piper(tmp_path)
