"""`appliance bench recognition`: how much of what real people said each engine understands, and how soon."""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from appliance.bench.scoring import Score, score
from appliance.bench.sets import DATA, SETS, Set
from appliance.engines import Asr
from appliance.errors import ApplianceError
from appliance.messages import RATE
from appliance.models import directory

DEFAULT = ("an4", "an4-phone", "numbers", "names", "addresses", "orders", "prompts8k", "noise")

MARKS = {
    "an4": ("error", 0.14),
    "an4-train": ("error", 0.14),
    "an4-phone": ("error", 0.13),
    "an4-train-phone": ("error", 0.13),
    "prompts8k": ("error", 0.06),
    "orders": ("error", 0.13),
    "numbers": ("right", 0.80),
    "noise": ("error", 0.0),
}
"""What a desk can live with: errors at most, or clips right at least, as shares of 1."""


def _whisper(model: str | None, threads: int) -> Asr:
    from appliance.engines.whisper import Whisper

    return Whisper(_model(model or "whisper-tiny.en"), threads=threads)


def _moonshine(model: str | None, threads: int) -> Asr:
    from appliance.engines.moonshine import Moonshine

    return Moonshine(_model(model or "moonshine-tiny-en"), threads=threads)


def _vosk(model: str | None, threads: int) -> Asr:
    from appliance.engines.vosk import Vosk

    return Vosk(_model(model or "vosk-model-small-en-us"))


def _model(name: str) -> Path:
    """A folder, or the name of a fetched model."""
    return Path(name) if Path(name).is_dir() else directory(name)


ENGINES: dict[str, Callable[[str | None, int], Asr]] = {
    "whisper": _whisper,
    "moonshine": _moonshine,
    "vosk": _vosk,
}


@dataclass(frozen=True, slots=True)
class Result:
    """Of one set."""

    name: str
    score: Score
    finish_ms: float
    """Median of the time that `finish` took."""
    worst_ms: float
    seconds: float
    """Of sound."""
    cpu: float
    """CPU-seconds, of all threads."""

    @property
    def passed(self) -> bool | None:
        """None where there is no mark."""
        if self.name not in MARKS:
            return None
        what, mark = MARKS[self.name]
        if what == "right":
            return self.score.right >= mark
        return self.score.wrong == 0 if mark == 0 else self.score.error <= mark


def measure(
    asr: Asr, each: Set, data: Path, limit: int | None = None, show: Callable[[str], None] | None = None
) -> Result:
    """Give the set's clips to an engine, each whole; `show` is told of each that was not understood."""
    total, times, length, cpu = Score(), [0.0], 0.0, 0.0
    for clip in each.clips(data, limit):
        stream = asr.stream(each.expect)
        cpu_before = time.process_time()
        # A streaming engine hears while the caller speaks: only the end is waited for.
        for at in range(0, len(clip.pcm), 2 * RATE // 10):
            stream.push(clip.pcm[at : at + 2 * RATE // 10])
        before = time.perf_counter()
        heard = stream.finish().text
        times.append(time.perf_counter() - before)
        cpu += time.process_time() - cpu_before
        length += len(clip.pcm) / 2 / RATE
        clip_score = score(each.measure, clip.reference, heard)
        total += clip_score
        if show and clip_score.wrong:
            show(f"{clip.name}\n  said  {clip.reference}\n  heard {heard}")
    times = times[1:] or times
    return Result(each.name, total, 1000 * median(times), 1000 * max(times), length, cpu)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every mark is met, 1 when one is missed, 2 when it cannot run."""
    parser = argparse.ArgumentParser(prog="appliance bench recognition", description=__doc__)
    parser.add_argument("--engine", choices=sorted(ENGINES), default="whisper")
    parser.add_argument("--model", help="a fetched model's name, or a folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--sets", default=",".join(DEFAULT), help=f"some of {', '.join(SETS)}, divided by commas, or all"
    )
    parser.add_argument("--limit", type=int, help="clips of each set")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with MANIFEST.tsv")
    parser.add_argument("--misses", action="store_true", help="show what was not understood")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    errors = Console(stderr=True)
    names = list(SETS) if options.sets == "all" else options.sets.split(",")
    if unknown := [name for name in names if name not in SETS]:
        errors.print(f"there is no set {', '.join(unknown)}; choose among {', '.join(SETS)}")
        return 2
    try:
        asr = ENGINES[options.engine](options.model, options.threads)
        show = errors.print if options.misses else None
        results = []
        with Progress(console=errors, transient=True) as progress:
            for name in progress.track(names, description=options.engine):
                results.append(measure(asr, SETS[name], options.data, options.limit, show))
    except ApplianceError as error:
        errors.print(str(error))
        return 2
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if options.json:
        print(
            json.dumps({"engine": options.engine, "memory_mb": memory, "sets": [_record(r) for r in results]})
        )
    else:
        Console().print(_table(options.engine, results))
        print(f"memory at most {memory} MB")
    return int(any(result.passed is False for result in results))


def _record(result: Result) -> dict[str, object]:
    return {
        **asdict(result),
        "error": result.score.error,
        "right": result.score.right,
        "passed": result.passed,
    }


def _table(engine: str, results: list[Result]) -> Table:
    table = Table(title=f"recognition: {engine}")
    table.add_column("set")
    table.add_column("of")
    for title in ("clips", "errors", "clips right", "mark", "finish ms", "worst ms", "CPU s per s"):
        table.add_column(title, justify="right")
    for result in results:
        total, mark = result.score, {None: "", True: "met", False: "[red]missed[/]"}[result.passed]
        errors = f"{total.error:.1%}" if total.of else f"{total.wrong} words"
        table.add_row(
            result.name,
            SETS[result.name].what,
            str(total.clips),
            errors,
            f"{total.exact} ({total.right:.0%})",
            mark,
            f"{result.finish_ms:.0f}",
            f"{result.worst_ms:.0f}",
            f"{result.cpu / result.seconds:.2f}" if result.seconds else "",
        )
    return table


if __name__ == "__main__":
    raise SystemExit(main())
