"""A part of the bench: a desk that is started, calls that are held with it, and what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import track

from appliance.bench.turns.clock import run_scripted
from appliance.bench.turns.desk import Called, Desk, box
from appliance.bench.turns.figures import Figure, share
from appliance.bench.turns.instrument import Measured
from appliance.bench.turns.recordings import Library
from appliance.bench.turns.scenes import Saying
from appliance.config import DeskFile, Engine

Pace = Literal["real time", "scripted time", "offline"]


@dataclass(slots=True)
class Part:
    """What a part of the bench found."""

    name: str
    pace: Pace = "offline"
    figures: list[Figure] = field(default_factory=list)
    calls: list[tuple[Called, list[Measured]]] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    """Points of cut-offs against waits."""

    @property
    def measured(self) -> list[Measured]:
        return [each for _, of_call in self.calls for each in of_call]


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


def said_and_measured(part: Part) -> Iterable[tuple[Saying, Measured]]:
    for called, measured in part.calls:
        for said, result in zip(called.said, measured, strict=True):
            yield said.saying, result


def shown(scenes: Sequence[Any], what: str) -> Iterable[Any]:
    return track(scenes, what, console=Console(stderr=True))


def cut_offs(part: Part, mark: float | None) -> Figure:
    """Of the turns that have a pause within."""
    cut = [m.cut_off for said, m in said_and_measured(part) if said.pauses and m.cut_off is not None]
    return share(part.name, "cut off in mid-turn, of turns with a pause of 0.2 to 2 s", cut, mark)
