from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.bench import recognition
from appliance.bench.recognition import Result, measure
from appliance.bench.scoring import Score
from appliance.bench.sets import SETS
from appliance.engines.whisper import Whisper
from appliance.messages import RATE
from appliance.models import ROOT
from tests.engines.recognition import clip

MODEL = ROOT / "whisper-tiny.en"

needs_model = pytest.mark.skipif(not MODEL.is_dir(), reason="the model whisper-tiny.en is not here")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two of the named sets, made of what Debian ships."""
    rows = ["file\twhat\tsource\tlicence\tsha256\tseconds\ttranscript"]
    numbers, words = "speech16k/alnum/numbers/two.wav", "speech16k/an4/test/one.wav"
    for name, source, reference in (
        (words, "goforward.raw", "GO FORWARD TEN METERS"),
        (numbers, "tidigits/dhd.2934z.raw", "29340"),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        soundfile.write(tmp_path / name, np.frombuffer(clip(source), dtype="<i2"), RATE)
        rows.append(f"{name}\tx\tx\tx\tx\t3\t{reference}")
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


@needs_model
def test_an_engine_is_measured(data: Path) -> None:
    result = measure(Whisper(MODEL), SETS["numbers"], data)
    assert result.score.right == 1
    assert result.passed
    assert 0 < result.finish_ms <= result.worst_ms
    assert result.seconds > 1
    assert result.cpu > 0


@needs_model
def test_the_bench_prints_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recognition.main(["--sets", "an4,numbers", "--data", str(data), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in printed["sets"]] == ["an4", "numbers"]
    assert all(each["passed"] for each in printed["sets"])


@needs_model
def test_the_bench_says_where_recordings_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recognition.main(["--data", str(tmp_path)]) == 2
    assert "--data" in capsys.readouterr().err


def test_the_bench_says_which_sets_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert recognition.main(["--sets", "nonsense"]) == 2
    assert "prompts8k" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "score", "passed"),
    [
        ("an4", Score(14, 100, 3, 9), True),
        ("an4", Score(15, 100, 9, 9), False),
        ("numbers", Score(50, 100, 8, 10), True),
        ("numbers", Score(1, 100, 7, 10), False),
        ("noise", Score(0, 0, 9, 9), True),
        ("noise", Score(1, 0, 8, 9), False),
        ("addresses", Score(1, 1, 0, 1), None),
    ],
)
def test_marks(name: str, score: Score, passed: bool | None) -> None:
    assert Result(name, score, 0, 0, 1, 1).passed is passed
