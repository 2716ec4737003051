"""The phone without hardware: who sits at the keyboard calls the desk, and reads what it does."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.channels.gsm.line import GsmLine
from appliance.channels.gsm.pdu import Sms
from appliance.channels.gsm.simulator import Simulator
from appliance.channels.playout import Playout
from appliance.commands.simulate import FAULTS, HELP, obey
from appliance.commands.street import Street
from appliance.config import Box, Engine, Engines
from appliance.engines import registry
from appliance.engines.fake import FakeAsr
from appliance.engines.resample import Resampler
from appliance.errors import ApplianceError
from tests.audio_server import until
from tests.channels.gsm.test_line import Echo

FAKE = Engine("fake")


@dataclass
class Keyboard:
    """Who sits there."""

    street: Street
    line: GsmLine
    desk: Echo
    told: list[str] = field(default_factory=list)
    texts: list[Sms] = field(default_factory=list)

    async def types(self, line: str) -> str:
        return await obey(self.street, line)

    async def reads(self, line: str) -> None:
        await until(lambda: any(line in told for told in self.told))


@asynccontextmanager
async def keyboard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Keyboard]:
    words = iter(["we are open until five"])
    monkeypatch.setitem(registry.ENGINES["asr"], "fake", lambda spec, box: FakeAsr(words))  # type: ignore[arg-type]
    simulator = Simulator(folder=folder)
    simulator.plug_in()
    told: list[str] = []
    texts: list[Sms] = []
    street = Street(simulator, Box(folder, engines=Engines(asr=FAKE, tts=FAKE)), told.append)
    await street.prepare()
    line, desk = GsmLine(simulator.found, texted=texts.append), Echo()
    tasks = [asyncio.create_task(line.serve(desk)), asyncio.create_task(street.watch())]
    try:
        await until(lambda: line.state[0])
        yield Keyboard(street, line, desk, told, texts)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        street.close()
        simulator.close()


async def test_a_call_from_ring_to_hang_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with keyboard(tmp_path, monkeypatch) as there:
        assert await there.types("ring +15550142") == "it rings"
        await there.reads("the desk answers")
        assert await there.types("say when are you open") == "caller: when are you open"
        await there.reads("desk: we are open until five")
        await there.types("press 4#")
        await until(lambda: there.desk.keys == "4#")
        await there.types("hang up")
        await there.reads("the call is over; what the desk said is in")
        with wave.open(str(tmp_path / "heard.wav")) as file:
            assert file.getnframes() > 8000
        assert there.desk.calls[0].caller == "+15550142"


async def test_a_recording_is_said_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.desk import voice

    with wave.open(str(tmp_path / "hello.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(voice(0.5))
    async with keyboard(tmp_path, monkeypatch) as there:
        await there.types("ring hidden")
        await there.reads("the desk answers")
        await there.types(f"say {tmp_path / 'hello.wav'}")
        await until(lambda: any(there.desk.heard))
        assert there.desk.calls[0].caller == ""
        with pytest.raises(ApplianceError, match="cannot be read as sound"):
            await there.types("say nothing.wav")


async def test_texts_calls_of_the_desk_and_a_modem_that_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with keyboard(tmp_path, monkeypatch) as there:
        await there.types("text Are you open?")
        await until(lambda: there.texts)
        assert there.texts[0].text == "Are you open?"
        await there.line.text("+15550100", "Until five.")
        await there.reads("SMS to +15550100: Until five.")
        call = await there.line.dial("+15550111")
        await there.reads("the desk calls +15550111")
        await there.reads("+15550111 takes the call")
        await there.types("call waiting")
        await until(lambda: there.street.simulator.waiting is None)
        await call.hang_up()
        await there.types("unplug")
        await until(lambda: not there.line.state[0])
        with pytest.raises(ApplianceError, match="nobody gets through; plug in"):
            await there.types("ring")
        await there.types("plug in")
        await until(lambda: there.line.state[0])


async def test_what_is_typed_wrong_is_told_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with keyboard(tmp_path, monkeypatch) as there:
        assert await there.types("help") == HELP % FAULTS
        for typed, told in (
            ("say hello", "there is no call; ring first"),
            ("ring my mother", "is no telephone number"),
            ("ring 112", "never simulated"),
            ("fault uplink stals", "did you mean uplink stalls?"),
            (f"text {1600 * 'x'}", "more than 10; write a shorter one"),
            ("sing", "type help"),
        ):
            with pytest.raises(ApplianceError, match=told):
                await there.types(typed)
        await there.types("fault early begin")
        assert there.street.simulator.faults == {"early begin"}
        await there.types("mend")
        assert there.street.simulator.faults == set()


async def test_a_loudspeaker_that_is_off_keeps_nobody_waiting(tmp_path: Path) -> None:
    simulator = Simulator(folder=tmp_path)
    street = Street(simulator, Box(tmp_path, engines=Engines(asr=FAKE, tts=FAKE)), lambda line: None)
    street._playout, street._louder = Playout(), Resampler(simulator.rate)
    simulator._desk += bytes(10 * 2 * simulator.rate)
    try:
        async with asyncio.timeout(10):
            for _ in range(3):
                await street._hear()
    finally:
        street.close()
        simulator.close()
