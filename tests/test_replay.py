"""Scripted conversations with the desk that ships, on the real embedding."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance import models
from appliance.replay import replay, run

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.toml"))

pytestmark = pytest.mark.skipif(
    not (models.ROOT / "minilm-l6-v2").is_dir(), reason="the model minilm-l6-v2 is not here"
)


async def test_every_scenario_ends_as_it_should() -> None:
    results = await replay(SCENARIOS)
    names = [path.stem for path in SCENARIOS]
    assert names == ["alder-house", "clinic", "hotel", "lobby"]
    for name in names:
        assert sum(result.name.startswith(f"{name}:") for result in results) >= 25
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
