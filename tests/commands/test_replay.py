"""Scripted conversations with the desk that ships, on the real embedding."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance import models
from appliance.commands.replay import replay, run
from appliance.errors import ConfigError

DATA = Path(__file__).parents[3] / "shared" / "data"
SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))

pytestmark = pytest.mark.skipif(
    not (models.ROOT / "minilm-l6-v2").is_dir(), reason="the model minilm-l6-v2 is not here"
)


def test_every_desk_that_ships_has_its_scenarios() -> None:
    assert [path.stem for path in SCENARIOS] == ["alder-house", "clinic", "hotel", "lobby"]


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: str(path.stem))
async def test_every_scenario_ends_as_it_should(path: Path) -> None:
    results = await replay([path])
    assert len(results) >= 25
    assert {result.name: result.wrong for result in results if result.wrong} == {}


def test_what_is_not_as_it_should_be_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        '[scenario.hours]\nsays = ["when are you open?"]\nanswers = ["at midnight"]\nbooked = ["x"]\n'
    )
    assert run([path]) == 1
    shown = capsys.readouterr().out
    assert "Saturday from ten to one" in shown
    assert 'not "at midnight"' in shown
    assert "booked: [], not ['x']" in shown.replace("\n", " ")


def test_the_decisions_and_the_database_are_looked_at_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        '[scenario.hours]\nsays = ["when are you open?"]\ndecided = ["parking"]\n'
        "rows = {message = 1, nowhere = 0}\n"
    )
    assert run([path]) == 1
    shown = capsys.readouterr().out.replace("\n", " ")
    assert "the desk chose hours, not parking" in shown
    assert "message has 0 rows, not 1" in shown
    assert "there is no table nowhere" in shown


async def test_a_scenario_that_never_ends_is_told_as_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.commands.replay.LONGEST", 0.0)
    path = tmp_path / "endless.toml"
    path.write_text('[scenario.hours]\nsays = ["when are you open?"]\n')
    (result,) = await replay([path])
    assert "it was not over after 0 seconds" in result.wrong


def test_recordings_and_text_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "mixed.toml"
    path.write_text('[scenario.hours]\nsays = ["when are you open?", "bye.wav"]\n')
    with pytest.raises(ConfigError, match="mixes recordings and text"):
        run([path])


async def test_a_recorded_caller_is_heard_with_the_boxs_own_ears(tmp_path: Path) -> None:
    """Somebody asks how old the Brooklyn Bridge is, which no front desk knows."""
    recording = DATA / "turn" / "gcp_audio_silence_padding.wav"
    if not recording.is_file():
        pytest.skip("the recording is not here")
    for model in ("whisper-tiny.en", "silero-vad", "piper-en_US-joe-medium"):
        if not (models.ROOT / model).is_dir():
            pytest.skip(f"the model {model} is not here")
    (tmp_path / "bridge.wav").write_bytes(recording.read_bytes())
    path = tmp_path / "recorded.toml"
    path.write_text(
        '[scenario.bridge]\nsays = ["bridge.wav"]\nheard = ["brooklyn bridge"]\ndecided = ["unknown"]\n'
        'answers = ["I don\'t know that"]\nrows = {unanswered = 1, message = 0}\n'
        '[scenario.wrong]\nsays = ["bridge.wav"]\nheard = ["where can I park"]\n'
    )
    bridge, wrong = await replay([path])
    assert bridge.wrong == []
    (told,) = wrong.wrong
    assert 'not "where can I park"' in told
