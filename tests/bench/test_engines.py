from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.bench import engines
from appliance.config import Box, Engine, Engines
from appliance.engines import registry

FAKES = Engines(*(Engine("fake") for _ in registry.ENGINES))
SPEECH = b"\x00\x20" * 32000


@pytest.mark.parametrize("kind", sorted(registry.ENGINES))
def test_any_engine_of_any_kind_is_measured(kind: str) -> None:
    cost = engines.measure(kind, Box(engines=FAKES), SPEECH)
    assert (cost.kind, cost.engine) == (kind, "fake")
    assert cost.load is not None
    assert cost.first is not None


def test_an_engine_that_is_off_says_so() -> None:
    cost = engines.measure("llm", Box(engines=replace(FAKES, llm=Engine("none"))), SPEECH)
    assert cost.load is None
    assert "switched off" in cost.more


def test_an_engine_that_cannot_start_says_why() -> None:
    cost = engines.measure("llm", Box(engines=replace(FAKES, llm=Engine("llama"))), SPEECH)
    assert cost.load is None
    assert "needs a model" in cost.more


def test_the_command_writes_what_it_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], speech_file: Path
) -> None:
    box = tmp_path / "box.toml"
    box.write_text('[engines]\nvad = {engine = "fake"}\nwake = {engine = "fake"}\n')
    told = tmp_path / "costs.json"
    kinds = ["--kind", "vad", "--kind", "wake"]
    assert engines.main(["--box", str(box), "--audio", str(speech_file), "--json", str(told), *kinds]) == 0
    costs = json.loads(told.read_text())
    assert [cost["kind"] for cost in costs] == ["vad", "wake"]
    assert all(0 < cost["rate"] < 1 for cost in costs)
    assert "Engines on this machine" in capsys.readouterr().out


@pytest.fixture
def speech_file() -> Path:
    file = Path("/usr/share/pocketsphinx/test/data/cards/001.wav")
    if not file.is_file():
        pytest.skip("the recording cards/001.wav is not here: apt-get install pocketsphinx-testdata")
    return file
