"""The command: which parts, on which recordings, and where what was found is written."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import platform
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from appliance.bench.phone import answers, echoes, network
from appliance.bench.phone.answers import Callers
from appliance.bench.sets import DATA, Half, manifest
from appliance.bench.turns.desk import box, is_worded
from appliance.bench.turns.figures import Figure
from appliance.bench.turns.recordings import Clip, Library
from appliance.messages import RATE

PARTS = ("delay", "legs", "answers", "together", "network")

FASTEST = 4.5
"""Words a second."""

SPOKEN = ("answers", "together", "network")
"""Parts that need recordings of people."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="appliance bench phone",
        description="What the telephone adds to how long callers wait, how many it carries, and what a bad "
        "network does to what is understood. Callers are packets on this machine's own loopback. "
        "Exit code 1 where a mark is missed.",
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of recordings with a MANIFEST.tsv")
    parser.add_argument("--half", choices=("test", "train", "all"), default="test", help="which recordings")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be repeated")
    parser.add_argument("--quick", action="store_true", help="a few calls of each part")
    parser.add_argument("--box", type=Path)
    parser.add_argument("--json", type=Path, help="write what was found there")
    parser.add_argument("--keep", type=Path, help="folder for the recordings of the calls")
    options = parser.parse_args(arguments)
    parts = options.part or PARTS
    if set(parts) & set(SPOKEN):
        manifest(options.data)  # Says at once where there are no recordings.
    for name in ("appliance", "appliance.channels.sip.stack"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        kept = options.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        figures = held(parts, options.data, options.half, options.box, kept, options.quick)
    show(figures)
    if options.json:
        options.json.write_text(json.dumps(report(figures), indent=1) + "\n")
    return int(any(figure.met is False for figure in figures))


def held(
    parts: tuple[str, ...], data: Path, half: Half, box_file: Path | None, folder: Path, quick: bool
) -> list[Figure]:
    """The parts one after the other: each wants the machine to itself."""
    library = Library(data, half)
    clips = [clip for clip in islice(library.callers(), 120) if said_whole(clip)][: 4 if quick else 24]
    callers = Callers(library, 3 if quick else 24) if {"answers", "together"} & set(parts) else None
    make: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
        "delay": lambda: echoes.delay(12 if quick else 60),
        "legs": lambda: echoes.legs(4 if quick else 20, echoes.LEGS),
        "network": lambda: network.network(clips, box(box_file, folder), folder),
    }
    if callers:
        make["answers"] = lambda: answers.answers(callers, box_file, folder)
        make["together"] = lambda: answers.together(callers, box_file, folder)
    found: list[Figure] = []
    for name in PARTS:
        if name in parts:
            Console(stderr=True).print(name)
            found += asyncio.run(_run(make[name]))
    return found


def said_whole(clip: Clip) -> bool:
    """Whether it is a sentence, and no more of it is written down than anybody could say in that time."""
    return is_worded(clip.text) and len(clip.text.split()) < FASTEST * len(clip.sound) / RATE


async def _run(make: Callable[[], Awaitable[list[Figure]]]) -> list[Figure]:
    return await make()


def report(figures: list[Figure]) -> dict[str, object]:
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "figures": [figure.record() for figure in figures],
    }


def show(figures: list[Figure]) -> None:
    table = Table("part", "what", "value", "mark", "over", "", title="The telephone")
    for figure in figures:
        mark = "" if figure.mark is None else f"<= {figure.mark:g}"
        verdict = {True: "met", False: "missed", None: ""}[figure.met]
        table.add_row(
            figure.part, figure.what, figure.told(), mark, f"{figure.count or ''}",
            f"{verdict} {figure.note}".strip(),
        )  # fmt: skip
    Console().print(table)
