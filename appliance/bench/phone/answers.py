"""How soon the desk answers by telephone: against the same callers in a room, and several at once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from appliance.bench.phone.caller import Refused
from appliance.bench.phone.lines import sip
from appliance.bench.phone.visits import PhoneDesk, by_telephone, visit
from appliance.bench.turns.desk import Called, box, desk_file
from appliance.bench.turns.figures import Figure, percentile
from appliance.bench.turns.instrument import measure
from appliance.bench.turns.recordings import Clip, Library
from appliance.bench.turns.scenes import Saying, Scene, calls
from appliance.config import Engine

ADDS = 60
"""Milliseconds that the telephone may add."""

TOGETHER = (1, 2, 4)

TIMES = 1.5
"""What several at once may wait, against one alone."""

EACH = 3
"""Sayings of a call."""

Waits = list[float]
"""Seconds from the end of each saying to the first sound of the answer; infinite where none came."""


class Callers:
    """The same sentences, in calls of a few each, for whatever they are held with."""

    def __init__(self, library: Library, count: int) -> None:
        clips = list(islice(library.callers(), count))
        said = [Saying(clip.sound, name=clip.name, text=clip.text) for clip in clips]
        self.scenes = calls(by_telephone(said), EACH, "phone")
        self.desk = desk_file(Clip(each.name, each.sound, each.text) for each in said)


async def answers(callers: Callers, box_file: Path | None, folder: Path) -> list[Figure]:
    """Each call in a room, as in the bench of turns, and by telephone, one right after the other."""
    here: Waits = []
    away: Waits = []
    async with _open(callers, box_file, folder) as desk, sip(desk, desk.line) as (_, port):
        for number, scene in enumerate(callers.scenes):
            here += _waits(await desk.call(scene, folder))
            away += _waits(await visit(desk, port, scene, folder, f"answers-{number}"))
    adds = [b - a for a, b in zip(here, away, strict=True) if math.isfinite(a) and math.isfinite(b)]
    return [
        *_told("answers", "in a room", here),
        *_told("answers", "by telephone", away),
        Figure("answers", "the telephone adds, median", percentile(adds, 50), "ms", ADDS, len(adds),
               "to each answer that came both ways"),
    ]  # fmt: skip


async def together(callers: Callers, box_file: Path | None, folder: Path) -> list[Figure]:
    """All calls once more, so many at a time, beginning not quite together."""
    figures: list[Figure] = []
    alone: float | None = None
    async with _open(callers, box_file, folder) as desk, sip(desk, desk.line) as (_, port):
        assert desk.capacity
        most = desk.capacity.conversations
        load = f"a conversation takes {100 * desk.capacity.load:.0f} % of a core"
        figures.append(Figure("together", "the box holds at once", most, "", None, 1, load))
        for count in TOGETHER:
            desk.turned_away = 0
            waits = await _at_once(desk, port, callers.scenes, count, folder)
            median = percentile(waits, 50)
            alone = alone if count > 1 else median
            figures += _told(
                "together", f"{count} at once", waits, f"{desk.turned_away} told that it is busy"
            )
            if count > 1:
                times = median / alone if median and alone else None
                figures.append(
                    Figure("together", f"{count} at once, against one", times, "x", TIMES, len(waits))
                )
    return figures


async def _at_once(desk: PhoneDesk, port: int, scenes: list[Scene], count: int, folder: Path) -> Waits:
    waits: Waits = []
    queue = list(enumerate(scenes))

    async def line(number: int) -> None:
        await asyncio.sleep(0.7 * number)
        while queue:
            at, scene = queue.pop(0)
            before = desk.turned_away
            try:
                called = await visit(desk, port, scene, folder, f"together-{count}-{at}")
            except Refused:
                continue
            if called.said or desk.turned_away == before:
                waits.extend(_waits(called))

    await asyncio.gather(*map(line, range(count)))
    return waits


def _open(callers: Callers, box_file: Path | None, folder: Path) -> Any:
    configured = box(box_file, folder)
    return _Prepared(
        replace(configured, engines=replace(configured.engines, llm=Engine("none"))), callers.desk
    )


class _Prepared(PhoneDesk):
    """Ready with its fixed lines once it is entered."""

    async def __aenter__(self) -> _Prepared:
        await super().__aenter__()
        await self.prepared()
        await self.measure()
        return self


def _waits(called: Called) -> Waits:
    measured = measure(called.recording, called.said)
    return [math.nan if each.latency is None else each.latency for each in measured]


def _told(part: str, what: str, waits: Waits, note: str = "") -> Iterable[Figure]:
    taken = [wait for wait in waits if not math.isnan(wait)]
    lost = sum(map(math.isinf, taken))
    cut = len(waits) - len(taken)
    told = ", ".join(filter(None, [note, f"{lost} never answered, {cut} cut off" if lost or cut else ""]))
    for name, percent in (("median", 50), ("p95", 95)):
        found = percentile(taken, percent)
        yield Figure(
            part, f"end of speech to first sound, {what}, {name}", found, "ms", None, len(taken), told
        )
