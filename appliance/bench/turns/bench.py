"""A part of the bench: a desk that is started, calls that are held with it, and what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import current_process
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.progress import track

from appliance.bench.turns.clock import run_scripted
from appliance.bench.turns.desk import Called, Desk, box
from appliance.bench.turns.figures import Figure, share
from appliance.bench.turns.instrument import Measured
from appliance.bench.turns.recordings import Library
from appliance.bench.turns.scenes import Saying
from appliance.config import DeskFile, Engine
from appliance.messages import seconds

Pace = Literal["real time", "scripted time", "offline"]


@dataclass(slots=True)
class Part:
    """What a part of the bench found."""

    name: str
    pace: Pace = "offline"
    figures: list[Figure] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    """As the report tells them; times are seconds of the recording."""
    results: list[tuple[Saying, Measured]] = field(default_factory=list)
    """Without the sound."""
    curve: list[dict[str, Any]] = field(default_factory=list)
    """Points of cut-offs against waits."""

    @property
    def measured(self) -> list[Measured]:
        return [each for _, each in self.results]

    def add(self, called: Called, measured: Sequence[Measured]) -> None:
        """A call. Its sound is let go: hundreds of them would fill the memory."""
        silent = np.zeros(0, dtype=np.float32)
        said = [replace(each.saying, sound=silent) for each in called.said]
        self.results += zip(said, measured, strict=True)
        self.calls.append(_told(called, measured))


@dataclass(frozen=True, slots=True)
class Bench:
    """What all parts share."""

    library: Library
    box: Path | None
    folder: Path
    """For the recordings of the calls."""
    quick: bool = False
    scripted: bool = False
    """Everything in scripted time, on a machine that has other work to do."""
    share: tuple[int, int] = (1, 1)
    """Of the many answers in echo only the first, second ... of so many shares."""

    def shared(self, count: int) -> range:
        """Those of `count` calls that are in the share."""
        which, of = self.share
        return range((which - 1) * count // of, which * count // of)

    def count(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole


def hold(
    bench: Bench, desk: DeskFile, work: Callable[[Desk], Coroutine[Any, Any, None]], llm: bool = False
) -> Pace:
    """Start the whole desk, let it make its fixed lines, and do the work, in real time."""
    if bench.scripted:
        return hold_scripted(bench, desk, work, llm)
    asyncio.run(_held(bench, desk, work, False, llm))
    return "real time"


def hold_scripted(
    bench: Bench, desk: DeskFile, work: Callable[[Desk], Coroutine[Any, Any, None]], llm: bool = False
) -> Pace:
    """The same in scripted time."""
    run_scripted(_held(bench, desk, work, True, llm))
    return "scripted time"


async def _held(
    bench: Bench,
    desk: DeskFile,
    work: Callable[[Desk], Coroutine[Any, Any, None]],
    scripted: bool,
    llm: bool,
) -> None:
    configured = box(bench.box, bench.folder)
    if not llm:
        configured = replace(configured, engines=replace(configured.engines, llm=Engine("none")))
    app = Desk(configured, desk, scripted)
    async with app:
        await app.prepared()
        await work(app)


def _told(called: Called, measured: Sequence[Measured]) -> dict[str, Any]:
    echo = called.scene.echo
    return {
        "name": called.scene.name,
        "outcome": called.outcome,
        "length": _seconds(len(called.recording.desk)),
        "echo": echo and {"room": echo.room, "level_db": echo.level, "delay_s": echo.delay},
        "desk": [[_seconds(each.start), _seconds(each.end)] for each in called.recording.stretches],
        "said": [
            {
                "start": _seconds(said.start),
                "end": _seconds(said.end),
                "clip": said.saying.name,
                "expect": said.saying.expect.kind,
                "pauses": list(said.saying.pauses),
                **result.record(),
            }
            for said, result in zip(called.said, measured, strict=True)
        ],
    }


def _seconds(count: int) -> float:
    return round(seconds(count), 3)


def shown(scenes: Sequence[Any], what: str) -> Iterable[Any]:
    """The scenes, with a bar that tells how many are left; where a part runs beside others, a line at its
    beginning."""
    if current_process().name == "MainProcess":
        return track(scenes, what, console=Console(stderr=True))
    Console(stderr=True).print(f"{what}: {len(scenes)}")
    return scenes


def cut_offs(part: Part, mark: float | None) -> Figure:
    """Of the turns that have a pause within."""
    cut = [m.cut_off for said, m in part.results if said.pauses and m.cut_off is not None]
    return share(part.name, "cut off in mid-turn, of turns with a pause of 0.2 to 2 s", cut, mark)


def cut_offs_of_all(part: Part, mark: float | None) -> Figure:
    """Of all turns, as callers make them: with a pause within or without."""
    cut = [m.cut_off for _, m in part.results if m.cut_off is not None]
    return share(part.name, "cut off in mid-turn, of all callers, three in ten with a pause", cut, mark)
