"""What each engine of this box costs: time to load, memory, real-time factor, time to the first result."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from appliance.bench.sets import DATA
from appliance.channels.recorded import read_recording
from appliance.config import Box, Engine, Engines, read_box
from appliance.engines import registry
from appliance.errors import ApplianceError, AudioError
from appliance.messages import FRAME_BYTES, RATE, Expect

RECORDINGS = (
    DATA / "speech16k/librispeech/1089-134686-0000.flac",
    Path("/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav"),
)
"""Somebody speaking; the first that is here is used where no other is named."""

REPEATS = 5

SENTENCES = (
    "The desk opens at nine.",
    "You can leave a message for Doctor Smith right here.",
    "The desk opens at nine in the morning from Monday to Friday, and on Saturday it opens at ten, "
    "but on Sunday nobody is there.",
)
"""5, 10 and 24 words to say."""

QUESTIONS = (
    "When do you open tomorrow?",
    "Could you tell me at what time the office opens tomorrow, please?",
    "I was wondering whether you could tell me at what time the office opens tomorrow morning, because I "
    "need to pick up a parcel that my sister left there last week.",
)
"""5, 12 and 30 words to embed."""

FACTS = "You are the front desk. Answer with these facts only. " + " ".join(
    f"Room {number} is on floor {number // 10}." for number in range(11, 23)
)
"""About 150 tokens."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an engine cost, or why it could not be measured."""

    kind: str
    engine: str
    model: str
    load: float | None = None
    """Seconds from nothing to ready, its libraries' import included."""
    memory: float | None = None
    """MiB that the process grew by, at its largest."""
    rate: float | None = None
    """Seconds of one core per second of sound."""
    first: float | None = None
    """Milliseconds to the first result; median."""
    more: str = ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="appliance bench engines", description=__doc__)
    parser.add_argument("--box", type=Path)
    parser.add_argument("--kind", choices=sorted(registry.ENGINES), action="append", help="these kinds only")
    parser.add_argument("--audio", type=Path, help="a recording of somebody speaking")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args(arguments)
    box, _ = read_box(options.box)
    pcm = read_recording(options.audio or _recording())
    costs = []
    for kind in options.kind or [field.name for field in fields(Engines)]:
        # Each in a process of its own: memory is then its own too.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            costs.append(process.submit(measure, kind, box, pcm).result())
    Console().print(_table(costs))
    if options.json:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=2) + "\n")
    return 0


def measure(kind: str, box: Box, pcm: bytes) -> Cost:
    """The cost of the box's engine of one kind. Call it in a fresh process."""
    spec: Engine = getattr(box.engines, kind)
    if spec.engine == "none":
        return Cost(kind, spec.engine, spec.model, more="switched off in box.toml")
    before, begun = _memory("VmRSS"), time.monotonic()
    try:
        engine = registry.make(kind, spec, box)
    except ApplianceError as error:
        return Cost(kind, spec.engine, spec.model, more=str(error))
    loaded = time.monotonic() - begun
    rate, first, more = MEASURES[kind](engine, pcm)
    return Cost(kind, spec.engine, spec.model, loaded, _memory("VmHWM") - before, rate, first, more)


Figures = tuple[float | None, float, str]
"""Real-time factor, milliseconds to the first result, and what else is worth telling."""


def _listening(engine: Any, pcm: bytes) -> Figures:
    """VAD and wake word: frame by frame, as they hear a call."""
    stream, took = engine.stream(), []
    cpu = time.process_time()
    for at in range(0, len(pcm), FRAME_BYTES):
        begun = time.perf_counter()
        stream.push(pcm[at : at + FRAME_BYTES])
        took.append(1000 * (time.perf_counter() - begun))
    rate = (time.process_time() - cpu) / _seconds(pcm)
    return rate, max(took), f"{100 * rate:.2f} % of a core; first: the slowest frame"


def _eot(engine: Any, pcm: bytes) -> Figures:
    """The judgement of one pause."""
    took = _median(partial(engine.finished, pcm[: 2 * 4 * RATE]))
    return None, took, "first: one pause"


def _echo(engine: Any, pcm: bytes) -> Figures:
    """The desk's voice taken out of the microphone, 10 ms at a time."""
    stream, took = engine.stream(), []
    cpu = time.process_time()
    for at in range(0, len(pcm) // FRAME_BYTES * FRAME_BYTES, FRAME_BYTES // 2):
        block = pcm[at : at + FRAME_BYTES // 2]
        took.append(_milliseconds(partial(stream.remove, block, block)))
    rate = (time.process_time() - cpu) / _seconds(pcm)
    return rate, max(took), f"{100 * rate:.2f} % of a core; first: the slowest 10 ms"


def _asr(engine: Any, pcm: bytes) -> Figures:
    """The words of a 3 s utterance, once it has ended."""
    pcm = pcm[: 2 * 3 * RATE]
    took, cpu = [], time.process_time()
    for _ in range(REPEATS):
        stream = engine.stream(Expect())
        for at in range(0, len(pcm), FRAME_BYTES):
            stream.push(pcm[at : at + FRAME_BYTES])
        took.append(_milliseconds(stream.finish))
    rate = (time.process_time() - cpu) / REPEATS / _seconds(pcm)
    return rate, statistics.median(took), "first: the final words of 3 s"


def _tts(engine: Any, pcm: bytes) -> Figures:
    firsts = [_median(partial(_first, engine.speak, sentence)) for sentence in SENTENCES]
    cpu = time.process_time()
    made = sum(_seconds(piece) for sentence in SENTENCES for piece in engine.speak(sentence))
    rate = (time.process_time() - cpu) / made
    return rate, firsts[0], f"first sound of {_by_words(SENTENCES, firsts)}"


def _embed(engine: Any, pcm: bytes) -> Figures:
    took = [_median(partial(engine.embed, [question])) for question in QUESTIONS]
    return None, took[0], f"a sentence of {_by_words(QUESTIONS, took)}"


def _llm(engine: Any, pcm: bytes) -> Figures:
    new = _milliseconds(partial(_first, engine.reply, FACTS, "Where is room 12?", 9))
    known = _milliseconds(partial(_first, engine.reply, FACTS, "Where is room 17?", 9))
    begun = time.perf_counter()
    tokens = sum(1 for _ in engine.reply(FACTS, "Tell me about all the rooms.", 60))
    speed = tokens / (time.perf_counter() - begun)
    return None, new, f"{speed:.0f} tokens/s; first token where the facts are known {known:.0f} ms"


MEASURES: dict[str, Callable[[Any, bytes], Figures]] = {
    "vad": _listening,
    "wake": _listening,
    "eot": _eot,
    "echo": _echo,
    "asr": _asr,
    "tts": _tts,
    "embed": _embed,
    "llm": _llm,
}


def _recording() -> Path:
    for file in RECORDINGS:
        if file.is_file():
            return file
    raise AudioError("there is no recording to measure with", "name one: --audio speech.wav")


def _milliseconds(do: Callable[[], object]) -> float:
    begun = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - begun)


def _median(do: Callable[[], object]) -> float:
    do()
    return statistics.median(_milliseconds(do) for _ in range(REPEATS))


def _first(make: Callable[..., Iterator[object]], *args: object) -> object:
    return next(make(*args))


def _by_words(texts: tuple[str, ...], took: list[float]) -> str:
    words = ", ".join(str(len(text.split())) for text in texts)
    return f"{words} words: {', '.join(f'{each:.0f}' for each in took)} ms"


def _seconds(pcm: bytes) -> float:
    return len(pcm) / 2 / RATE


def _memory(field: str) -> float:
    """MiB, from the kernel's account of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def _table(costs: list[Cost]) -> Table:
    table = Table("kind", "engine", "model", title="Engines on this machine")
    for heading in ("load s", "memory MiB", "core-s per s", "first ms"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for cost in costs:
        figures = ((cost.load, ".2f"), (cost.memory, ".0f"), (cost.rate, ".3f"), (cost.first, ".1f"))
        cells = ["" if value is None else format(value, form) for value, form in figures]
        table.add_row(cost.kind, cost.engine, cost.model, *cells, cost.more)
    return table


if __name__ == "__main__":
    raise SystemExit(main())
