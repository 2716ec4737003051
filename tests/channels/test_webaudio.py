"""Sound to and from a browser's clock."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.channels.playout import Playout
from appliance.channels.webaudio import GAP, LEAD, Incoming, Outgoing
from appliance.messages import FRAME, RATE, Audio
from tests.channels.browser import Worklet, pitch, tone

rates = st.sampled_from([8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 192000])


def packets(pcm: bytes, count: int) -> list[tuple[int, bytes]]:
    return [(at, pcm[2 * at : 2 * (at + count)]) for at in range(0, len(pcm) // 2, count)]


@settings(deadline=None, max_examples=30)
@given(rate=rates, count=st.integers(100, 5000))
def test_a_microphone_of_any_rate_comes_in_frames_without_gaps(rate: int, count: int) -> None:
    incoming = Incoming(rate)
    frames = [frame for at, pcm in packets(tone(440, 1.0, rate), count) for frame in incoming.push(at, pcm)]
    assert [frame.at for frame in frames] == list(range(0, FRAME * len(frames), FRAME))
    assert all(len(frame.pcm) == 2 * FRAME and not frame.concealed for frame in frames)
    assert incoming.clock == RATE
    assert RATE - frames[-1].end < 0.2 * RATE
    assert pitch(b"".join(frame.pcm for frame in frames), RATE) == pytest.approx(440, abs=5)


def test_lost_packets_become_concealed_silence_and_the_clock_goes_on() -> None:
    incoming = Incoming(48_000)
    sent = [packet for packet in packets(tone(440, 2.0, 48_000), 960) if not 48_000 <= packet[0] < 72_000]
    frames = [frame for at, pcm in sent for frame in incoming.push(at, pcm)]
    concealed = [frame for frame in frames if frame.concealed]
    assert concealed[0].at == RATE
    assert concealed[-1].end == RATE * 3 // 2
    assert len(concealed) == 25
    assert incoming.concealed == RATE // 2
    middle = np.frombuffer(concealed[12].pcm, dtype="<i2")
    assert np.abs(middle).max() <= 1
    assert incoming.clock == 2 * RATE


@pytest.mark.parametrize("at", [100, 959, 960 + GAP * 48_000 + 1, 2**63])
def test_a_clock_that_runs_backwards_or_leaps_is_a_lie(at: int) -> None:
    incoming = Incoming(48_000)
    incoming.push(0, bytes(1920))
    with pytest.raises(ValueError, match="a clock that jumps"):
        incoming.push(at, bytes(1920))


@pytest.mark.parametrize("rate", [0, -1, 7999, 192_001, 10**9])
def test_no_browser_has_such_a_rate(rate: int) -> None:
    with pytest.raises(ValueError, match="rate"):
        Incoming(rate)


class Line:
    """A playout, its outgoing side and a worklet, with a network between them that is `lag` packets long."""

    def __init__(self, rate: int, lag: int = 0) -> None:
        self.heard: list[Audio] = []
        self.playout = Playout(self.heard.append)
        self.outgoing = Outgoing(rate, self.playout)
        self.worklet = Worklet(rate)
        self.playout.on_cut = self.cut
        self.lag = lag
        self.sent: deque[tuple[int, bytes | None]] = deque()
        self.now = 0

    async def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.arrive()
            _, played, until = self.worklet.tick()
            self.outgoing.played(played, until)
            self.send(self.outgoing.fill())
            self.now += 1
            await asyncio.sleep(0)

    def cut(self) -> None:
        if self.outgoing.cut():
            self.send(None)

    def send(self, sound: bytes | None) -> None:
        """Sound, or None for a cut."""
        self.sent.append((self.now + self.lag, sound))
        self.arrive()

    def arrive(self) -> None:
        while self.sent and self.sent[0][0] <= self.now:
            _, sound = self.sent.popleft()
            if sound is None:
                self.outgoing.was_cut(self.worklet.cut())
            else:
                self.worklet.queue += sound

    def say(self, pcm: bytes) -> asyncio.Task[None]:
        async def say() -> None:
            await self.playout.write(pcm)
            await self.playout.drain()

        return asyncio.create_task(say())

    @property
    def account(self) -> bytes:
        return b"".join(audio.pcm for audio in self.heard)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000, 192000])
async def test_what_was_played_is_accounted_for_to_the_sample(rate: int) -> None:
    line = Line(rate)
    said = tone(440, 1.234)
    saying = line.say(said)
    await asyncio.sleep(0)
    await line.tick(80)
    assert saying.done()
    assert line.account == said
    assert pitch(line.worklet.sound, rate) == pytest.approx(440, abs=5)
    assert abs(len(line.worklet.sound) / 2 / rate - 1.234) < 0.002
    assert line.outgoing.underruns == 0
    began = line.worklet.played[0][0] / rate
    assert abs(line.heard[0].at / RATE - began) < 0.002
    assert all(one.end <= two.at + 2 for one, two in zip(line.heard, line.heard[1:], strict=False))


async def test_the_browser_holds_no_more_than_the_lead() -> None:
    line = Line(48_000)
    saying = line.say(tone(440, 3))
    held = 0
    for _ in range(100):
        await line.tick()
        held = max(held, len(line.worklet.queue) // 2)
    assert 0.05 * 48_000 < held <= LEAD * 48_000
    saying.cancel()


async def test_a_cut_is_heard_at_once_and_what_was_not_heard_is_not_in_the_account() -> None:
    line = Line(48_000)
    saying = line.say(tone(440, 3))
    await line.tick(50)
    saying.cancel()
    line.playout.cut()
    before = line.worklet.total
    await line.tick(10)
    assert line.worklet.total - before == 240  # the fade, 5 ms
    assert abs(len(line.account) / 2 / RATE - line.worklet.total / 48_000) < 0.001
    await asyncio.wait_for(line.playout.drain(), 10)


@pytest.mark.parametrize("lag", [0, 2])
async def test_an_answer_that_follows_a_cut_is_whole(lag: int) -> None:
    line = Line(44_100, lag)
    first = line.say(tone(440, 3))
    await line.tick(20)
    first.cancel()
    line.playout.cut()
    await asyncio.sleep(0)
    cut = len(line.account)
    second = tone(1200, 0.5)
    saying = line.say(second)
    await line.tick(40)
    assert saying.done()
    assert line.account[-len(second) :] == second
    assert len(line.account) - len(second) - cut <= 2 * RATE // 10


@settings(deadline=None, max_examples=60)
@given(
    rate=rates,
    lag=st.integers(0, 3),
    doings=st.lists(st.one_of(st.integers(1, 9000), st.just("cut"), st.just("tick")), max_size=60),
)
def test_nothing_is_ever_lost_from_the_account(rate: int, lag: int, doings: list[Any]) -> None:
    """However it is written and cut, the account ends even, and agrees with what the browser played."""

    async def script() -> None:
        line = Line(rate, lag)
        writing = []
        for doing in doings:
            if doing == "cut":
                for task in writing:
                    task.cancel()
                line.playout.cut()
            elif doing == "tick":
                await line.tick()
            else:
                writing.append(asyncio.create_task(line.playout.write(tone(440, doing / RATE))))
                await asyncio.sleep(0)
        for _ in range(400):
            await line.tick()
        await asyncio.wait_for(line.playout.drain(), 10)
        assert line.outgoing.ahead == 0
        played = line.worklet.total / rate
        cuts = 1 + doings.count("cut")
        assert abs(len(line.account) / 2 / RATE - played) <= 0.002 * cuts * 3

    asyncio.run(script())


async def test_a_browser_cannot_claim_what_it_was_not_sent() -> None:
    line = Line(48_000)
    line.say(tone(440, 1))
    await line.tick(3)
    with pytest.raises(ValueError, match="played of"):
        line.outgoing.played(10**9, 0)
    with pytest.raises(ValueError, match="played of"):
        line.outgoing.played(0, 0)
    with pytest.raises(ValueError, match="not asked for"):
        line.outgoing.was_cut(0)
    line.outgoing.cut()
    with pytest.raises(ValueError, match="a cut of"):
        line.outgoing.was_cut(10**6)


async def test_who_waits_for_a_browser_that_left_waits_no_longer() -> None:
    line = Line(48_000)
    saying = line.say(tone(440, 0.6))
    await line.tick(3)
    assert not saying.done()
    line.outgoing.abandon()
    await asyncio.wait_for(saying, 10)
