from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.engines.loudness import CEILING, TARGET, Leveller, bent, blocks, loudness


def tone(seconds: float, level: float = 1.0, hertz: float = 997, rate: int = 16_000) -> NDArray[np.float32]:
    moments = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * moments)).astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
@pytest.mark.parametrize(
    ("hertz", "lufs"),
    [(100, -4.9), (997, -3.01), (3000, 0.1)],
)
def test_a_full_scale_tone_is_as_loud_as_the_standard_says(rate: int, hertz: float, lufs: float) -> None:
    assert loudness(blocks(tone(2, hertz=hertz, rate=rate), rate)) == pytest.approx(lufs, abs=0.2)


def test_pauses_do_not_count() -> None:
    spoken = tone(2, 0.1)
    paused = np.concatenate((spoken, np.zeros(48_000, np.float32), spoken))
    assert loudness(blocks(paused, 16_000)) == pytest.approx(loudness(blocks(spoken, 16_000)), abs=0.3)


def test_silence_has_no_loudness() -> None:
    assert loudness(blocks(np.zeros(16_000, np.float32), 16_000)) == -np.inf
    levelled = Leveller(-25, 16_000).push(np.zeros(4_000, np.float32))
    assert not levelled.any()


@pytest.mark.parametrize("level", [0.03, 0.1, 0.4])
def test_a_line_louder_or_softer_than_its_voice_comes_to_the_target(level: float) -> None:
    leveller = Leveller(-23, 16_000)
    made = np.concatenate([leveller.push(tone(0.3, level)) for _ in range(10)])
    assert loudness(blocks(made[-16_000:], 16_000)) == pytest.approx(TARGET, abs=2)


def test_the_gain_never_jumps() -> None:
    leveller = Leveller(-30, 16_000)
    steady = np.full(4_000, 0.01, np.float32)
    loud = tone(0.25, 0.3)
    made = np.concatenate([leveller.push(each) for each in (steady, loud, steady, steady)])
    gains = made[: len(steady)] / steady, made[-len(steady) :] / steady
    for gain in gains:
        assert np.abs(np.diff(gain)).max() < 0.01


@settings(deadline=None)
@given(st.floats(-20, 20))
def test_nothing_is_clipped(sample: float) -> None:
    (made,) = bent(np.array([sample], np.float32))
    assert abs(made) <= CEILING + 1e-6
    assert (made > 0) == (np.float32(sample) > 0)
