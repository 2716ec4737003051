from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.engines.resample import Resampler, resample
from appliance.messages import RATE

RATES = st.one_of(
    st.sampled_from([8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 192000]),
    st.integers(8000, 192000),
)


def tone(hertz: float, rate: int, seconds: float = 1.0, level: float = 0.5) -> bytes:
    time = np.arange(round(seconds * rate)) / rate
    return (level * 32767 * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes()


def noise(frames: int, channels: int = 1) -> bytes:
    return np.random.default_rng(frames).integers(-20000, 20000, frames * channels).astype("<i2").tobytes()


def sound(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, dtype="<i2") / 32768


def loudness(pcm: bytes) -> float:
    """dBFS of the middle, where the filter has settled."""
    middle = sound(pcm)[2000:-2000]
    return float(20 * np.log10(np.sqrt((middle**2).mean()) + 1e-9))


@settings(max_examples=60, deadline=None)
@given(rate=RATES, frames=st.integers(0, 30000), channels=st.integers(1, 3))
def test_what_comes_out_lasts_as_long_as_what_went_in(rate: int, frames: int, channels: int) -> None:
    made = len(resample(noise(frames, channels), rate, channels)) // 2
    assert made == round(frames * RATE / rate)


@settings(max_examples=60, deadline=None)
@given(rate=RATES, channels=st.integers(1, 2), cuts=st.lists(st.integers(0, 40000), max_size=12))
def test_however_it_is_cut_the_sound_is_the_same(rate: int, channels: int, cuts: list[int]) -> None:
    pcm = noise(10000 // channels, channels)
    resampler = Resampler(rate, channels)
    made, last = b"", 0
    for cut in [*sorted(cuts), len(pcm)]:
        made += resampler.push(pcm[last:cut])
        last = max(last, min(cut, len(pcm)))
    assert made + resampler.flush() == resample(pcm, rate, channels)


@settings(max_examples=25, deadline=None)
@given(rate=RATES)
def test_speech_keeps_its_pitch_and_its_loudness(rate: int) -> None:
    pcm = resample(tone(1000, rate), rate)
    spectrum = np.abs(np.fft.rfft(sound(pcm)[:RATE]))
    assert np.argmax(spectrum) * RATE / len(sound(pcm)[:RATE]) == pytest.approx(1000, abs=2)
    assert loudness(pcm) == pytest.approx(loudness(tone(1000, RATE)), abs=0.1)


def test_what_16_khz_cannot_carry_is_removed_and_not_folded_back() -> None:
    assert loudness(resample(tone(10000, 48000), 48000)) < -90


def test_what_it_can_carry_is_kept() -> None:
    assert loudness(resample(tone(7000, 48000), 48000)) == pytest.approx(-9.0, abs=0.2)


def test_channels_are_mixed() -> None:
    left, right = sound(tone(440, 48000)), sound(tone(440, 48000))
    pair = (np.stack([left, right], axis=1) * 32768).astype("<i2").tobytes()
    opposite = (np.stack([left, -right], axis=1) * 32767).astype("<i2").tobytes()
    assert loudness(resample(pair, 48000, 2)) == pytest.approx(-9.0, abs=0.1)
    assert loudness(resample(opposite, 48000, 2)) < -80


def test_sound_of_the_right_kind_passes_untouched_and_at_once() -> None:
    pcm = noise(1600)
    resampler = Resampler(RATE)
    assert resampler.push(pcm) == pcm
    assert resampler.flush() == b""


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_it_runs_at_most_35_ms_behind(rate: int) -> None:
    resampler = Resampler(rate)
    frame, made = rate // 50, 0
    for number in range(1, 101):
        made += len(resampler.push(noise(frame))) // 2
        assert number * frame / rate - made / RATE <= 0.035


def test_full_scale_does_not_wrap_around() -> None:
    square = np.where(np.arange(48000) // 240 % 2, 32767, -32768).astype("<i2").tobytes()
    made = np.frombuffer(resample(square, 48000), dtype="<i2")
    original = np.frombuffer(square, dtype="<i2")[::3]
    assert np.corrcoef(made, original)[0, 1] > 0.95
    assert made.max() == 32767


def test_after_a_flush_it_is_as_new() -> None:
    resampler = Resampler(44100)
    first = resampler.push(noise(5000)) + resampler.flush()
    resampler.push(b"\0")
    resampler.flush()
    assert resampler.push(noise(5000)) + resampler.flush() == first


def test_nothing_makes_nothing() -> None:
    assert resample(b"", 48000, 2) == b""
    assert resample(b"\1", 48000) == b""


def test_the_way_back_to_a_device() -> None:
    assert len(resample(noise(1600), RATE, to=48000)) == 2 * 4800
