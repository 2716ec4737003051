"""Call after call at four times real speed, for hours: nothing grows, and nobody waits longer than at first.

`SOAK_MINUTES=360` says for how long, `SOAK_ENGINES=real` by the box's own engines."""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import threading
import time
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.config import Box, read_desk
from appliance.engines.fake import FakeAsr
from appliance.messages import RATE, Line
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


@dataclass
class Seen:
    """The process at one moment."""

    hours: float
    memory: float
    """MB that are resident."""
    threads: int
    handles: int
    tasks: int


@dataclass
class Soak:
    seen: list[Seen] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    """Seconds of this machine's own clock for a second of each call."""

    def look(self, began: float) -> None:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.seen.append(
            Seen(
                (time.monotonic() - began) / 3600, pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
                threading.active_count(), len([*HANDLES.iterdir()]), len(asyncio.all_tasks()),
            )
        )  # fmt: skip

    def told(self) -> str:
        warm = self.warm()
        half = len(self.took) // 2
        first, last = (statistics.quantiles(each, n=20)[18] for each in (self.took[:half], self.took[half:]))
        return (
            f"{len(self.took)} calls in {self.seen[-1].hours:.2f} h: {warm[0].memory:.0f} MB when warm,"
            f" {warm[-1].memory:.0f} MB at the end, {self.slope():+.2f} MB/h;"
            f" threads {warm[0].threads} to {warm[-1].threads}, handles {warm[0].handles} to"
            f" {warm[-1].handles}, tasks {warm[0].tasks} to {warm[-1].tasks}; of each second of a call"
            f" {first * 1000:.0f} ms (p95) in the first half, {last * 1000:.0f} ms in the second"
        )

    def warm(self) -> list[Seen]:
        return [each for each in self.seen if each.hours >= WARM * self.seen[-1].hours]

    def slope(self) -> float:
        """MB in an hour."""
        warm = self.warm()
        return float(np.polyfit([each.hours for each in warm], [each.memory for each in warm], 1)[0])


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
            await app.talk(caller)
            length = caller.now() / RATE
            found.took.append((time.monotonic() - start) / length)
            await asyncio.sleep(max(0.0, length / SPEED - (time.monotonic() - start)))
            for recording in app.books.recordings.glob("*.ogg"):
                recording.unlink()  # A disk is no endless one.
            if time.monotonic() - looked > max(2.0, minutes * 60 / 200):
                looked = time.monotonic()
                found.look(began)
    return found


@pytest.mark.slow
@pytest.mark.timeout(int(MINUTES * 60 * 2 + 600))
async def test_nothing_grows_and_nobody_waits_longer(tmp_path: Path) -> None:
    found = await soak(tmp_path, MINUTES)
    print(found.told())
    warm = found.warm()
    for name in ("threads", "handles", "tasks"):
        values = [getattr(each, name) for each in warm]
        assert max(values[-len(values) // 4 :]) <= max(values[: len(values) // 4]) + 2, name
    assert found.slope() < 1.0
    half = len(found.took) // 2
    first, last = (statistics.quantiles(each, n=20)[18] for each in (found.took[:half], found.took[half:]))
    assert last < 1.5 * first
