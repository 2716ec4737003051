from __future__ import annotations

import asyncio
import random
import threading
import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from appliance.channels.playout import DEPTH, FADE, Playout
from appliance.messages import FRAME, RATE, Audio


def tone(count: int, level: int = 8000) -> bytes:
    return (np.sin(np.arange(count) * 2 * np.pi * 440 / RATE) * level).astype("<i2").tobytes()


async def settled() -> None:
    """Let everything that other threads have handed to the loop happen."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_is_written_is_pulled_in_order_and_told_when_played() -> None:
    heard: list[Audio] = []
    playout = Playout(heard.append)
    sound = tone(1000)
    await playout.write(sound[:700])
    await playout.write(sound[700:])
    first, rest = playout.pull(FRAME), playout.pull(10_000)
    assert first + rest == sound
    assert playout.pull(FRAME) == b""
    playout.played(first, at=5000)
    playout.played(rest, at=5000 + FRAME)
    await settled()
    assert heard == [Audio(first, 5000), Audio(rest, 5000 + FRAME)]


async def test_a_writer_waits_while_too_much_is_queued() -> None:
    playout = Playout()
    writing = asyncio.create_task(playout.write(tone(DEPTH + 2 * FRAME)))
    await settled()
    assert not writing.done()
    playout.played(playout.pull(FRAME), 0)
    await settled()
    assert not writing.done()
    playout.played(playout.pull(FRAME), FRAME)
    await settled()
    assert writing.done()


async def test_drain_waits_for_what_the_device_holds_too() -> None:
    playout = Playout()
    await playout.write(tone(FRAME))
    draining = asyncio.create_task(playout.drain())
    pcm = playout.pull(FRAME)
    await settled()
    assert not draining.done()
    playout.played(pcm, 0)
    await settled()
    assert draining.done()


async def test_drain_ends_when_the_device_drops_what_it_held() -> None:
    heard: list[Audio] = []
    playout = Playout(heard.append)
    await playout.write(tone(FRAME))
    draining = asyncio.create_task(playout.drain())
    playout.pull(FRAME)
    playout.dropped(FRAME)
    await settled()
    assert draining.done()
    assert heard == []


async def test_a_cut_sound_fades_within_five_milliseconds() -> None:
    playout = Playout()
    await playout.write(np.full(4000, 10_000, dtype="<i2").tobytes())
    playout.pull(FRAME)
    playout.cut()
    rest = np.frombuffer(playout.pull(4000), dtype="<i2")
    assert len(rest) == FADE
    assert rest[0] == 10_000
    assert rest[-1] == 0
    assert np.all(np.diff(rest) <= 0)


async def test_a_cut_frees_a_writer_though_nothing_more_is_played() -> None:
    playout = Playout()
    writing = asyncio.create_task(playout.write(tone(2 * DEPTH)))
    await settled()
    playout.cut()
    await settled()
    assert writing.done()


async def test_a_listener_that_fails_does_not_hold_up_the_mouth() -> None:
    def broken(_: Audio) -> None:
        raise RuntimeError("listener")

    playout = Playout(broken)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    await playout.write(tone(FRAME))
    playout.played(playout.pull(FRAME), 0)
    await asyncio.wait_for(playout.drain(), 1)


@given(
    pieces=st.lists(st.integers(0, 3000), max_size=20),
    pulls=st.lists(st.integers(0, 900), min_size=1, max_size=40),
    cut_after=st.integers(0, 40),
)
def test_every_sample_pulled_is_accounted_for(pieces: list[int], pulls: list[int], cut_after: int) -> None:
    async def play() -> None:
        heard: list[Audio] = []
        playout = Playout(heard.append)
        written, pulled, clock = tone(sum(pieces)), b"", 0
        writers, start = [], 0
        for piece in pieces:
            writers.append(asyncio.create_task(playout.write(written[2 * start : 2 * (start + piece)])))
            start += piece
        await settled()
        for number, count in enumerate(pulls):
            if number == cut_after:
                playout.cut()
            pcm = playout.pull(count)
            if pcm:
                playout.played(pcm, clock)
                clock += len(pcm) // 2
                pulled += pcm
        await settled()
        assert b"".join(audio.pcm for audio in heard) == pulled
        whole = len(pulled) if cut_after >= len(pulls) else sum(pulls[:cut_after]) * 2
        assert written.startswith(pulled[:whole])
        for writer in writers:
            writer.cancel()

    asyncio.run(play())


async def test_a_device_thread_and_a_mouth_that_hammer_it_lose_nothing() -> None:
    """One thread pulls as fast as it can while the mouth writes and cuts."""
    heard: list[Audio] = []
    playout = Playout(heard.append)
    stop = threading.Event()
    taken: list[bytes] = []

    def device() -> None:
        choose, clock = random.Random(1), 0
        while not stop.is_set():
            pcm = playout.pull(choose.randrange(1, 700))
            if pcm:
                taken.append(pcm)
                if choose.random() < 0.1:
                    playout.dropped(len(pcm) // 2)
                else:
                    playout.played(pcm, clock)
                clock += len(pcm) // 2
            time.sleep(0)

    thread = threading.Thread(target=device)
    thread.start()
    try:
        choose = random.Random(2)
        for number in range(400):
            await playout.write(tone(choose.randrange(1, 2000)))
            if number % 23 == 0:
                playout.cut()
        await asyncio.wait_for(playout.drain(), 10)
    finally:
        stop.set()
        thread.join()
    await settled()
    assert playout.queued == 0
    told = [audio.pcm for audio in heard]
    remaining = iter(taken)
    assert told
    assert all(pcm in remaining for pcm in told), "told in another order than played"
