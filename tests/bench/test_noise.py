"""Speech in noise, and what is told of it, on recordings of tones and engines without models; and that the
real suppressor is what is measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from appliance.bench import noise
from appliance.bench.noise import GAP, LEAD, Place, Result, interval, measure, scenes
from appliance.bench.scoring import Score
from appliance.bench.sets import to_float
from appliance.bench.turns.recordings import LOUD, Clip
from appliance.config import Engine
from appliance.engines.fake import FakeAsr, FakeVad
from appliance.messages import RATE
from tests.bench.test_turns_scenes import make_data, tone

CLIPS = [Clip(f"{n}.wav", tone(1 + n / 10, LOUD * 2**0.5), "now") for n in range(4)]
HISS = Clip("hiss.wav", np.random.default_rng(3).normal(0, 0.1, 3 * RATE).astype(np.float32))


def level(sound: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(sound**2))))


@pytest.mark.parametrize("below", [20, 5])
@pytest.mark.parametrize("gain", [0, -6])
def test_the_noise_lies_as_far_below_the_voices_as_it_should(below: int, gain: int) -> None:
    (scene,) = scenes(CLIPS, [HISS], Place(below, gain))
    sound = to_float(scene.pcm)
    assert level(sound[:LEAD]) == pytest.approx(level(np.array([LOUD])) - below + gain, abs=0.2)
    both = 10 * np.log10(1 + 10 ** (-below / 10))
    for clip, start in zip(scene.clips, scene.starts, strict=True):
        spoken = sound[start : start + len(clip.sound)]
        assert level(spoken) == pytest.approx(level(np.array([LOUD])) + both + gain, abs=0.3)


def test_everybody_speaks_once_and_alone() -> None:
    made = list(scenes(CLIPS, [HISS, HISS, HISS], Place()))
    assert sorted(clip.name for scene in made for clip in scene.clips) == [clip.name for clip in CLIPS]
    first = made[0]
    assert first.starts == [LEAD, LEAD + len(CLIPS[0].sound) + GAP]
    assert level(to_float(first.pcm)[:LEAD]) == pytest.approx(-75, abs=1)


def test_words_are_counted_by_whom_they_are_of() -> None:
    asr = FakeAsr(["now", "never", "now or never"])
    result = measure("as it is", Place(), CLIPS[:3], [HISS], FakeVad(), asr)
    assert [(each.wrong, each.of) for each in result.scores] == [(0, 1), (1, 1), (2, 1)]
    assert (result.unheard, result.long, result.false) == (0, 0, 0)
    assert max(result.missed) < 0.05


def test_who_is_too_soft_is_not_heard() -> None:
    result = measure("as it is", Place(None, -30), CLIPS, [HISS], FakeVad(), FakeAsr(["now"] * 4))
    assert (result.unheard, result.error, result.missed) == (4, 1.0, [1.0] * 4)


def test_noise_that_is_taken_for_speech_joins_everybody() -> None:
    result = measure("as it is", Place(0), CLIPS, [HISS], FakeVad(), FakeAsr(["now"] * 4))
    assert (result.unheard, result.long) == (0, 4)


def test_the_suppressor_is_the_kiosks_own() -> None:
    """It takes the noise between the words away, so that detection by loudness finds the turns again."""
    result = measure("suppressed", Place(10), CLIPS, [HISS], FakeVad(), FakeAsr(["now"] * 9))
    assert result.long < 4


def test_a_difference_is_told_with_the_interval_it_lies_in() -> None:
    plain = Result("as it is", Place(), [Score(n % 2, 5, 0, 1) for n in range(200)])
    worse = Result("other", Place(), [Score(n % 2 + (n % 4 == 0), 5, 0, 1) for n in range(200)])
    low, high = interval(worse, plain)
    assert 0 < low < 0.05 < high < 0.1
    assert interval(plain, plain) == (0, 0)


def test_the_command_writes_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(noise, "PLACES", (Place(), Place(0.0)))
    monkeypatch.setattr(noise, "ENGINES", {"vad": Engine("fake"), "asr": Engine("fake")})
    arguments = ["--data", str(make_data(tmp_path)), "--half", "all", "--clips", "3", "--way", "as it is"]
    assert noise.main([*arguments, "--json", str(tmp_path / "noise.json")]) == 0
    told = json.loads((tmp_path / "noise.json").read_text())
    assert [(each["way"], each["noise"], each["clips"]) for each in told] == [
        ("as it is", None, 3),
        ("as it is", 0.0, 3),
    ]
    assert "quiet" in capsys.readouterr().out
