from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.bench.sets import Set, pieces, read, telephone, to_float, to_pcm
from appliance.errors import AudioError, StorageError
from appliance.messages import RATE


def tone(
    hertz: float, seconds: float = 1.0, rate: int = RATE
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def power(pcm: bytes) -> float:
    return float(np.mean(to_float(pcm)[RATE // 4 : -RATE // 4] ** 2))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", tone(440, 2.5), RATE)
    soundfile.write(tmp_path / "b.wav", np.stack([tone(440, 1, 8000)] * 2, axis=1), 8000)
    head = "file\twhat\tsource\tlicence\tsha256\tseconds\ttranscript"
    rows = ['a.wav\tx\tx\tx\tx\t2.5\tONE "TWO', "b.wav\tx\tx\tx\tx\t1\t[beep]", "c.ogg\tx\tx\tx\tx\t\t"]
    (tmp_path / "MANIFEST.tsv").write_text("\n".join([head, *rows]) + "\n")
    return tmp_path


def test_a_set_reads_its_recordings(data: Path) -> None:
    clips = list(Set("s", "", "words", ("",)).clips(data))
    assert [clip.reference for clip in clips] == ['one "two', "[beep]"]
    assert [len(clip.pcm) // 2 for clip in clips] == [2.5 * RATE, RATE]


def test_a_set_can_be_cut_thinned_and_limited(data: Path) -> None:
    assert [c.name for c in Set("s", "", "nothing", ("a",), piece=1).clips(data)] == ["a.wav", "a.wav@1s"]
    assert len(list(Set("s", "", "words", ("",), every=2).clips(data))) == 1
    assert len(list(Set("s", "", "words", ("",)).clips(data, limit=1))) == 1
    assert [
        c.name for c in Set("s", "", "words", ("",), keep=lambda row: row["file"] == "a.wav").clips(data)
    ] == ["a.wav"]


def test_a_telephone_passes_low_tones_and_no_high_ones() -> None:
    low, high = to_pcm(tone(1000)), to_pcm(tone(6000))
    assert power(telephone(low)) == pytest.approx(power(low), rel=0.05)
    assert power(telephone(high)) < 0.001 * power(high)
    assert 0 < np.mean((to_float(telephone(low)) - to_float(low)) ** 2) < 0.01 * power(low)


def test_pieces_lose_no_more_than_a_second() -> None:
    assert [len(part) for _, part in pieces(bytes(2 * RATE * 7), 3)] == [6 * RATE, 6 * RATE, 2 * RATE]
    assert [part for _, part in pieces(b"", 3)] == [b""]


def test_what_is_no_recording_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"version https")
    with pytest.raises(AudioError, match=r"a\.wav cannot be read"):
        read(tmp_path / "a.wav")
    with pytest.raises(StorageError, match="no recordings"):
        list(Set("s", "", "words", ("",)).clips(tmp_path))
