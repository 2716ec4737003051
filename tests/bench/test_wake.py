from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.bench import wake
from appliance.config import Engine
from appliance.messages import RATE


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four recordings of a phrase, one of them too soft to wake a fake; a quiet one and a loud one else."""
    loud = np.full(RATE // 2, 8000, "<i2")
    files = {
        "wake_pos/a.wav": (loud, "computer"),
        "wake_pos/b.wav": (loud, "Computer"),
        "wake_pos/c.wav": (loud, "computer"),
        "wake_pos/soft.wav": (loud // 100, "computer"),
        "wake_pos/other.wav": (loud // 100, "alexa"),
        "speech16k/talk.wav": (np.tile(np.concatenate((loud, 0 * loud, 0 * loud)), 60), "good day"),
        "speech16k/phrase.wav": (loud, "the computer is on"),
        "dtmf/tone.wav": (loud, ""),
        "noise/missing.wav": (None, ""),
    }
    rows = ["file\twhat\tsource\tlicence\tsha256\tseconds\ttranscript"]
    for name, (sound, text) in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if sound is not None:
            soundfile.write(tmp_path / name, sound, RATE)
        rows.append(f"{name}\tx\tx\tx\tx\t1\t{text}")
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(wake.ENGINES, "computer", Engine("fake"))


def test_misses_and_false_wakes_are_counted(data: Path) -> None:
    result = wake.measure("computer", data, half="all")
    assert (result.spoken, result.missed) == (4, ["wake_pos/soft.wav"])
    assert result.false == ["speech16k/talk.wav"] * 60
    assert result.hours == pytest.approx((90 + 0.5) / 3600, rel=0.01)
    assert result.share == 0.25
    assert result.hourly == pytest.approx(60 / result.hours)
    assert result.passed is False


def test_the_phrase_within_other_speech_is_no_false_wake(data: Path) -> None:
    assert not any(
        "phrase" in file or "dtmf" in file for file in wake.measure("computer", data, half="all").false
    )


def test_it_writes_its_figures(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "wake.json"
    assert wake.main(["--data", str(data), "--half", "all", "--phrase", "computer", "--json", str(file)]) == 1
    (figures,) = json.loads(file.read_text())
    assert figures["share_missed"] == 0.25
    assert figures["passed"] is False
    assert len(figures["false"]) == 60


def test_the_halves_are_measured_apart(data: Path) -> None:
    whole, *halves = (wake.measure("computer", data, half=half) for half in ("all", "train", "test"))
    assert sum(half.spoken for half in halves) == whole.spoken
    assert sum(half.hours for half in halves) == pytest.approx(whole.hours)
    assert not set(halves[0].missed + halves[0].false) & set(halves[1].missed + halves[1].false)
