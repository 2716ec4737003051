"""Who took the call: by how long they speak, and whether it beeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.channels.answered import AnswerListener, Who
from appliance.channels.recorded import read_recording
from appliance.messages import FRAME_BYTES, RATE, samples, seconds

DATA = Path(__file__).parents[3] / "shared" / "data" / "speech8k"


def quiet(lasts: float) -> bytes:
    return np.random.default_rng(1).normal(0, 20, samples(lasts)).astype("<i2").tobytes()


def tones(lasts: float, *hertz: float) -> bytes:
    moments = np.arange(samples(lasts)) / RATE
    return bytes(sum(5000 * np.sin(2 * np.pi * each * moments) for each in hertz).astype("<i2").tobytes())  # type: ignore[union-attr]


def speech(lasts: float) -> bytes:
    """Something as rich and uneven as a voice: a pulse of changing pitch, syllable by syllable."""
    moments = np.arange(samples(lasts)) / RATE
    pitch = 120 + 30 * np.sin(2 * np.pi * 1.3 * moments)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voiced = sum(np.sin(number * phase) / number for number in range(1, 20))
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * moments)
    return bytes((3000 * voiced * syllables).astype("<i2").tobytes())


def heard(sound: bytes, proven: bool = True) -> tuple[Who | None, float]:
    listener = AnswerListener(proven)
    for at in range(0, len(sound) - FRAME_BYTES + 1, FRAME_BYTES):
        if who := listener.push(sound[at : at + FRAME_BYTES]):
            return who, seconds((at + FRAME_BYTES) // 2)
    return None, seconds(len(sound) // 2)


@pytest.mark.parametrize("lasts", [0.3, 0.7, 1.5, 2.2])
def test_who_says_hello_and_waits_is_a_person(lasts: float) -> None:
    who, after = heard(quiet(0.5) + speech(lasts) + quiet(3))
    assert who == "person"
    assert after < 0.5 + lasts + 1.0


def test_who_goes_on_speaking_is_a_machine() -> None:
    who, after = heard(quiet(0.5) + speech(6) + quiet(1))
    assert who == "machine"
    assert after < 3.5


def test_a_beep_is_a_machine() -> None:
    assert heard(quiet(0.5) + speech(0.5) + quiet(0.3) + tones(0.5, 1000) + quiet(2))[0] == "machine"


@pytest.mark.parametrize("ringing", [(440.0, 480.0), (425.0,), (400.0, 450.0)])
def test_a_ringing_tone_is_no_answer_until_a_voice_is_heard(ringing: tuple[float, ...]) -> None:
    rings = (tones(2, *ringing) + quiet(4)) * 3
    who, after = heard(rings + speech(0.6) + quiet(2), proven=False)
    assert who == "person"
    assert after > 18
    assert heard(rings + quiet(12), proven=False)[0] == "nobody"


def test_who_took_the_call_for_sure_and_says_nothing_is_spoken_to() -> None:
    assert heard(quiet(10))[0] == "person"


@pytest.mark.skipif(not (DATA / "asterisk_en").is_dir(), reason="the recordings are not here")
def test_recorded_voices_are_told_apart() -> None:
    long = [
        path
        for path in sorted((DATA / "asterisk_en").rglob("*.wav"))
        if len(read_recording(path)) > 32_000 * 4
    ]
    short = [
        path
        for path in sorted((DATA / "asterisk_en").rglob("*.wav"))
        if len(read_recording(path)) < 32_000 * 1.2
    ]
    assert long
    assert short
    machines = [heard(quiet(0.5) + read_recording(path) + quiet(1))[0] == "machine" for path in long[:40]]
    people = [heard(quiet(0.5) + read_recording(path) + quiet(2))[0] == "person" for path in short[:40]]
    assert sum(machines) >= 0.9 * len(machines), (sum(machines), len(machines))
    assert sum(people) >= 0.9 * len(people), (sum(people), len(people))
