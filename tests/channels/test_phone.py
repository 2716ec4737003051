"""A telephone call keeps its own time: nothing that the line does moves it."""

from __future__ import annotations

import asyncio
import random
import wave
from pathlib import Path

import numpy as np
import pytest

from appliance.bench.turns.clock import run_scripted
from appliance.channels.phone import FULL, PhoneCall, loudness
from appliance.errors import DeviceError
from appliance.messages import FRAME, FRAME_BYTES, RATE, Audio
from appliance.observe.recorder import Recorder
from tests.desk import voice


class Wire:
    """A leg that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.hung_up = 0

    def send(self, pcm: bytes) -> None:
        self.sent.append(pcm)

    def press(self, keys: str) -> None:
        self.pressed = keys

    async def transfer(self, to: str, patience: float) -> None:
        raise DeviceError("this wire hands nothing over")

    async def hang_up(self) -> None:
        self.hung_up += 1


async def frames(call: PhoneCall, count: int) -> list[Audio]:
    got: list[Audio] = []
    async for frame in call.microphone():
        got.append(frame)
        if len(got) == count:
            break
    return got


async def test_nobody_is_kept_waiting_by_a_caller_who_is_gone() -> None:
    call = PhoneCall(Wire(), "sip")
    try:
        await frames(call, 1)
        talking = asyncio.create_task(call.playout.write(voice(5.0)))
        await frames(call, 1)
        call.ended()
        async with asyncio.timeout(4):
            await talking
            await call.playout.write(voice(5.0))
            await call.playout.drain()
        assert call.over
    finally:
        await call.hang_up()


async def test_the_clock_goes_on_whether_sound_comes_or_not() -> None:
    call = PhoneCall(Wire(), "gsm")
    try:
        call.push(voice(0.1))
        got = await frames(call, 20)
        assert [frame.at for frame in got] == [FRAME * number for number in range(20)]
        assert all(len(frame.pcm) == FRAME_BYTES for frame in got)
        heard = [frame for frame in got if loudness(frame.pcm) > 1000 and not frame.concealed]
        assert len(heard) == 5
        assert got[0] is heard[0]
        assert all(frame.concealed for frame in got[5:])
    finally:
        await call.hang_up()


async def test_what_is_lost_dies_away_and_does_not_click() -> None:
    call = PhoneCall(Wire(), "gsm")
    try:
        call.push(voice(0.1))
        got = await frames(call, 12)
        sound = np.frombuffer(b"".join(frame.pcm for frame in got), dtype="<i2").astype(int)
        assert np.abs(np.diff(sound)).max() < 1600
        loud = [loudness(frame.pcm) for frame in got[5:]]
        assert loud[0] > loud[2] > loud[4] >= 0
        assert loud[6] == 0
    finally:
        await call.hang_up()


async def test_a_burst_is_no_reason_to_hear_everything_later() -> None:
    call = PhoneCall(Wire(), "gsm")
    try:
        call.push(voice(2.0))
        assert call.dropped == 100 - FULL
        for _ in range(120):
            call.push(bytes(FRAME_BYTES))
            await asyncio.sleep(0.02)
        assert len(call._waiting) <= 2
    finally:
        await call.hang_up()


@pytest.mark.parametrize("size", [1, 7, 320, 641, 5000])
async def test_however_the_sound_is_cut_up_it_is_the_same(size: int) -> None:
    call = PhoneCall(Wire(), "gsm")
    try:
        sound = voice(0.2)
        for at in range(0, len(sound), size):
            call.push(sound[at : at + size])
        got = await frames(call, 10)
        assert b"".join(frame.pcm for frame in got) == sound
    finally:
        await call.hang_up()


async def test_the_other_side_gets_a_frame_every_20_ms_and_what_was_played_is_told() -> None:
    wire = Wire()
    told: list[Audio] = []
    call = PhoneCall(wire, "gsm")
    call.playout.on_played = told.append
    try:
        await call.playout.write(voice(0.1))
        await asyncio.wait_for(call.playout.drain(), 2)
        await frames(call, 12)
        assert b"".join(audio.pcm for audio in told) == voice(0.1)
        assert all(len(pcm) == FRAME_BYTES for pcm in wire.sent)
        assert voice(0.1) in b"".join(wire.sent)
    finally:
        await call.hang_up()


async def test_hanging_up_ends_the_microphone_and_frees_who_waits_for_the_playout() -> None:
    wire = Wire()
    call = PhoneCall(wire, "gsm")
    await call.playout.write(voice(0.4))
    waiting = asyncio.create_task(call.playout.drain())
    await call.hang_up()
    await call.hang_up()
    await asyncio.wait_for(waiting, 10)
    assert wire.hung_up == 2
    async with asyncio.timeout(10):
        rest = [frame async for frame in call.microphone()]
    assert len(rest) <= 3


async def test_a_desk_that_does_not_listen_loses_the_oldest() -> None:
    call = PhoneCall(Wire(), "gsm")
    try:
        await asyncio.sleep(0.1)
        for _ in range(150):
            call._tell(Audio(bytes(FRAME_BYTES), 0))
        assert call.dropped >= 50
    finally:
        await call.hang_up()


@pytest.mark.parametrize("lasting", [120.0, pytest.param(3600.0, marks=pytest.mark.slow)])
def test_a_recording_is_as_long_as_its_call_through_loss_and_jitter_and_a_clock_that_is_off(
    tmp_path: Path, lasting: float
) -> None:
    """Scripted time; the other side's clock is 200 millionths fast, a tenth of its sound never comes."""
    path, chance = tmp_path / "call.wav", random.Random(1)

    async def hour() -> float:
        call, recorder = PhoneCall(Wire(), "sip"), Recorder(path)
        loop = asyncio.get_running_loop()
        sound = voice(0.02)

        async def other_side() -> None:
            while True:
                if chance.random() > 0.1:
                    loop.call_later(chance.random() * 0.06, call.push, sound)
                await asyncio.sleep(0.02 * (1 - 200e-6))

        talking = asyncio.create_task(other_side())
        began: float | None = None
        async for frame in call.microphone():
            began = loop.time() if began is None else began
            recorder.caller(frame)
            if loop.time() - began >= lasting:
                break
        talking.cancel()
        recorder.close()
        await call.hang_up()
        return loop.time() - began if began is not None else 0.0

    lasted = run_scripted(hour())
    with wave.open(str(path)) as file:
        assert file.getnframes() / RATE == pytest.approx(lasted, abs=0.0201)
