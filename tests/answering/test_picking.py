"""The LLM's choice among a few: sure in either order and in time, or the caller is asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from appliance.answering import picking
from appliance.answering.picking import Picker
from appliance.engines.fake import FakeLlm
from appliance.engines.inline import InlineThread
from appliance.engines.thread import EngineThread

OPTIONS = ("the hours", "parking", "the lift")


def picker(*says: str) -> Picker:
    return Picker(FakeLlm(says), InlineThread())


async def test_an_option_that_is_chosen_in_either_order_is_picked() -> None:
    assert await picker("A", "C").pick("when", OPTIONS) == 0
    assert await picker("B", "B").pick("where", OPTIONS) == 1


async def test_a_choice_that_goes_with_the_place_in_the_list_is_none() -> None:
    assert await picker("A", "A").pick("when", OPTIONS) is None
    assert await picker("C", "C").pick("when", OPTIONS) is None


async def test_what_is_not_sure_is_not_picked() -> None:
    assert await picker().pick("when", OPTIONS) is None


@pytest.mark.parametrize("options", [(), ("one",), ("one", "two", "three", "four", "five")])
async def test_only_two_to_four_can_be_picked_from(options: Sequence[str]) -> None:
    assert await picker("A", "A").pick("when", options) is None


async def test_an_llm_that_fails_picks_nothing() -> None:
    class Broken(FakeLlm):
        def weigh(self, system: str, user: str, answers: Sequence[str]) -> list[float]:
            raise RuntimeError

    assert await Picker(Broken(), InlineThread()).pick("when", OPTIONS) is None


@pytest.fixture
def slow() -> Iterator[tuple[Picker, threading.Event]]:
    go = threading.Event()

    class Slow(FakeLlm):
        def weigh(self, system: str, user: str, answers: Sequence[str]) -> list[float]:
            go.wait(10)
            return super().weigh(system, user, answers)

    thread = EngineThread("slow")
    yield Picker(Slow(("A", "C")), thread), go
    go.set()
    thread.close()


async def test_an_llm_that_takes_long_is_not_waited_for(
    slow: tuple[Picker, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picking, "DEADLINE", 0.05)
    assert await slow[0].pick("when", OPTIONS) is None


async def test_a_caller_who_cuts_in_ends_the_picking(slow: tuple[Picker, threading.Event]) -> None:
    task = asyncio.create_task(slow[0].pick("when", OPTIONS))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
