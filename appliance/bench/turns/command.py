"""The command: which parts, on which recordings, and where what was found is written."""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.table import Table

from appliance.bench.sets import DATA, Half, manifest
from appliance.bench.turns import answers, figures, floor, page, pauses, waking
from appliance.bench.turns.bench import Bench, Part
from appliance.bench.turns.figures import Figure
from appliance.bench.turns.recordings import Library

Make = Callable[[Bench], Part]

REAL: dict[str, tuple[Make, ...]] = {
    "fixed": (answers.fixed, answers.plain_way),
    "worded": (answers.worded,),
    "interruptions": (floor.stops,),
    "speech": (answers.first_audio,),
}
"""Parts in real time, by the names that --part knows: one after the other, with the machine to themselves."""

SCRIPTED: dict[str, tuple[Make, ...]] = {
    "echo": (floor.echo,),
    "cutoffs": (pauses.curve, pauses.cutoffs),
    "interruptions": (floor.noises,),
    "wake": (waking.wake,),
}
"""Parts whose figures do not depend on the machine's other work: side by side, after those."""

TOGETHER = 2
"""How many."""

NAMES = list(dict.fromkeys([*REAL, *SCRIPTED]))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="appliance bench turns",
        description="How the desk takes its turns: recorded callers talk to it, and the two-channel "
        "recordings of the calls are measured. Exit code 1 where a mark is missed.",
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of recordings with a MANIFEST.tsv")
    parser.add_argument("--half", choices=get_args(Half), default="test", help="which of the recordings")
    parser.add_argument("--part", action="append", choices=NAMES, help="only this; may be repeated")
    parser.add_argument("--quick", action="store_true", help="a few calls of each part: 2 to 3 minutes")
    parser.add_argument("--scripted", action="store_true", help="in scripted time, where the machine is busy")
    parser.add_argument(
        "--share", type=_share, default=(1, 1), help="2/4: of the echo only the second quarter"
    )
    parser.add_argument("--box", type=Path)
    parser.add_argument("--json", type=Path, help="write what was found there")
    parser.add_argument("--page", type=Path, help="write a page with plots there")
    parser.add_argument("--plots", type=Path, help="folder for the page's plots as SVG files")
    parser.add_argument("--keep", type=Path, help="folder for the recordings of the calls")
    options = parser.parse_args(arguments)
    manifest(options.data)  # Says at once where there are no recordings.
    logging.getLogger("appliance").setLevel(logging.ERROR)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        kept = options.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        library = Library(options.data, options.half)
        bench = Bench(library, options.box, kept, options.quick, options.scripted, options.share)
        found = held(bench, options.part or NAMES)
    report = report_of(found, options.half, time.monotonic() - began)
    show(report, found)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.page:
        options.page.write_text(page.render(report))
    if options.plots:
        options.plots.mkdir(parents=True, exist_ok=True)
        for name, svg in page.plots(report).items():
            (options.plots / name).write_text(svg)
    return int(any(each.met is False for part in found for each in part.figures))


def _share(text: str) -> tuple[int, int]:
    which, _, of = text.partition("/")
    if not which.isdecimal() or not of.isdecimal() or not 1 <= int(which) <= int(of):
        raise argparse.ArgumentTypeError("write it as 2/4")
    return int(which), int(of)


def held(bench: Bench, names: Sequence[str]) -> list[Part]:
    """The parts, in the order in which they stand above."""
    real = [make for name, makes in REAL.items() if name in names for make in makes]
    beside = [make for name, makes in SCRIPTED.items() if name in names for make in makes]
    found = [make(bench) for make in real]
    if len(beside) < 2:
        return found + [make(bench) for make in beside]
    # Not forked: the engines' libraries have threads by now.
    with ProcessPoolExecutor(TOGETHER, mp_context=multiprocessing.get_context("spawn")) as pool:
        return found + list(pool.map(_make, beside, [bench] * len(beside)))


def _make(make: Make, bench: Bench) -> Part:
    logging.getLogger("appliance").setLevel(logging.ERROR)
    return make(bench)


def report_of(found: list[Part], half: str, took: float) -> dict[str, Any]:
    """All that was found, as JSON knows it. Times of calls are seconds of the recording."""
    compared = comparison(found)
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "half": half,
        "took_s": round(took),
        "figures": [each.record() for part in found for each in part.figures]
        + [each.record() for each in compared],
        "parts": [
            {
                "name": part.name,
                "pace": part.pace,
                "curve": part.curve,
                "calls": part.calls,
            }
            for part in found
        ],
    }


def comparison(found: list[Part]) -> list[Figure]:
    """The plain way against the desk's own: how many times as long callers wait."""
    by_name = {part.name: part for part in found}
    if not {"fixed", "plain"} <= by_name.keys():
        return []
    ours, plain = (
        [each.latency for each in by_name[name].measured if each.latency is not None]
        for name in ("fixed", "plain")
    )
    return [
        figures.ratio("compared", f"the plain way waits so many times as long, {name}",
                      figures.percentile(plain, percent), figures.percentile(ours, percent))
        for name, percent in (("median", 50), ("p95", 95))
    ]  # fmt: skip


def show(report: dict[str, Any], found: list[Part]) -> None:
    table = Table("part", "what", "value", "mark", "over", "", title="How the desk takes its turns")
    compared = comparison(found)
    for figure in [each for part in found for each in part.figures] + compared:
        mark = "" if figure.mark is None else f"<= {figure.mark:g}"
        verdict = f"{ {True: 'met', False: 'missed', None: ''}[figure.met] } {figure.note}".strip()
        over = f"{figure.count or ''}"
        table.add_row(figure.part, figure.what, figure.told(), mark, over, verdict)
    Console().print(table)
    for part in found:
        Console().print(f"{part.name}: {part.pace}, {len(part.calls)} calls")
