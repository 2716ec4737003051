"""Which engines there are, by the names that box.toml knows them by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance import models
from appliance.config import Box, Engine
from appliance.engines import fake
from appliance.errors import EngineError, ModelError


def make(kind: str, spec: Engine, box: Box) -> Any:
    """An engine of a kind (`vad`, `eot`, `asr`, `tts`, `embed`, `llm`, `wake`), its model loaded.

    EngineError where there is no such engine, ModelError where its model is missing or broken.
    """
    maker = _maker(kind, spec)
    try:
        return maker(spec, box)
    except ImportError as error:
        raise EngineError(
            f"the library of the {kind} engine '{spec.engine}' is not installed ({error})", "run `make run`"
        ) from error


def check(box: Box) -> None:
    """EngineError where box.toml names an engine that there is not."""
    for kind in ENGINES:
        spec: Engine = getattr(box.engines, kind)
        if spec.engine != "none":
            _maker(kind, spec)


def _maker(kind: str, spec: Engine) -> Callable[[Engine, Box], Any]:
    known = ENGINES[kind]
    if spec.engine not in known:
        names = ", ".join(sorted(known))
        raise EngineError(f"there is no {kind} engine '{spec.engine}'", f"choose among {names}")
    return known[spec.engine]


def _folder(spec: Engine, box: Box) -> Path:
    if not spec.model:
        raise EngineError(f"the engine '{spec.engine}' needs a model", 'add model = "..." beside it')
    # Beside the program, unless it is a full path.
    return models.directory(spec.model, models.ROOT.parent / box.models)


def _silero(spec: Engine, box: Box) -> Any:
    from appliance.engines.silero import Silero

    return Silero(_folder(spec, box))


def _smart_turn(spec: Engine, box: Box) -> Any:
    from appliance.engines.smartturn import SmartTurn

    return SmartTurn(_folder(spec, box), threads=spec.threads)


def _webrtc(spec: Engine, box: Box) -> Any:
    from appliance.engines.webrtc import WebrtcEcho

    return WebrtcEcho(noise=box.kiosk.noise == "suppress")


def _whisper(spec: Engine, box: Box) -> Any:
    from appliance.engines.whisper import Whisper

    whisper = Whisper(_folder(spec, box), threads=spec.threads)
    if not spec.partials:
        return whisper
    from appliance.engines.cascade import Cascade

    return Cascade(_moonshine(Engine("moonshine", "moonshine-tiny-en"), box), whisper)


def _moonshine(spec: Engine, box: Box) -> Any:
    from appliance.engines.moonshine import Moonshine

    return Moonshine(_folder(spec, box))


def _vosk(spec: Engine, box: Box) -> Any:
    from appliance.engines.vosk import Vosk

    return Vosk(_folder(spec, box))


def _piper(spec: Engine, box: Box) -> Any:
    from appliance.engines.piper import Piper

    return Piper(_folder(spec, box), threads=spec.threads)


def _minilm(spec: Engine, box: Box) -> Any:
    from appliance.engines.minilm import MiniLM

    return MiniLM(_folder(spec, box), threads=spec.threads)


def _llama(spec: Engine, box: Box) -> Any:
    from appliance.engines.llama import Llama

    folder = _folder(spec, box)
    files = sorted(folder.glob("*.gguf"))
    if not files:
        raise ModelError(f"there is no GGUF file in {folder}", f"run `appliance models fetch {spec.model}`")
    return Llama(files[0], threads=spec.threads)


def _openwakeword(spec: Engine, box: Box) -> Any:
    from appliance.engines.openwakeword import OpenWakeWord

    if spec.confirm == "none":
        return OpenWakeWord(_folder(spec, box), box.kiosk.words)
    judge = _whisper(Engine("whisper", "whisper-tiny.en", spec.threads), box)
    return OpenWakeWord(_folder(spec, box), box.kiosk.words, threshold=0.3, judge=judge)


def _spotter(spec: Engine, box: Box) -> Any:
    from appliance.engines.spotter import Spotter

    vad = _silero(Engine("silero", "silero-vad", 1), box)
    return Spotter(vad, _whisper(spec, box), box.kiosk.words)


ENGINES: dict[str, dict[str, Callable[[Engine, Box], Any]]] = {
    "vad": {"silero": _silero, "fake": lambda spec, box: fake.FakeVad()},
    "eot": {"smart-turn": _smart_turn, "fake": lambda spec, box: fake.FakeEndOfTurn()},
    "echo": {"webrtc": _webrtc, "fake": lambda spec, box: fake.FakeEcho()},
    "asr": {
        "whisper": _whisper,
        "moonshine": _moonshine,
        "vosk": _vosk,
        "fake": lambda spec, box: fake.FakeAsr(),
    },
    "tts": {"piper": _piper, "fake": lambda spec, box: fake.FakeTts()},
    "embed": {
        "minilm": _minilm,
        "words": lambda spec, box: fake.FakeEmbed(),
        "fake": lambda spec, box: fake.FakeEmbed(),
    },
    "llm": {"llama": _llama, "fake": lambda spec, box: fake.FakeLlm()},
    "wake": {
        "openwakeword": _openwakeword,
        "spotter": _spotter,
        "fake": lambda spec, box: fake.FakeWake(box.kiosk.words),
    },
}
"""How each engine is made, by kind and name."""
