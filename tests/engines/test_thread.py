from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

from appliance.engines.thread import AHEAD, EngineThread, efforts
from appliance.errors import EngineError
from tests.audio_server import until


@pytest.fixture
def engine() -> Iterator[EngineThread]:
    thread = EngineThread("test")
    yield thread
    thread.close()


class Gate:
    """Work that begins, says so, and waits to be let through."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.open.wait(5)
        return "through"


async def begun(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.begun.wait, 5)


async def test_work_is_done_in_its_own_thread(engine: EngineThread) -> None:
    thread = await engine.run(threading.current_thread)
    assert thread.name == "test"
    assert thread is await engine.run(threading.current_thread)


async def test_work_is_done_in_the_order_asked_for(engine: EngineThread) -> None:
    done: list[int] = []
    await asyncio.gather(*(engine.run(done.append, number) for number in range(100)))
    assert done == list(range(100))


async def test_a_failure_reaches_the_asker_and_the_thread_lives_on(engine: EngineThread) -> None:
    with pytest.raises(ZeroDivisionError):
        await engine.run(lambda: 1 // 0)
    assert await engine.run(lambda: 2) == 2


async def test_the_end_of_an_iterator_is_a_failure_too_and_not_a_hang(engine: EngineThread) -> None:
    nothing: Iterator[int] = iter(())
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(engine.run(next, nothing), 5)


async def test_work_whose_asker_was_cancelled_before_it_began_is_skipped(engine: EngineThread) -> None:
    gate, done = Gate(), []
    first = asyncio.create_task(engine.run(gate))
    await begun(gate)
    second = asyncio.create_task(engine.run(done.append, "second"))
    third = asyncio.create_task(engine.run(done.append, "third"))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.open.set()
    await third
    assert await first == "through"
    assert done == ["third"]


async def test_work_that_has_begun_is_finished_though_nobody_waits(engine: EngineThread) -> None:
    gate = Gate()
    task = asyncio.create_task(engine.run(gate))
    await begun(gate)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.open.set()
    assert await engine.run(lambda: "next") == "next"


async def test_pieces_come_in_order_and_end(engine: EngineThread) -> None:
    assert [piece async for piece in engine.iterate(range, 50)] == list(range(50))  # type: ignore[arg-type]


async def test_an_iterator_without_pieces_ends_at_once(engine: EngineThread) -> None:
    assert [piece async for piece in engine.iterate(lambda: iter(()))] == []


async def test_a_piece_comes_before_the_next_one_is_made(engine: EngineThread) -> None:
    gate = Gate()

    def pieces() -> Iterator[str]:
        yield "first"
        yield gate()

    stream = engine.iterate(pieces)
    assert await anext(stream) == "first"
    gate.open.set()
    assert [piece async for piece in stream] == ["through"]


async def test_a_fast_engine_waits_for_a_slow_reader(engine: EngineThread) -> None:
    made: list[int] = []
    waits = threading.Event()

    def pieces() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if number == AHEAD:
                waits.set()
            yield number

    stream = engine.iterate(pieces)
    assert await anext(stream) == 0
    assert await asyncio.to_thread(waits.wait, 5)
    await asyncio.sleep(0.05)
    assert len(made) <= AHEAD + 2
    assert [piece async for piece in stream] == list(range(1, 100))


class Endless:
    """Pieces without end, and a note of when it was closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __call__(self) -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            self.closed.set()


async def test_closed_early_the_iterator_is_closed_and_the_thread_is_free(engine: EngineThread) -> None:
    endless = Endless()
    stream = engine.iterate(endless)
    assert await anext(stream) == 0
    await stream.aclose()
    assert await asyncio.wait_for(engine.run(lambda: "free"), 5) == "free"
    assert endless.closed.is_set()


async def test_a_cancelled_reader_closes_the_iterator(engine: EngineThread) -> None:
    endless = Endless()
    reading = asyncio.Event()

    async def read() -> None:
        async for _ in engine.iterate(endless):
            reading.set()

    task = asyncio.create_task(read())
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.wait_for(engine.run(endless.closed.is_set), 5)


async def test_an_iterator_whose_reader_left_before_it_began_is_never_made(engine: EngineThread) -> None:
    gate, made = Gate(), []
    first = asyncio.create_task(engine.run(gate))
    await begun(gate)
    reader = asyncio.create_task(anext(engine.iterate(lambda: iter(made.append(1) or ()))))  # type: ignore[func-returns-value]
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    gate.open.set()
    await first
    await engine.run(lambda: None)
    assert made == []


async def test_a_failure_between_pieces_comes_after_them(engine: EngineThread) -> None:
    def pieces() -> Iterator[str]:
        yield "one"
        yield "two"
        raise EngineError("the engine is out of breath")

    stream = engine.iterate(pieces)
    assert [await anext(stream), await anext(stream)] == ["one", "two"]
    with pytest.raises(EngineError, match="breath"):
        await anext(stream)


async def test_a_failure_before_the_first_piece_is_told(engine: EngineThread) -> None:
    def broken() -> Iterator[str]:
        raise EngineError("nothing to read")

    with pytest.raises(EngineError, match="nothing"):
        await asyncio.wait_for(anext(engine.iterate(broken)), 5)
    assert await engine.run(lambda: "alive") == "alive"


async def test_a_failure_that_nobody_waits_for_is_not_complained_of(engine: EngineThread) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    def pieces() -> Iterator[str]:
        yield "one"
        raise EngineError("too late")

    stream = engine.iterate(pieces)
    assert await anext(stream) == "one"
    await engine.run(lambda: None)
    await stream.aclose()
    del stream
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


def test_close_ends_the_thread_and_may_be_repeated() -> None:
    engine = EngineThread("short-lived")
    assert "short-lived" in {thread.name for thread in threading.enumerate()}
    engine.close()
    engine.close()
    assert "short-lived" not in {thread.name for thread in threading.enumerate()}


async def test_close_does_not_wait_for_what_was_not_begun() -> None:
    engine, gate, done = EngineThread("busy"), Gate(), []
    first = asyncio.create_task(engine.run(gate))
    await begun(gate)
    second = asyncio.create_task(engine.run(done.append, 1))
    await asyncio.sleep(0)
    engine.close(timeout=0)
    gate.open.set()
    assert await first == "through"
    with pytest.raises(EngineError, match="stopped"):
        await asyncio.wait_for(second, 5)
    engine.close()
    assert done == []


async def test_a_closed_engine_says_so() -> None:
    engine = EngineThread("gone")
    engine.close()
    with pytest.raises(EngineError, match="stopped"):
        await asyncio.wait_for(engine.run(lambda: 1), 5)


async def test_who_works_can_be_told_from_who_waits() -> None:
    busy, waiting = EngineThread("works hard"), EngineThread("waits")
    free = threading.Event()

    def work() -> None:
        while not free.is_set():
            sum(range(10_000))

    working = [asyncio.create_task(busy.run(work)), asyncio.create_task(waiting.run(free.wait))]
    try:
        await until(lambda: busy.began and waiting.began)
        await asyncio.sleep(0.3)  # Until it does wait.
        before = efforts()
        await until(lambda: efforts()["works hard"] > before["works hard"])
        assert efforts()["waits"] == before["waits"]
        assert busy.began
        assert waiting.began
    finally:
        free.set()
        await asyncio.gather(*working)
        busy.close()
        waiting.close()
    assert busy.began is None


async def test_threads_that_an_engine_makes_count_as_its_own(engine: EngineThread) -> None:
    free = threading.Event()

    def work() -> None:
        while not free.is_set():
            sum(range(10_000))

    made = threading.Thread(target=work)
    await engine.run(made.start)
    before = efforts()
    await until(lambda: efforts()["test"] > before["test"])
    free.set()
    made.join()


async def test_who_waits_for_a_reader_says_so(engine: EngineThread) -> None:
    reading = engine.iterate(lambda: iter(range(AHEAD + 3)))
    assert await anext(reading) == 0
    await until(lambda: engine.done == AHEAD + 1)
    assert engine.awaits
    await reading.aclose()
    await engine.run(int)
    assert not engine.awaits
