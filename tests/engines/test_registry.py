from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from subprocess import run

import pytest

from appliance import config
from appliance.config import Box, Engine, Kiosk
from appliance.engines import fake, registry
from appliance.errors import EngineError, ModelError

FAKES = {
    "vad": fake.FakeVad,
    "asr": fake.FakeAsr,
    "tts": fake.FakeTts,
    "embed": fake.FakeEmbed,
    "llm": fake.FakeLlm,
    "wake": fake.FakeWake,
}


@pytest.mark.parametrize(("kind", "cls"), FAKES.items())
def test_every_kind_has_a_fake_that_is_chosen_like_any_other(kind: str, cls: type) -> None:
    assert isinstance(registry.make(kind, Engine("fake"), Box()), cls)


def test_the_kinds_are_those_of_box_toml() -> None:
    assert {field.name for field in fields(config.Engines)} == set(registry.ENGINES)


def test_the_defaults_of_box_toml_are_engines() -> None:
    defaults = config.Engines()
    assert all(getattr(defaults, kind).engine in known for kind, known in registry.ENGINES.items())


@pytest.mark.parametrize("kind", ["vad", "embed"])
def test_a_real_engine_is_made_with_its_model(kind: str, model: Callable[[str], Path]) -> None:
    spec: Engine = getattr(config.Engines(), kind)
    engine = registry.make(kind, spec, Box(models=model(spec.model).parent))
    assert type(engine).__name__.lower() == spec.engine


def test_an_unknown_engine_is_told_with_those_there_are() -> None:
    with pytest.raises(
        EngineError, match="no asr engine 'wisper'; choose among fake, moonshine, vosk, whisper"
    ):
        registry.make("asr", Engine("wisper", "x"), Box())


def test_an_engine_without_a_model_is_told() -> None:
    with pytest.raises(EngineError, match="'piper' needs a model"):
        registry.make("tts", Engine("piper"), Box())


@pytest.mark.parametrize("kind", ["vad", "tts", "embed", "wake"])
def test_a_missing_model_is_told(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        registry.make(kind, getattr(config.Engines(), kind), Box(models=tmp_path))


def test_the_wake_words_are_the_kiosks() -> None:
    wake = registry.make("wake", Engine("fake"), Box(kiosk=Kiosk(words=("reception",))))
    assert wake.stream().push(b"\x00\x40" * 320).word == "reception"


def test_a_library_is_imported_only_when_its_engine_is_chosen() -> None:
    """So that a box pays, in time and memory, for what it uses."""
    heavy = "{'ctranslate2', 'vosk', 'piper', 'llama_cpp', 'onnxruntime', 'tokenizers'}"
    code = f"import sys, appliance.engines.registry; print({heavy} & set(sys.modules))"
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
