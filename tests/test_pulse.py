"""The watchdog is fed for as long as a call can be answered, and no longer."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import models, pulse
from appliance.app import App
from appliance.config import SHIPPED, Box, DeskFile, Engine, Fact, read_box
from appliance.memory.store import Store
from appliance.messages import FRAME, RATE, Heard, Notice, Spoken, Turn
from appliance.pulse import Pulse, Unwell, answers, hears, threads
from appliance.serving import capacity
from appliance.system.notify import Manager
from appliance.voice import Voice
from tests.audio_server import until
from tests.test_app import ENGINES, VOICE

DESK = DeskFile("Alder House", fact={"hours": Fact(("when are you open",), "From nine to five.")})


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[App]:
    async with App(Box(folder / "data", engines=replace(ENGINES, llm=Engine("none"))), DESK) as app:
        yield app


@asynccontextmanager
async def stuck(app: App, name: str) -> AsyncIterator[threading.Event]:
    """Meanwhile a thread is held up by a piece of work that does not end."""
    free = threading.Event()
    work = asyncio.create_task(threads(app)[name].run(free.wait))
    await asyncio.sleep(0)
    try:
        yield free
    finally:
        free.set()
        await work


@asynccontextmanager
async def hearing(folder: Path) -> AsyncIterator[App]:
    """One that is to be tried by sound."""
    async with App(Box(folder / "data", engines=VOICE), DESK) as app:
        real = Engine("whisper", "whisper-tiny.en")
        app.box = replace(app.box, engines=replace(app.box.engines, asr=real))
        yield app


def nobody() -> Voice:
    """Somebody of whom nothing but that they are there counts."""
    return object()  # type: ignore[return-value]


class Listener:
    """A service manager that only listens."""

    def __init__(self, folder: Path, watchdog: float) -> None:
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wire.bind(str(folder / "notify"))
        self._wire.setblocking(False)
        environment = {
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": str(int(watchdog * 1e6)),
            "STATE_DIRECTORY": str(folder),
        }
        self.manager = Manager(environment)

    async def told(self) -> str:
        return (await asyncio.get_running_loop().sock_recv(self._wire, 4096)).decode()

    def close(self) -> None:
        self._wire.close()


@pytest.fixture
def listener(tmp_path: Path) -> Listener:
    return Listener(tmp_path, watchdog=2.0)


async def test_the_desk_is_ready_once_a_call_was_answered_and_feeds_from_then_on(
    tmp_path: Path, listener: Listener
) -> None:
    async with desk(tmp_path) as app:
        beating = asyncio.create_task(Pulse(app, listener.manager).beat())
        async with asyncio.timeout(10):
            assert await listener.told() == "READY=1"
            assert await listener.told() == "WATCHDOG=1\nSTATUS=answering"
            assert await listener.told() == "WATCHDOG=1\nSTATUS=answering"
        beating.cancel()
    listener.close()


async def test_a_thread_that_hangs_ends_the_feeding_until_it_is_free(
    tmp_path: Path, listener: Listener
) -> None:
    async with desk(tmp_path) as app:
        pulse = Pulse(app, listener.manager)
        assert not pulse.answering
        beating = asyncio.create_task(pulse.beat())
        async with asyncio.timeout(20):
            while "WATCHDOG" not in await listener.told():
                pass
            assert pulse.answering
            async with stuck(app, "embed"):
                while (told := await listener.told()).startswith("WATCHDOG"):
                    pass
                assert told == "STATUS=does not answer: the embed thread hangs"
                assert not pulse.answering
            while "WATCHDOG" not in await listener.told():
                pass
            assert pulse.answering
        beating.cancel()
    listener.close()


async def test_it_says_which_part_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path) as app:
        await answers(app, 10.0)
        async with stuck(app, "memory"):
            with pytest.raises(Unwell, match="the memory thread hangs"):
                await answers(app, 0.2)

        async def silent(*_: object) -> None:
            """A desk that takes a call and says nothing."""

        monkeypatch.setattr(app, "chat", silent)
        with pytest.raises(Unwell, match="got no answer"):
            await answers(app, 10.0)


async def test_a_thread_that_has_much_to_do_is_not_taken_for_one_that_hangs(tmp_path: Path) -> None:
    async with App(Box(tmp_path / "data", engines=VOICE), DESK) as app:
        some, all_of_it = threading.Event(), threading.Event()
        work = [asyncio.create_task(threads(app)["asr"].run(free.wait)) for free in (some, all_of_it)]
        asyncio.get_running_loop().call_later(0.1, some.set)
        try:
            await answers(app, 1.0)
            with pytest.raises(Unwell, match="the asr thread hangs"):
                await answers(app, 0.2)
        finally:
            all_of_it.set()
            await asyncio.wait(work)


async def test_a_conversation_that_a_thread_left_no_time_is_not_taken_for_one_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as app:

        async def for_ever(*_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(app, "chat", for_ever)
        with pytest.raises(Unwell, match="the conversation hangs"):
            await answers(app, 0.5)
        async with stuck(app, "embed") as free:  # It comes free just before the time is up.
            asyncio.get_running_loop().call_later(0.4, free.set)
            assert "embed thread has just had much to do" in await answers(app, 0.5)
        later = threading.Event()

        async def behind(*_: object) -> None:
            await threads(app)["embed"].run(later.wait)

        monkeypatch.setattr(app, "chat", behind)
        try:  # It has come to ours, and then to something long.
            assert "embed thread has just had much to do" in await answers(app, 0.5)
            with pytest.raises(Unwell, match="the embed thread hangs"):
                await answers(app, 0.5)
        finally:
            later.set()


async def test_one_long_piece_of_work_that_gets_on_is_let_finish_and_one_that_does_not_end_is_not(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a big file that is written anew: who is killed over it begins it again."""
    free = threading.Event()

    def work() -> None:
        while not free.is_set():
            sum(range(10_000))

    async with desk(tmp_path) as app:
        beating = asyncio.create_task(Pulse(app, listener.manager).beat())
        try:
            async with asyncio.timeout(20):
                while "WATCHDOG" not in await listener.told():
                    pass
                working = asyncio.create_task(app.place.memory.run(work))
                while "answers late" not in (told := await listener.told()):
                    assert "does not answer" not in told
                assert told.startswith("WATCHDOG=1\nSTATUS=answers late: the memory thread has much to do")
                monkeypatch.setattr(pulse, "LONGEST", 0.5)
                while (told := await listener.told()).startswith("WATCHDOG"):
                    pass
                assert told == "STATUS=does not answer: the memory thread hangs"
        finally:
            free.set()
        await working
        beating.cancel()
    listener.close()


async def test_a_desk_that_is_slow_from_the_start_is_not_ready(tmp_path: Path, listener: Listener) -> None:
    free = threading.Event()

    def work() -> None:
        while not free.is_set():
            sum(range(10_000))

    async with desk(tmp_path) as app:
        working = asyncio.create_task(app.place.memory.run(work))
        await asyncio.sleep(0)
        assert "much to do" in await answers(app, 2.0)
        beating = asyncio.create_task(Pulse(app, listener.manager).beat())
        asyncio.get_running_loop().call_later(0.5, free.set)
        async with asyncio.timeout(20):
            assert await listener.told() == "READY=1"
        assert free.is_set()
        await working
        beating.cancel()
    listener.close()


async def test_the_desk_that_tries_itself_takes_nobodys_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as app:
        seen = []
        notice = pulse._Caller.notice

        def look(self: pulse._Caller, what: Notice) -> None:
            seen.append((app.calls, app.room))
            notice(self, what)

        monkeypatch.setattr(pulse._Caller, "notice", look)
        await answers(app, 10.0)
        assert set(seen) == {(0, capacity.MOST)}


async def test_a_file_that_cannot_be_read_is_no_desk_that_answers(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        app.place.store.close()
        with pytest.raises(Unwell, match="the file of what is kept failed"):
            await answers(app, 10.0)


async def test_what_the_scripted_caller_says_is_kept_nowhere(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        await answers(app, 10.0)
        store: Store = app.place.store
        for table in ("event", "unanswered", "message"):
            assert store.read(f"select count(*) from {table}") == [(0,)]


async def test_a_box_that_stays_well_for_long_counts_as_mended(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "STEADY", 0.5)
    mark = tmp_path / pulse.REBOOTED
    mark.touch()
    async with desk(tmp_path) as app:
        beating = asyncio.create_task(Pulse(app, listener.manager).beat())
        async with asyncio.timeout(10):
            while "WATCHDOG" not in await listener.told():
                pass
            assert mark.exists()
            await until(lambda: not mark.exists())
        beating.cancel()
    listener.close()


REAL = ("whisper-tiny.en", "silero-vad", "piper-en_US-joe-medium")


@pytest.mark.skipif(not all((models.ROOT / name).is_dir() for name in REAL), reason="the models are not here")
@pytest.mark.slow
async def test_a_desk_that_hears_is_told_from_one_that_is_deaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, _ = read_box(SHIPPED / "box.toml")
    none = Engine("none")
    engines = replace(box.engines, llm=none, embed=Engine("words"), wake=none, echo=none, eot=none)
    async with App(replace(box, data=tmp_path, engines=engines), DESK) as app:
        await hears(app, 60.0)
        asr, _ = app.engine("asr")

        def broken(*_: object) -> None:
            raise RuntimeError("could not create a primitive")

        monkeypatch.setattr(asr, "transcribe", broken)
        with pytest.raises(Unwell, match="does not hear"):
            await hears(app, 40.0)


async def test_a_desk_that_is_found_deaf_twice_is_not_fed(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def deaf(*_: object) -> None:
        tried.append(True)
        raise Unwell("the desk does not hear what is said to it")

    monkeypatch.setattr(pulse, "hears", deaf)
    monkeypatch.setattr(pulse, "AGAIN", 0.05)
    async with hearing(tmp_path) as app:
        beating = asyncio.create_task(Pulse(app, listener.manager).beat())
        async with asyncio.timeout(10):
            while not (await listener.told()).startswith("STATUS=does not answer: the desk does not hear"):
                pass
        assert len(tried) >= 2
        beating.cancel()
    listener.close()


async def test_who_is_heard_proves_that_the_desk_is_not_deaf(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf(*_: object) -> None:
        raise Unwell("the desk does not hear what is said to it")

    monkeypatch.setattr(pulse, "hears", deaf)
    monkeypatch.setattr(pulse, "AGAIN", 0.05)
    async with hearing(tmp_path) as app:
        beating = asyncio.create_task(Pulse(app, listener.manager).beat())
        async with asyncio.timeout(10):
            while not (await listener.told()).startswith("STATUS=does not answer"):
                pass
            with app.leave.talking(nobody()):  # The desk is not tried while somebody talks.
                app.heard += 1
                while not (await listener.told()).startswith("WATCHDOG"):
                    pass
        beating.cancel()
    listener.close()


async def test_a_call_by_sound_gives_way_to_whoever_calls(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, given_up = asyncio.Event(), asyncio.Event()

    async def long(*_: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    monkeypatch.setattr(pulse, "hears", long)
    async with hearing(tmp_path) as app:
        beating = asyncio.create_task(Pulse(app, listener.manager).beat())
        async with asyncio.timeout(10):
            await begun.wait()
            with app.leave.talking(nobody()):
                await given_up.wait()
                begun.clear()
            await begun.wait()
        beating.cancel()
    listener.close()


def quiet_at_the_end(frames: list[bytes]) -> float:
    """Seconds."""
    last = max(number for number, pcm in enumerate(frames) if any(pcm))
    return (len(frames) - 1 - last) * FRAME / RATE


async def test_its_caller_waits_for_a_slow_box_and_not_for_a_quick_one() -> None:
    slow, quick = pulse._Speaker(pace=False), pulse._Speaker(pace=False)
    for caller in (slow, quick):
        await caller.playout.write(b"\1\0" * FRAME)  # The greeting.
    assert quiet_at_the_end([frame.pcm async for frame in slow.microphone()]) > pulse.PATIENT - 0.1
    frames = []
    async for frame in quick.microphone():
        frames.append(frame.pcm)
        if len(frames) * FRAME > 10 * RATE:
            quick.notice(Turn("pulse", 2, Heard("hello", 0, 0, 0, 0), spoken=Spoken("Good morning.")))
    assert len(frames) * FRAME <= 11 * RATE
    assert quick.heard
