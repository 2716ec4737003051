"""Recordings of every make become callers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from appliance.channels.recorded import read_recording
from appliance.errors import AudioError
from appliance.messages import RATE


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("coding", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_any_rate_channel_count_and_coding(tmp_path: Path, rate: int, channels: int, coding: str) -> None:
    moments = np.arange(rate) / rate
    tone = 0.5 * np.sin(2 * np.pi * 440 * moments)
    soundfile.write(tmp_path / "a.wav", np.repeat(tone[:, None], channels, axis=1), rate, coding)
    pcm = np.frombuffer(read_recording(tmp_path / "a.wav"), dtype="<i2").astype(float) / 32768
    assert abs(len(pcm) - RATE) <= 2
    spectrum = np.abs(np.fft.rfft(pcm))
    assert abs(int(np.argmax(spectrum)) * RATE / len(pcm) - 440) < 3
    assert 0.45 < np.abs(pcm[1000:-1000]).max() < 0.55


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3"])
def test_other_formats(tmp_path: Path, kind: str) -> None:
    soundfile.write(tmp_path / "a", np.sin(np.arange(48_000) / 20) / 3, 48_000, format=kind)
    assert abs(len(read_recording(tmp_path / "a")) // 2 - RATE) < RATE // 10


@pytest.mark.parametrize("coding", ["ULAW", "ALAW"])
def test_telephone_codings(tmp_path: Path, coding: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(8_000) / 5) / 3, 8_000, coding)
    assert len(read_recording(tmp_path / "a.wav")) // 2 == pytest.approx(RATE, abs=2)


def test_too_loud_and_broken_numbers_are_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([5.0, -5.0, np.nan, np.inf] * 100), RATE, "FLOAT")
    pcm = np.frombuffer(read_recording(tmp_path / "a.wav"), dtype="<i2")
    assert set(np.unique(pcm)) <= {-32767, 0, 32767}


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"cannot be read|holds no sound"):
        read_recording(path)


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=40))
def test_a_damaged_recording_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, damage: bytes
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.wav"
    soundfile.write(path, np.sin(np.arange(900) / 9), RATE)
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + damage + whole[at + len(damage) :])
    try:
        assert len(read_recording(path)) % 2 == 0
    except AudioError as error:
        assert error.mend
