from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance.engines import Woken
from appliance.engines.silero import Silero
from appliance.engines.spotter import Spotter
from appliance.engines.whisper import FAR_OFF, LIKELY, Whisper
from appliance.errors import EngineError
from appliance.messages import FRAME_BYTES, RATE, samples, seconds

Model = Callable[[str], Path]
Recording = Callable[[str], bytes]

COMPUTER = [
    f"wake_pos/precise/computer/computer-en-{name}.flac"
    for name in ("0c10e10f-ffed-4c14-994b-41c71d452e85", "73c1e189-b94b-4077-bacf-2d0094e1a443")
]
ALEXA = "wake_pos/picovoice/alexa/100.flac"
QUESTION = "speech16k/librispeech/1089-134686-0000.flac"
QUIET = bytes(2 * RATE)


@pytest.fixture(scope="module")
def whisper(model: Model) -> Whisper:
    return Whisper(model("whisper-tiny.en"), threads=1)


@pytest.fixture(scope="module")
def vad(model: Model) -> Silero:
    return Silero(model("silero-vad"))


@pytest.fixture(scope="module")
def computer(vad: Silero, whisper: Whisper) -> Spotter:
    return Spotter(vad, whisper, ("computer",))


def woken(engine: Spotter, pcm: bytes, cut: int = FRAME_BYTES) -> list[tuple[int, Woken]]:
    """Every wake, and the sample at which it was told."""
    stream = engine.stream()
    found = []
    for at in range(0, len(pcm), cut):
        if woken := stream.push(pcm[at : at + cut]):
            found.append((min(at + cut, len(pcm)) // 2, woken))
    return found


def voiced(pcm: bytes) -> tuple[int, int]:
    """Where the loud part of a recording begins and ends, in samples."""
    sound = np.abs(np.frombuffer(pcm, "<i2").astype(int))
    loud = np.flatnonzero(sound > 0.1 * sound.max())
    return int(loud[0]), int(loud[-1])


@pytest.mark.parametrize("name", COMPUTER)
def test_a_phrase_of_ones_own_wakes_once_and_soon(computer: Spotter, recording: Recording, name: str) -> None:
    spoken = QUIET + recording(name) + QUIET
    ((at, found),) = woken(computer, spoken)
    assert found.word == "computer"
    assert seconds(at - voiced(spoken)[1]) < 0.6


@pytest.mark.parametrize("name", COMPUTER)
def test_it_tells_where_in_the_same_breath_the_word_ended(
    computer: Spotter, recording: Recording, name: str
) -> None:
    word = recording(name)
    end = voiced(word)[1]
    rest = recording(QUESTION)
    breath = QUIET + word[: 2 * (end + samples(0.1))] + rest[2 * voiced(rest)[0] :]
    at, found = woken(computer, breath)[0]
    assert found.after > samples(0.1)
    assert seconds(abs(at - found.after - (RATE + end))) < 0.25


def test_each_new_call_wakes_again(computer: Spotter, recording: Recording) -> None:
    spoken = b"".join(recording(name) + 2 * QUIET for name in COMPUTER)
    assert len(woken(computer, QUIET + spoken)) == 2


@pytest.mark.parametrize("cut", [2 * 160, 640 * 7])
def test_however_the_sound_is_cut_it_wakes(computer: Spotter, recording: Recording, cut: int) -> None:
    assert len(woken(computer, QUIET + recording(COMPUTER[0]) + QUIET, cut)) == 1


def test_several_phrases_are_told_apart(vad: Silero, whisper: Whisper, recording: Recording) -> None:
    engine = Spotter(vad, whisper, ("computer", "hey_jarvis", "alexa"))
    spoken = QUIET + recording(ALEXA) + 2 * QUIET + recording(COMPUTER[0]) + QUIET
    assert [found.word for _, found in woken(engine, spoken)] == ["alexa", "computer"]


@pytest.mark.parametrize("name", [ALEXA, QUESTION, "wake_pos/picovoice/jarvis"])
def test_other_words_do_not_wake(computer: Spotter, recording: Recording, name: str) -> None:
    if name.endswith("jarvis"):
        name = "wake_neg/long_speechocean/0157.opus"
    assert woken(computer, QUIET + recording(name)[: 2 * samples(20)] + QUIET) == []


@pytest.mark.parametrize("level", [0, 300, 30000])
def test_silence_and_noise_do_not_wake(computer: Spotter, level: int) -> None:
    noise = np.random.default_rng(2).integers(-level - 1, level + 1, 5 * RATE).astype("<i2").tobytes()
    assert woken(computer, noise) == []


def test_what_is_said_and_what_is_not_lie_far_apart(whisper: Whisper, recording: Recording) -> None:
    for name in COMPUTER:
        sound = np.frombuffer(recording(name), "<i2").astype(np.float32) / 32768
        assert whisper.begins(sound, "computer")[0] > LIKELY
        assert whisper.begins(sound, "smart mirror")[0] < FAR_OFF
        assert whisper.begins(sound, "alexa")[0] < 1.5 * LIKELY


def test_silence_begins_with_no_phrase(whisper: Whisper) -> None:
    assert whisper.begins(np.zeros(RATE, np.float32), "computer")[0] == -np.inf
    assert whisper.begins(np.zeros(0, np.float32), "computer")[0] == -np.inf


def test_no_phrase_is_told(vad: Silero, whisper: Whisper) -> None:
    with pytest.raises(EngineError, match="no wake word"):
        Spotter(vad, whisper, (" ",))
