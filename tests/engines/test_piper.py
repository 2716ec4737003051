from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.engines.piper import LONGEST, PORTION, Piper, pieces, portions, speakable
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


@pytest.fixture(scope="module")
def piper(model: Model) -> Piper:
    return Piper(model("piper-en_US-joe-medium"))


def say(piper: Piper, text: str) -> NDArray[np.float64]:
    return np.frombuffer(b"".join(piper.speak(text)), dtype="<i2") / 32768


def loudness(sound: NDArray[np.float64]) -> float:
    """dBFS of the stretches in which there is a voice."""
    frames = sound[: len(sound) // 320 * 320].reshape(-1, 320)
    power = (frames**2).mean(axis=1)
    return float(10 * np.log10(power[power > 0.01 * power.max()].mean()))


@pytest.mark.parametrize("text", SENTENCES)
def test_it_speaks_at_the_pace_of_people(piper: Piper, text: str) -> None:
    seconds = len(say(piper, text)) / RATE
    assert 0.25 < seconds < 1 + 0.6 * len(text.split())


def test_what_it_says_is_speech(piper: Piper, model: Model) -> None:
    sound = b"".join(piper.speak(SENTENCES[3]))
    probabilities = np.array(Silero(model("silero-vad")).stream().push(sound))
    assert (probabilities > 0.5).mean() > 0.7


@pytest.mark.parametrize("text", SENTENCES)
def test_it_begins_at_once_and_is_as_loud_as_ever(piper: Piper, text: str) -> None:
    sound = say(piper, text)
    voiced = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    assert voiced[0] / RATE < 0.030
    assert loudness(sound) == pytest.approx(-20, abs=1.5)
    assert np.abs(sound).max() < 0.999


def test_a_long_sentence_begins_with_a_short_piece(piper: Piper) -> None:
    lengths = [len(piece) / 2 / RATE for piece in piper.speak(SENTENCES[4])]
    assert lengths[0] < 0.7 * sum(lengths)


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


def test_pace(model: Model, piper: Piper) -> None:
    hasty = Piper(model("piper-en_US-joe-medium"), pace=1.5)
    assert len(say(hasty, SENTENCES[3])) < 0.85 * len(say(piper, SENTENCES[3]))


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
        "[[h@loU]]",
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


@given(st.text(max_size=1500))
def test_portions_lose_nothing_but_space(text: str) -> None:
    made = list(portions(text))
    assert "".join("".join(made).split()) == "".join(text.split())
    assert all(len(portion) <= PORTION for portion in made)


def test_portions_end_with_sentences() -> None:
    text = "It is so. " * 100
    assert all(portion.strip().endswith(".") for portion in portions(text.strip()))


PHONEMES = st.lists(st.sampled_from([*"aeiouptkˈː", " ", ",", ":", ";", "."]), max_size=900)


@given(PHONEMES, st.integers(0, 500))
def test_pieces_keep_every_sound(sentence: list[str], spoken: int) -> None:
    made = list(pieces(sentence, spoken))
    sounds = [phoneme for phoneme in sentence if phoneme.isalpha()]
    assert [phoneme for piece in made for phoneme in piece if phoneme.isalpha()] == sounds
    assert all(len(piece) <= LONGEST for piece in made)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Dr. Smith and Mrs. Jones", "Dr Smith and Mrs Jones"),
        ("It costs $1,000.50 today", "It costs 1,000.50 dollars today"),
        ("We are open — come in", "We are open, come in"),
        ("a well-known voice", "a well-known voice"),
        ("Nine and ten", "Nine and ten"),
        (
            "I can put you through to somebody if you would rather wait here",
            "I can put you through to somebody, if you would rather wait here",
        ),
    ],
)
def test_what_is_written_and_what_is_said(written: str, said: str) -> None:
    assert speakable(written) == said


def test_a_missing_voice_is_told_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models fetch"):
        Piper(tmp_path)


def test_a_corrupt_voice_is_told_with_its_mend(tmp_path: Path, model: Model) -> None:
    whole = model("piper-en_US-joe-medium")
    (tmp_path / "voice.onnx.json").write_bytes((whole / "en_US-joe-medium.onnx.json").read_bytes())
    (tmp_path / "voice.onnx").write_bytes((whole / "en_US-joe-medium.onnx").read_bytes()[:100_000])
    with pytest.raises(ModelError, match="models verify"):
        Piper(tmp_path)
