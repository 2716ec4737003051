"""Call after call at four times real speed, for hours: nothing grows, and no call costs more than at first.

`SOAK_MINUTES=360` says for how long, `SOAK_ENGINES=real` by the box's own engines."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.config import Box, read_desk
from appliance.engines.fake import FakeAsr
from appliance.memory.events import insert
from appliance.memory.store import stamp
from appliance.messages import RATE, Line
from tests.conftest import resident
from tests.desk import voice
from tests.observe.test_many import SAYS
from tests.observe.test_sealing import FAKES
from tests.regulars import DESK

MINUTES = float(os.environ.get("SOAK_MINUTES", "360"))
REAL = os.environ.get("SOAK_ENGINES") == "real"
SPEED = float(os.environ.get("SOAK_SPEED", "4"))
HANDLES = Path("/proc/self/fd")
WARM = 0.25
"""Share of the time after which nothing may grow any more."""

SLOWER = 1.25
"""So many times as much work as at first is more."""

TEXT = {str(number): [number, str(number)] for number in range(400)}
SOUND = np.random.default_rng(1).standard_normal(1 << 17)
"""What a yard is made of."""

PAST = 2000
"""Calls that the box has had before: its databases are larger than what a connection holds of them in memory,
which else would fill up for the first hours."""


@dataclass
class Seen:
    """The process at one moment."""

    hours: float
    memory: float
    """MB of its own that are resident. Those of files are not: the kernel takes and gives as it likes."""
    threads: int
    handles: int
    tasks: int


@dataclass
class Soak:
    seen: list[Seen] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    """Seconds of this machine's own clock for a second of each call."""
    worked: list[float] = field(default_factory=list)
    """Seconds of processor for a second of each call."""
    yards: list[float] = field(default_factory=list)
    """Seconds of processor that a `yard` took around each."""

    def look(self, began: float) -> None:
        gc.collect()
        self.seen.append(
            Seen(
                (time.monotonic() - began) / 3600, resident(),
                threading.active_count(), len([*HANDLES.iterdir()]), len(asyncio.all_tasks()),
            )
        )  # fmt: skip

    def told(self) -> str:
        warm = self.warm()
        (soon, late), (before, after), (first, last) = map(ends, (self.took, self.worked, self.efforts()))
        return (
            f"{len(self.took)} calls in {self.seen[-1].hours:.2f} h: {warm[0].memory:.0f} MB when warm,"
            f" {warm[-1].memory:.0f} MB at the end, {self.slope():+.2f} MB/h;"
            f" threads {warm[0].threads} to {warm[-1].threads}, handles {warm[0].handles} to"
            f" {warm[-1].handles}, tasks {warm[0].tasks} to {warm[-1].tasks}; a second of a call takes"
            f" (p95, when warm and at the end) {soon * 1000:.0f} and {late * 1000:.0f} ms, of the processor"
            f" {before * 1000:.1f} and {after * 1000:.1f} ms, {first:.2f} and {last:.2f} yards:"
            f" {last / first:.2f} times"
        )

    def warm(self) -> list[Seen]:
        return [each for each in self.seen if each.hours >= WARM * self.seen[-1].hours]

    def slope(self) -> float:
        """MB in an hour."""
        warm = self.warm()
        return float(np.polyfit([each.hours for each in warm], [each.memory for each in warm], 1)[0])

    def efforts(self) -> list[float]:
        """Yards of work for a second of each call."""
        return [worked / yard for worked, yard in zip(self.worked, self.yards, strict=True)]


def yard() -> float:
    """Seconds of processor for a piece of work that is always the same: a neighbour, who takes of the caches
    and of the core, lengthens it as he lengthens a call."""
    began = time.thread_time()
    for _ in range(2):
        json.loads(json.dumps(TEXT))
        np.fft.irfft(np.fft.rfft(SOUND))
    return time.thread_time() - began


def ends(values: Sequence[float]) -> tuple[float, float]:
    """The 95th percentile of the first quarter when warm, and of the last."""
    warm = values[int(WARM * len(values)) :]
    quarter = len(warm) // 4
    first, last = (statistics.quantiles(each, n=20)[18] for each in (warm[:quarter], warm[-quarter:]))
    return first, last


def live_long(app: App) -> None:
    """Leave what `PAST` calls leave in both databases, by the connections that are used from then on."""
    began, said = stamp(datetime.now(UTC)), '{"past": "' + "x" * 700 + '"}'
    with app.books.calls.store.write() as calls, app.place.store.write() as db:
        for number in range(PAST):
            id = f"past-{number}"
            [(call,)] = calls.execute(
                """insert into call (id, trace, channel, agent, desk, began, ended)
                    values (?, ?, 'recorded', '', '', ?, ?) returning number""",
                id, f"{number:032x}", began, began,
            )  # fmt: skip
            for turn in range(4):
                calls.execute("insert into turn values (?, ?, ?)", call, turn, said)
                insert(db, id, began, "past", {"past": "x" * 300})
            insert(db, id, began, "ended", {})


async def spoken(app: App, text: str) -> Saying:
    """What a caller says; by the real engines in the desk's own voice."""
    if not REAL:
        return Saying(voice(1.0))
    assert app.speech
    return Saying(b"".join([pcm async for pcm in app.speech.speak(Line(text))]))


async def soak(folder: Path, minutes: float) -> Soak:
    (folder / "desk.toml").write_text(DESK)
    desk, _ = read_desk(folder / "desk.toml")
    box = Box(folder, recordings=True) if REAL else Box(folder, recordings=True, engines=FAKES)
    found, began = Soak(), time.monotonic()
    async with App(box, desk) as app:
        await app.prepared()
        live_long(app)
        sounds = {text: await spoken(app, text) for says in SAYS for text in says}
        looked = began
        for number in count():
            says, start = SAYS[number % len(SAYS)], time.monotonic()
            if start - began > minutes * 60:
                break
            assert app.hearing
            if not REAL:
                app.hearing = replace(app.hearing, asr=FakeAsr(says))
            caller = RecordedCaller([sounds[text] for text in says], f"call-{number}", pace=False)
            before, effort, start = yard(), time.process_time(), time.monotonic()
            await app.talk(caller)
            length = caller.now() / RATE
            found.took.append((time.monotonic() - start) / length)
            await asyncio.sleep(max(0.0, length / SPEED - (time.monotonic() - start)))
            found.worked.append((time.process_time() - effort) / length)
            found.yards.append((before + yard()) / 2)
            for recording in app.books.recordings.glob("*.ogg"):
                recording.unlink()  # A disk is no endless one.
            if time.monotonic() - looked > max(2.0, minutes * 60 / 200):
                looked = time.monotonic()
                found.look(began)
    return found


@pytest.mark.slow
@pytest.mark.timeout(int(MINUTES * 60 * 2 + 600))
async def test_nothing_grows_and_no_call_costs_more(tmp_path: Path) -> None:
    found = await soak(tmp_path, MINUTES)
    print(found.told())
    warm = found.warm()
    for name in ("threads", "handles", "tasks"):
        values = [getattr(each, name) for each in warm]
        assert max(values[-len(values) // 4 :]) <= max(values[: len(values) // 4]) + 2, name
    assert found.slope() < 1.0
    first, last = ends(found.efforts())
    assert last < SLOWER * first


@pytest.mark.parametrize(("grows", "neighbour", "seen"), [(0.8, 0, True), (0, 1.0, False), (0.8, 1.0, True)])
def test_a_program_that_becomes_slower_is_told_from_a_neighbour(
    grows: float, neighbour: float, seen: bool
) -> None:
    """By the end a call is so much dearer, and everything so much slower."""
    found = Soak()
    for number in range(400):
        share, kind = number / 400, 1 + number % 4
        found.worked.append(0.01 * kind * (1 + grows * share) * (1 + neighbour * share))
        found.yards.append(0.02 * (1 + neighbour * share))
    first, last = ends(found.efforts())
    assert (last >= SLOWER * first) is seen
