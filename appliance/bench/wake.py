"""`appliance bench wake`: how often a wake word is missed, and how often an hour other speech wakes."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, get_args

from rich.console import Console
from rich.progress import track
from rich.table import Table

from appliance.bench.sets import DATA, Half, half_of, manifest, read
from appliance.config import Box, Engine, Kiosk
from appliance.engines import Wake, registry
from appliance.errors import AudioError
from appliance.messages import FRAME_BYTES, RATE, seconds

ENGINES = {
    "alexa": Engine("openwakeword", "openwakeword", 1),
    "alexa, spotted": Engine("spotter", "whisper-tiny.en", 1),
    "computer": Engine("spotter", "whisper-tiny.en", 1),
    "smart mirror": Engine("spotter", "whisper-tiny.en", 1),
}
"""What is measured, and with which engine. What stands after a comma is no part of the phrase."""

MARKS = {"alexa": (0.05, 0.5), "computer": (0.08, 1.0), "smart mirror": (0.08, 1.0)}
"""Share missed, and false wakes an hour, at most."""

SPEECH = (
    "wake_neg/",
    "wake_pos/",
    "speech16k/",
    "speech8k/",
    "speech_multilang/",
    "turn/",
    "vad/",
    "noise/",
    "aec/",
)
"""Folders of what must not wake the desk, as far as the phrase is not in it."""

QUIET = bytes(2 * RATE)


@dataclass(slots=True)
class Result:
    phrase: str
    engine: str
    spoken: int = 0
    missed: list[str] = field(default_factory=list)
    """Recordings of the phrase that did not wake."""
    hours: float = 0.0
    """Of other sound."""
    false: list[str] = field(default_factory=list)
    """Other recordings that did."""
    told: list[float] = field(default_factory=list)
    """Seconds from the word's end to the wake, as the engine tells it."""
    load: float = 0.0
    """CPU-seconds per second of other sound."""

    @property
    def share(self) -> float:
        return len(self.missed) / max(1, self.spoken)

    @property
    def hourly(self) -> float:
        return len(self.false) / self.hours if self.hours else 0.0

    @property
    def passed(self) -> bool | None:
        """None where there is no mark."""
        if self.phrase not in MARKS:
            return None
        share, hourly = MARKS[self.phrase]
        return self.share <= share and self.hourly <= hourly


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="appliance bench wake", description=__doc__)
    parser.add_argument("--phrase", action="append", choices=ENGINES, help="these only")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the recordings")
    parser.add_argument("--half", choices=get_args(Half), default="test", help="which of the recordings")
    parser.add_argument("--every", type=int, default=1, help="take each n-th recording of other sound only")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args(arguments)
    chosen = options.phrase or ENGINES
    results = [measure(name, options.data, options.every, options.half) for name in chosen]
    Console().print(_table(results))
    if options.json:
        options.json.write_text(json.dumps([_record(result) for result in results], indent=2) + "\n")
    return int(any(result.passed is False for result in results))


def measure(name: str, data: Path, every: int = 1, half: Half = "test") -> Result:
    """Every recording of a phrase, and each n-th of other sound, each to a stream of its own."""
    phrase = name.partition(",")[0]
    spec = ENGINES[name]
    wake: Wake = registry.make("wake", spec, Box(kiosk=Kiosk(words=(phrase,))))
    result = Result(name, spec.engine)
    spoken, others = _recordings(phrase, data, half)
    for file, pcm in _read(data, spoken):
        result.spoken += 1
        if woken := _wakes(wake, QUIET[: len(QUIET) // 2] + pcm + QUIET):
            result.told.append(woken[0])
        else:
            result.missed.append(file)
    begun = time.process_time()
    for file, pcm in _read(data, track(others[::every], f"{name}: other sound")):
        result.hours += len(pcm) / 2 / RATE / 3600
        result.false += [file] * len(_wakes(wake, pcm + QUIET))
    result.load = (time.process_time() - begun) / max(1.0, 3600 * result.hours)
    return result


def _recordings(phrase: str, data: Path, half: Half) -> tuple[list[str], list[str]]:
    """The recordings of a phrase, and those of all else."""
    spoken, others = [], []
    for row in manifest(data):
        if half not in ("all", half_of(row["file"])):
            continue
        text = " ".join((row["transcript"] or "").lower().split())
        if row["file"].startswith("wake_pos/") and text == phrase:
            spoken.append(row["file"])
        elif row["file"].startswith(SPEECH) and phrase not in f"{text} {row['what'].lower()}":
            others.append(row["file"])
    return spoken, others


def _read(data: Path, files: Any) -> Iterator[tuple[str, bytes]]:
    for file in files:
        try:
            yield file, read(data / file)
        except AudioError:
            continue


def _wakes(wake: Wake, pcm: bytes) -> list[float]:
    """The seconds between the word's end and each wake."""
    stream = wake.stream()
    frames = (pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES))
    return [seconds(woken.after) for frame in frames if (woken := stream.push(frame))]


def _record(result: Result) -> dict[str, Any]:
    figures = asdict(result) | {"share_missed": result.share, "false_per_hour": result.hourly}
    return figures | {"passed": result.passed}


def _table(results: list[Result]) -> Table:
    table = Table("phrase", "engine", "missed", "false an hour", "of hours", "told after", "load", "mark")
    for result in results:
        verdict = {None: "", True: "met", False: "missed"}[result.passed]
        table.add_row(
            result.phrase,
            result.engine,
            f"{len(result.missed)} of {result.spoken} ({100 * result.share:.1f} %)",
            f"{result.hourly:.2f}",
            f"{result.hours:.2f}",
            f"{median(result.told or [0.0]):.2f} s",
            f"{result.load:.3f}",
            verdict,
        )
    return table
