"""`appliance bench loop`: recorded callers talk to the whole desk at real-time pace, and the two-channel
recordings of the calls are measured: from the last sample of speech to the first sample of the answer."""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from appliance import config
from appliance.app import App
from appliance.bench.sets import DATA, SETS
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.messages import FRAME, RATE, Audio, Heard, Turn, samples, seconds

MARKS = {"median": 1.2, "overhead_p95": 0.05, "idle": 15.0, "memory": 1000.0}
"""Seconds, seconds, percent of one core, MB."""

WINDOW = RATE // 100


@dataclass(frozen=True, slots=True)
class Answered:
    """What one saying came to, in seconds."""

    heard: bool
    latency: float
    """Last sample of speech to first sample of the answer, from the recording."""
    patience: float
    """End of speech to the decision that the turn is over."""
    engines: float
    """What the engines took between that decision and the first sound, by their own clocks."""

    @property
    def overhead(self) -> float:
        """What is left: the loop itself, and the frames it runs on."""
        return self.latency - self.patience - self.engines


@dataclass(slots=True)
class Stopwatch:
    """How long the engines worked for the answer in hand."""

    spent: list[tuple[float, float]] = field(default_factory=list)

    def wrap(self, engine: Any, method: str) -> None:
        inner = getattr(engine, method)

        def timed(*arguments: Any) -> Any:
            began = time.monotonic()
            try:
                return inner(*arguments)
            finally:
                self.spent.append((began, time.monotonic()))

        setattr(engine, method, timed)

    def wrap_first(self, engine: Any, method: str) -> None:
        """The same for an engine that gives pieces: the time to its first."""
        inner = getattr(engine, method)

        def timed(*arguments: Any) -> Iterator[Any]:
            began = time.monotonic()
            first = True
            for piece in inner(*arguments):
                if first:
                    self.spent.append((began, time.monotonic()))
                    first = False
                yield piece

        setattr(engine, method, timed)

    def between(self, start: float, end: float) -> float:
        return sum(max(0.0, min(b, end) - max(a, start)) for a, b in self.spent)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="appliance bench loop", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of recordings with a MANIFEST.tsv")
    parser.add_argument("--callers", type=int, default=20, help="calls, of three sayings each")
    parser.add_argument("--box", type=Path)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--keep", type=Path, help="folder for the recordings of the calls")
    options = parser.parse_args(arguments)
    figures = asyncio.run(measure(options))
    table = Table("figure", "value", "mark", title="The whole loop, recorded callers at real-time pace")
    for name, value in figures.items():
        mark = MARKS.get(name)
        table.add_row(name, f"{value:.3f}", "" if mark is None else f"<= {mark:g}")
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


async def measure(options: argparse.Namespace) -> dict[str, float]:
    box, _ = config.read_box(options.box)
    desk, _ = config.read_desk(config.SHIPPED / "desk.toml")
    desk = replace(desk, lines=replace(desk.lines, greeting="Hello."))
    with tempfile.TemporaryDirectory() as folder:
        kept = options.keep or Path(folder)
        turns: list[Turn] = []
        began = time.monotonic()
        async with App(replace(box, data=Path(folder)), desk, turns.append) as app:
            started = time.monotonic() - began
            await app.prepared()
            idle = await idle_share(app)
            watch = Stopwatch()
            watch.wrap(app.engine("embed")[0], "embed")
            watch.wrap_first(app.engine("tts")[0], "speak")
            watch_transcripts(app.engine("asr")[0], watch)
            results: list[Answered] = []
            for number, sayings in enumerate(
                track(list(callers(options)), "calls", console=Console(stderr=True))
            ):
                turns.clear()
                path = kept / f"call-{number:03}.wav"
                offset = time.monotonic()
                await app.talk(RecordedCaller(sayings, f"call-{number:03}", linger=2.5), path)
                results += list(measure_call(path, turns, sayings, offset, watch))
    return _figures(results) | {
        "start": started,
        "idle": idle,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def callers(options: argparse.Namespace) -> Iterator[list[Saying]]:
    """Three sayings a call, by different people: names and dates, orders, phone prompts, in turn."""
    sets = [iter(SETS[name].clips(options.data)) for name in ("an4", "orders", "prompts8k")]
    for _ in range(options.callers):
        yield [Saying(trimmed(next(clips).pcm)) for clips in sets]


def trimmed(pcm: bytes) -> bytes:
    """Without the quiet after the last word, so that the end of the file is the end of speech."""
    sound = np.frombuffer(pcm, dtype="<i2")
    return sound[: _last_sound(sound)].tobytes()


def measure_call(
    path: Path, turns: list[Turn], sayings: list[Saying], offset: float, watch: Stopwatch
) -> Iterator[Answered]:
    sound, _ = soundfile.read(path, dtype="int16")
    answers = [turn for turn in turns if isinstance(turn.cause, Heard)]
    for end in ends_of_speech(sound[:, 0], [len(saying.pcm) // 2 for saying in sayings]):
        after = np.flatnonzero(np.abs(sound[end:, 1]) > 50)
        turn = next((t for t in answers if abs(_heard(t).end - end) < samples(0.6)), None)
        if turn is None or not len(after):
            yield Answered(False, 0.0, 0.0, 0.0)
            continue
        heard = _heard(turn)
        decided = max(seconds(heard.decided), seconds(end))
        first = seconds(end + int(after[0]))
        engines = watch.between(offset + decided, offset + first)
        yield Answered(True, first - seconds(end), decided - seconds(end), engines)


def ends_of_speech(caller: NDArray[np.int16], lengths: Iterable[int]) -> list[int]:
    """Where each saying ends in the caller's channel: sayings are set apart by digital silence."""
    sounding = np.flatnonzero(caller)
    ends = []
    for length in lengths:
        if not len(sounding):
            break
        start = int(sounding[0]) // FRAME * FRAME
        ends.append(start + length)
        sounding = sounding[sounding >= start + length + FRAME]
    return ends


def _last_sound(sound: NDArray[np.int16]) -> int:
    """Just after the last 10 ms that are within 30 dB of the loudest."""
    whole = sound[: len(sound) // WINDOW * WINDOW].astype(np.float64).reshape(-1, WINDOW)
    loudness = np.sqrt((whole**2).mean(axis=1))
    return (int(np.flatnonzero(loudness > loudness.max() / 32)[-1]) + 1) * WINDOW


def _heard(turn: Turn) -> Heard:
    assert isinstance(turn.cause, Heard)
    return turn.cause


def watch_transcripts(asr: Any, watch: Stopwatch) -> None:
    make: Callable[..., Any] = asr.stream

    def stream(*arguments: Any) -> Any:
        made = make(*arguments)
        watch.wrap(made, "finish")
        return made

    asr.stream = stream


async def idle_share(app: App, lasting: float = 10.0) -> float:
    """Percent of one core that ears take while nobody speaks."""
    from appliance.ears import Ears

    assert app.hearing
    clock = 0

    async def quiet() -> Any:
        nonlocal clock
        began = time.monotonic()
        noise = np.random.default_rng(1).normal(0, 30, samples(lasting)).astype("<i2").tobytes()
        while clock < samples(lasting):
            yield Audio(noise[2 * clock : 2 * (clock + FRAME)], clock)
            clock += FRAME
            await asyncio.sleep(max(0.0, began + seconds(clock) - time.monotonic()))

    ears = Ears(app.hearing, lambda: False, lambda: clock, silence=60.0)
    before, wall = time.process_time(), time.monotonic()
    async for _ in ears.listen(quiet()):
        pass
    return 100 * (time.process_time() - before) / (time.monotonic() - wall)


def _figures(results: list[Answered]) -> dict[str, float]:
    answered = [result for result in results if result.heard]
    latency = np.array([result.latency for result in answered])
    overhead = np.array([result.overhead for result in answered])
    return {
        "sayings": len(results),
        "answered": len(answered),
        "median": float(np.median(latency)),
        "p95": float(np.percentile(latency, 95)),
        "patience_median": float(np.median([result.patience for result in answered])),
        "engines_median": float(np.median([result.engines for result in answered])),
        "overhead_median": float(np.median(overhead)),
        "overhead_p95": float(np.percentile(overhead, 95)),
    }


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
