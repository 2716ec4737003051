"""How many conversations a box can hold follows from what its engines take, and is never none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.app import App
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Box
from appliance.engines.fake import FakeAsr, FakeTts, FakeVad
from appliance.engines.inline import InlineThread
from appliance.messages import Event
from appliance.serving import capacity
from tests import desk as whole
from tests.audio_server import until
from tests.test_app import VOICE


@pytest.mark.parametrize(
    ("load", "cores", "most"),
    [(0.1, 2, 10), (0.5, 2, 2), (0.3, 4, 6), (3.0, 1, 1), (0.0, 4, capacity.MOST)],
)
def test_half_of_the_cores_may_work_for_conversations(load: float, cores: int, most: int) -> None:
    assert capacity.of(load, cores) == most


@pytest.mark.parametrize(("longest", "most"), [(0.05, 8), (0.125, 4), (0.6, 1)])
def test_an_engine_does_one_thing_at_a_time_however_many_cores_there_are(longest: float, most: int) -> None:
    assert capacity.of(0.5, 8, longest) == most


class Toiling(FakeVad):
    """Speech detection that takes some processor."""

    def stream(self):  # type: ignore[no-untyped-def]
        sum(number * number for number in range(2_000_000))
        return super().stream()


async def test_it_is_measured_on_the_engines_themselves() -> None:
    thread = InlineThread()
    quick = await capacity.measure((FakeVad(), thread), (FakeAsr(), thread), (FakeTts(), thread))
    slow = await capacity.measure((Toiling(), thread), (FakeAsr(), thread), (FakeTts(), thread))
    assert slow.load > quick.load
    assert slow.longest > quick.longest
    assert 1 <= slow.conversations <= quick.conversations <= capacity.MOST


class Talkative(ScriptedCaller):
    """Stays until told to go."""

    def __init__(self) -> None:
        super().__init__([])
        self.goes = asyncio.Event()

    async def hear(self) -> AsyncIterator[Event]:
        await self.goes.wait()
        return
        yield


async def test_it_is_measured_while_nobody_talks_and_nobody_waits_for_it(tmp_path: Path) -> None:
    async with App(Box(tmp_path, engines=VOICE), whole.DESK) as app:
        caller = Talkative()
        talking = asyncio.create_task(app.chat(caller))
        await until(lambda: app.calls)
        measuring = asyncio.create_task(app.measure())
        await asyncio.wait([measuring], timeout=0.3)
        assert app.capacity is None
        assert app.room == capacity.MOST - 1
        caller.goes.set()
        await talking
        await measuring
        assert app.capacity


async def test_a_desk_whose_engines_cannot_be_measured_answers_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*engines: object) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(capacity, "measure", fails)
    async with App(Box(tmp_path, engines=VOICE), whole.DESK) as app:
        await app.measure()
        assert app.capacity is None
        assert app.room
