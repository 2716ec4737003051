"""The end of a turn by what Whisper's encoder makes of the voice, on real recordings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.bench.turns.recordings import Library, half_of
from appliance.channels.recorded import read_recording
from appliance.ears import BEFORE
from appliance.engines.ending import LOOKED_AT, Ending, looked_at
from appliance.engines.whisper import Whisper
from appliance.messages import RATE, Expect, samples
from appliance.turns.patience import MANNERS, Pause

DATA = Path(__file__).parents[3] / "shared/data"


@pytest.fixture(scope="module")
def whisper(model: Callable[[str], Path]) -> Whisper:
    return Whisper(model("whisper-tiny.en"))


def finished(whisper: Whisper, pcm: bytes) -> float:
    stream = whisper.stream(Expect())
    stream.push(pcm)
    told = stream.finish().finished
    assert told is not None
    return told


def whole_and_cut_short(callers: int) -> Iterator[tuple[bytes, bytes]]:
    """Orders that nothing was learned from, and their first halves, each with the beginning of a pause."""
    folder = DATA / "speech16k/s2i_coffee"
    files = [file for file in sorted(folder.glob("*.flac")) if half_of(str(file.relative_to(DATA))) == "test"]
    if not files:
        pytest.skip("there are no recordings of callers at ../shared/data")
    pause = np.zeros(samples(0.15), dtype="<i2")
    for file in files[:callers]:
        sound = np.frombuffer(read_recording(file), dtype="<i2")
        loud = np.flatnonzero(np.abs(sound) > np.abs(sound).max() / 20)
        first, last = int(loud[0]), int(loud[-1])
        half = sound[first : (first + last) // 2]
        yield np.concatenate([sound[first:last], pause]).tobytes(), np.concatenate([half, pause]).tobytes()


def test_people_who_have_finished_sound_like_it_and_people_cut_short_do_not(whisper: Whisper) -> None:
    told = [(finished(whisper, whole), finished(whisper, cut)) for whole, cut in whole_and_cut_short(24)]
    # By chance it would be 12, and 19 once in 300 times.
    assert sum(whole > cut for whole, cut in told) >= 21
    wholes, cuts = np.array(told).T
    assert np.median(wholes) > 0.6 > 0.3 > np.median(cuts)


def lone_words(people: int) -> Iterator[bytes]:
    """Answers of a word or two that nothing was learned from, with the quiet before and after them."""
    if not DATA.is_dir():
        pytest.skip("there are no recordings of callers at ../shared/data")
    answers = re.compile(r"yes|no|stop|help|enter|go|repeat|\w+( \w+)", re.IGNORECASE)
    for clip in islice(Library(DATA, "test").short(answers), people):
        sound = np.concatenate([np.zeros(BEFORE), clip.sound, np.zeros(samples(0.15))])
        yield (sound * 32767).astype("<i2").tobytes()


def test_whoever_says_one_word_waits_no_longer_than_for_a_sentence(whisper: Whisper) -> None:
    waits = []
    for pcm in lone_words(20):
        stream = whisper.stream(Expect())
        stream.push(pcm)
        told = stream.finish()
        waits.append(MANNERS["normal"](Pause(told.text, Expect(), told.finished)))
    assert len(waits) == 20
    assert np.median(waits) <= 0.5
    assert sum(wait > 1.0 for wait in waits) <= 2


def test_a_recogniser_that_nothing_was_fitted_to_cannot_tell() -> None:
    assert Ending.of("whisper-base.en") is None


@given(frames=st.integers(0, 60), length=st.integers(0, RATE))
def test_any_sound_has_a_probability_or_is_too_short(frames: int, length: int) -> None:
    ending = Ending(np.linspace(-1, 1, 8 * len(LOOKED_AT), dtype=np.float32), 0.1)
    encoded = np.random.default_rng(length).normal(0, 3, (frames, 8)).astype(np.float32)
    told = ending.finished(encoded, length)
    assert told is None if looked_at(encoded, length) is None else told is not None and 0 <= told <= 1
