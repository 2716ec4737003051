"""What waits for an answer from outside holds up nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from appliance.actions import Hands
from appliance.engines.thread import EngineThread


@pytest.fixture
def threads() -> Iterator[list[EngineThread]]:
    made = [EngineThread(name) for name in ("here", "outside 1", "outside 2")]
    yield made
    for thread in made:
        thread.close()


async def test_the_box_goes_on_while_all_outside_are_slow(threads: list[EngineThread]) -> None:
    hands = Hands(threads[0], threads[1:])
    answer = threading.Event()
    slow = [asyncio.create_task(hands.run(True, answer.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(hands.run(False, lambda: "booked"), 5) == "booked"
    assert not any(task.done() for task in slow)
    answer.set()
    assert await asyncio.gather(*slow) == [True] * 3


async def test_one_who_is_slow_outside_does_not_hold_up_another(threads: list[EngineThread]) -> None:
    hands = Hands(threads[0], threads[1:])
    answer = threading.Event()
    slow = asyncio.create_task(hands.run(True, answer.wait))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(hands.run(True, lambda: "answered"), 5) == "answered"
    answer.set()
    assert await slow


async def test_what_the_caller_hangs_up_on_is_done_all_the_same(threads: list[EngineThread]) -> None:
    hands = Hands(threads[0], threads[1:])
    begun, done = threading.Event(), threading.Event()

    def work() -> None:
        begun.wait(5)
        done.set()

    task = asyncio.create_task(hands.run(True, work))
    await asyncio.sleep(0)
    task.cancel()
    begun.set()
    assert await asyncio.to_thread(done.wait, 5)
    with pytest.raises(asyncio.CancelledError):
        await task
