"""Whole calls by the simulated modem: sound goes both ways, and nothing that it does leaves a call behind."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from appliance.channels import AudioChannel, Call
from appliance.channels.answered import AnswerListener
from appliance.channels.exchange import CallFailed, Unreached
from appliance.channels.gsm.firmware import Fault
from appliance.channels.gsm.line import GsmLine
from appliance.channels.gsm.pdu import Sms
from appliance.channels.gsm.replies import ACTIVE
from appliance.channels.gsm.simulator import Simulator
from appliance.channels.phone import PhoneCall, loudness
from appliance.engines.resample import resample
from appliance.messages import RATE, Audio
from appliance.phone.outbound import _listen
from tests.audio_server import until
from tests.channels.test_answered import speech
from tests.desk import voice


class Echo:
    """A desk that says everything again, a second later."""

    def __init__(self) -> None:
        self.calls: list[PhoneCall] = []
        self.heard = bytearray()
        self.keys = ""
        self.ended = 0

    async def talk(self, channel: AudioChannel) -> None:
        assert isinstance(channel, PhoneCall)
        self.calls.append(channel)
        try:
            async for frame in channel.microphone():
                self.heard += frame.pcm
                self.keys += frame.keys
                await channel.playout.write(frame.pcm)
        finally:
            self.ended += 1

    async def chat(self, call: Call) -> None:
        raise AssertionError


@asynccontextmanager
async def desk(
    kind: str = "simcom", faults: set[Fault] | None = None
) -> AsyncIterator[tuple[Simulator, GsmLine, Echo, list[Sms]]]:
    simulator = Simulator(kind, faults)
    texts: list[Sms] = []
    simulator.plug_in()
    line, echo = GsmLine(simulator.found, texted=texts.append), Echo()
    serving = asyncio.create_task(line.serve(echo))
    try:
        await until(lambda: line.state[0])
        yield simulator, line, echo, texts
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        simulator.close()


def loud(pcm: bytes, rate: int) -> float:
    """Seconds of `pcm` that sound."""
    size = rate // 50 * 2
    return sum(loudness(pcm[at : at + size]) > 500 for at in range(0, len(pcm), size)) / 50


@pytest.mark.parametrize("kind", ["simcom", "quectel", "huawei"])
async def test_a_caller_is_heard_and_hears(kind: str) -> None:
    async with desk(kind) as (simulator, _, echo, _):
        simulator.ring("+15550142")
        await until(lambda: echo.calls)
        assert echo.calls[0].caller == "+15550142"
        simulator.say(resample(voice(1.0), RATE, to=8000))
        await until(lambda: loud(bytes(echo.heard), RATE) > 0.9)
        await asyncio.sleep(0.4)
        assert loud(simulator.hear(), 8000) == pytest.approx(1.0, abs=0.1)
        simulator.hang_up()
        await until(lambda: echo.ended == 1)
        assert echo.calls[0].dropped == 0


async def test_a_modem_that_lies_about_its_rate_is_measured() -> None:
    async with desk(faults={"rate lies"}) as (simulator, _, echo, _):
        simulator.ring()
        await until(lambda: echo.calls)
        await asyncio.sleep(1.0)
        echo.heard.clear()
        tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype("<i2").tobytes()
        simulator.say(tone)
        await until(lambda: loud(bytes(echo.heard), RATE) > 0.9)
        sound = np.frombuffer(bytes(echo.heard), dtype="<i2").astype(float)
        spectrum = np.abs(np.fft.rfft(sound))
        assert np.argmax(spectrum) * RATE / len(sound) == pytest.approx(440, abs=5)


async def test_a_stalled_uplink_is_told_and_the_next_caller_is_heard_again() -> None:
    async with desk(faults={"uplink stalls"}) as (simulator, line, echo, _):
        simulator.ring()
        await until(lambda: echo.calls)
        await until(lambda: simulator.restarts == 1, within=15)
        await until(lambda: echo.ended == 1)
        simulator.faults.clear()
        await until(lambda: line.state[0])
        simulator.ring()
        await until(lambda: len(echo.calls) == 2)
        simulator.say(resample(voice(0.5), RATE, to=8000))
        await asyncio.sleep(1.2)
        assert loud(simulator.hear(), 8000) > 0.4


async def test_unplugged_in_mid_call_the_desk_is_free_within_seconds_and_takes_the_next_call() -> None:
    async with desk() as (simulator, line, echo, _):
        simulator.ring()
        await until(lambda: echo.calls)
        simulator.unplug()
        await until(lambda: echo.ended == 1, within=10)
        assert not line.state[0]
        simulator.plug_in()
        await until(lambda: line.state[0], within=10)
        simulator.ring()
        await until(lambda: len(echo.calls) == 2)


async def test_the_recording_is_as_long_as_the_call() -> None:
    """What is heard and when: the microphone's clock is the computer's, however the modem's sound came."""
    async with desk() as (simulator, _, echo, _):
        simulator.ring()
        await until(lambda: echo.calls)
        call = echo.calls[0]
        frames: list[Audio] = []
        call.playout.on_played = frames.append
        await asyncio.sleep(2.0)
        length = len(echo.heard) // 2
        assert abs(call.now() - length) < 0.1 * RATE


async def test_an_sms_reaches_the_desk_in_mid_call() -> None:
    from tests.channels.gsm.test_modem import delivered

    async with desk() as (simulator, _, echo, texts):
        simulator.ring()
        await until(lambda: echo.calls)
        simulator.deliver(delivered("Running late"))
        await until(lambda: texts)
        assert texts[0].text == "Running late"
        assert echo.ended == 0


async def test_a_desk_that_fails_leaves_no_call_behind() -> None:
    class Broken(Echo):
        async def talk(self, channel: AudioChannel) -> None:
            raise RuntimeError("no")

    simulator = Simulator()
    simulator.plug_in()
    line = GsmLine(simulator.found)
    serving = asyncio.create_task(line.serve(Broken()))
    try:
        await until(lambda: line.state[0])
        simulator.ring()
        await until(lambda: simulator.line is None)
        assert not simulator.sound_on
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        simulator.close()


async def test_gammu_takes_the_simulator_for_a_modem(tmp_path: object) -> None:
    gammu = shutil.which("gammu")
    if not gammu:
        pytest.skip("gammu is not installed")
    simulator = Simulator()
    simulator.plug_in()
    found = simulator.found()
    assert found
    config = simulator.folder / "gammurc"
    config.write_text(f"[gammu]\ndevice = {found.at}\nconnection = at115200\n")
    try:
        run = await asyncio.create_subprocess_exec(
            gammu, "-c", str(config), "identify", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        async with asyncio.timeout(30):
            out, _ = await run.communicate()
        assert run.returncode == 0, out
        assert b"490154203237518" in out
        text = "Hello from gammu"
        run = await asyncio.create_subprocess_exec(
            gammu, "-c", str(config), "sendsms", "TEXT", "+15550100", "-text", text,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(30):
            out, _ = await run.communicate()
        assert run.returncode == 0, out
        assert simulator.mailbox.sent == [("+15550100", text)]
    finally:
        simulator.close()


async def test_another_client_takes_calls_from_the_simulator() -> None:
    gsmmodem = pytest.importorskip("gsmmodem.modem")
    simulator = Simulator("huawei")
    simulator.plug_in()
    found = simulator.found()
    assert found
    calls: list[str | None] = []
    client = gsmmodem.GsmModem(
        found.at, 115200, incomingCallCallbackFunc=lambda call: calls.append(call.number)
    )
    try:
        await asyncio.to_thread(client.connect)
        assert await asyncio.to_thread(lambda: client.imei) == "490154203237518"
        simulator.ring("+15550142")
        # Where it reads RING and +CLIP apart, it knows the number by the next ring.
        await until(lambda: "+15550142" in calls, within=20)
        assert set(calls) <= {None, "+15550142"}
    finally:
        simulator.hang_up()
        await asyncio.to_thread(client.close)
        simulator.close()


@pytest.mark.parametrize("kind", ["simcom", "quectel", "huawei"])
async def test_who_calls_while_another_is_served_hears_at_once_that_it_is_busy(kind: str) -> None:
    """The modem tells the end of each call, and only the one that stands ends the talk."""
    async with desk(kind) as (simulator, line, echo, _):
        simulator.ring("+15550142")
        await until(lambda: echo.calls)
        simulator.ring_too("+15550143")
        await until(lambda: simulator.waiting is None, within=3)
        simulator.say(resample(voice(0.5), RATE, to=8000))
        await until(lambda: loud(bytes(echo.heard), RATE) > 0.4)
        assert len(echo.calls) == 1
        simulator.hang_up()
        await until(lambda: echo.ended == 1)
        await asyncio.sleep(0.3)
        assert len(echo.calls) == 1
        assert line.state[0]


async def test_the_desk_calls_by_modem_and_is_free_again_afterwards() -> None:
    async with desk() as (simulator, line, echo, _):
        call = await line.dial("+15550142", patience=10)
        assert simulator.dialled == ["+15550142"]
        with pytest.raises(CallFailed, match="another call"):
            await line.dial("+15550143")
        simulator.ring_too("+15550144")
        await until(lambda: simulator.waiting is None, within=3)
        await call.playout.write(voice(0.4))
        await call.playout.drain()
        await asyncio.sleep(0.3)
        assert loud(simulator.hear(), 8000) > 0.3
        await call.hang_up()
        await until(lambda: simulator.line is None)
        simulator.ring()
        await until(lambda: len(echo.calls) == 1)


async def test_nobody_answers_and_the_modem_is_free_again() -> None:
    async with desk() as (simulator, line, echo, _):
        simulator.answers = False
        with pytest.raises(Unreached):
            await line.dial("+15550142", patience=1.5)
        await until(lambda: simulator.line is None)
        simulator.ring()
        await until(lambda: echo.calls)


async def test_giving_up_while_it_rings_hangs_up() -> None:
    async with desk() as (simulator, line, _, _):
        simulator.answers = False
        dialling = asyncio.create_task(line.dial("+15550142", patience=30))
        await until(lambda: simulator.line is not None)
        dialling.cancel()
        await asyncio.wait([dialling])
        await until(lambda: simulator.line is None)


async def test_who_rings_while_the_last_call_is_ended_is_answered_too() -> None:
    async with desk() as (simulator, _, echo, _):
        for number in range(4):
            simulator.ring(f"+1555010{number}")
            await until(lambda: len(echo.calls) == number + 1)  # noqa: B023
            simulator.hang_up()
        simulator.ring("+15550109")
        await until(lambda: len(echo.calls) == 5)
        assert [call.caller for call in echo.calls][-1] == "+15550109"
        assert echo.ended == 4


async def test_a_caller_who_hangs_up_while_the_sound_comes_on_leaves_no_call_behind() -> None:
    async with desk() as (simulator, line, echo, _):
        simulator.faults.add("slow answers")
        simulator.ring()
        await until(lambda: simulator.line and simulator.line.state == ACTIVE)
        await asyncio.sleep(0.3)
        simulator.hang_up()
        await until(lambda: not line._taken.locked())
        assert simulator.restarts == 0
        simulator.faults.clear()
        simulator.ring("+15550101")
        await until(lambda: "+15550101" in [call.caller for call in echo.calls])


async def test_both_sides_press_keys() -> None:
    async with desk() as (simulator, _, echo, _):
        simulator.ring()
        await until(lambda: echo.calls)
        simulator.press("7")
        echo.calls[0].dial_keys("4#")
        await until(lambda: simulator.pressed == ["4", "#"])
        await until(lambda: "7" in echo.keys)


@pytest.mark.parametrize(("voices", "who"), [(True, "person"), (False, "nobody")])
async def test_a_modem_that_says_begin_in_ringback_is_believed_once_a_voice_is_heard(
    voices: bool, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.channels.answered.NEVER", 1.0)
    async with desk(faults={"early begin"}) as (simulator, line, _, _):
        simulator.answers = False
        call = await line.dial("+15550142", patience=10)
        if voices:
            simulator.say(resample(speech(0.5), RATE, to=8000))
        assert await _listen(call, AnswerListener(proven=False)) == who
        await call.hang_up()
