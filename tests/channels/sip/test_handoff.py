"""Callers put through to a person, with telephones that nobody here wrote at both ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from appliance.actions import Hands, Runner
from appliance.answering.knowledge import Knowledge
from appliance.brain import Brain
from appliance.channels import AudioChannel, Call
from appliance.channels.exchange import Exchange, Trunk
from appliance.channels.gsm.line import GsmLine
from appliance.channels.gsm.simulator import Simulator
from appliance.channels.sip.line import SipLine
from appliance.channels.sip.wire import Account, Settings
from appliance.clerk import Clerk
from appliance.config.calling import HandOffRules
from appliance.config.hours import local_now
from appliance.conversation import converse
from appliance.ears import Hearing
from appliance.engines.fake import FakeAsr, FakeEmbed, FakeTts, FakeVad
from appliance.engines.inline import InlineThread
from appliance.engines.resample import resample
from appliance.memory.events import EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import RATE, Turn
from appliance.phone.handoff import HandOff, Means
from appliance.speech import Speech
from appliance.voice import Voice
from tests.audio_server import until
from tests.channels.sip.peers import HOST, Telephone, needs_baresip
from tests.desk import voice
from tests.phone.test_handoff import DESK
from tests.ports import free_port

WISH = "I want to speak to a person"
CALLER, PERSON = 480, 920
"""Hertz of what either says once they are joined."""


@dataclass
class Receptionist:
    """A desk that hears the same of every caller, and puts them through."""

    folder: Path
    rules: HandOffRules
    person: Sequence[str] = ("yes", "yes")
    exchange: Exchange | None = None
    turns: list[Turn] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    ended: int = 0

    async def talk(self, channel: AudioChannel) -> None:
        assert self.exchange
        thread = InlineThread()
        knowledge = Knowledge(DESK, FakeEmbed(), thread)
        await knowledge.load()
        store = Store(self.folder / "desk.db")
        speech = Speech(FakeTts(), thread)
        hears = Voice(channel, Hearing(FakeVad(), thread, FakeAsr([WISH] * 9), thread), speech)
        person = Hearing(FakeVad(), thread, FakeAsr(self.person), thread)
        means = Means(self.exchange, person, speech)
        hand = HandOff(self.rules, DESK.lines, means, hears, channel, local_now, DESK.closed, self.done)
        clerk = Clerk(DESK, EventLog(store), Runner(store, {}), thread, Hands(thread), channel.id, local_now)
        brain = Brain(knowledge, Notebook(store, thread), None, channel.id, clerk, handoff=hand)
        try:
            await converse(hears, brain, self.turns.append)
        finally:
            self.ended += 1
            await channel.hang_up()
            store.close()

    async def chat(self, call: Call) -> None:
        raise AssertionError


def tone(hertz: float, seconds: float) -> bytes:
    moments = np.arange(round(seconds * RATE)) / RATE
    return bytes((9000 * np.sin(2 * np.pi * hertz * moments)).astype("<i2").tobytes())


def quiet(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def seconds_of(hertz: float, pcm: bytes) -> float:
    """How long that tone is in it."""
    sound = np.frombuffer(pcm, dtype="<i2").astype(float)
    size = RATE // 10
    count = 0
    for at in range(0, len(sound) - size, size):
        spectrum = np.abs(np.fft.rfft(sound[at : at + size] * np.hanning(size)))
        if np.sqrt((sound[at : at + size] ** 2).mean()) > 500:
            count += abs(int(np.argmax(spectrum)) * 10 - hertz) < 25
    return count / 10


def sip() -> tuple[SipLine, str]:
    port, first = free_port(), free_port() // 2 * 2
    settings = Settings(
        (Account("desk", HOST, register=0),), f"{HOST}:{port}", HOST, (first, min(first + 200, 65_534))
    )
    return SipLine(settings), f"sip:desk@{HOST}:{port}"


def receptionist(tmp_path: Path, to: str, **more: object) -> Receptionist:
    return Receptionist(tmp_path, HandOffRules(to, rings=5.0), **more)  # type: ignore[arg-type]


CALLS = quiet(3) + voice(0.8) + quiet(12) + tone(CALLER, 3) + quiet(20)
TAKES = (quiet(4) + voice(0.8)) * 2 + quiet(4) + tone(PERSON, 3) + quiet(20)


@needs_baresip
@pytest.mark.slow
async def test_joined_by_sip_the_two_hear_each_other_and_the_end_of_one_is_the_end_of_both(
    tmp_path: Path,
) -> None:
    person = Telephone(tmp_path / "person", TAKES, "person", answers="auto")
    caller = Telephone(tmp_path / "caller", CALLS)
    line, uri = sip()
    desk = receptionist(tmp_path, person.uri)
    desk.exchange = Exchange([line])
    serving = asyncio.create_task(line.serve(desk))
    waiting = asyncio.create_task(person.wait(32))
    try:
        await until(lambda: line.state[0], within=20)
        await caller.call(uri, 25)
        await until(lambda: desk.ended == 1, within=5)
        await until(lambda: line.stack and not line.stack.calls, within=5)
    finally:
        waiting.cancel()
        serving.cancel()
        await asyncio.wait([serving, waiting])
    assert seconds_of(CALLER, person.heard()) == pytest.approx(3.0, abs=0.4)
    assert seconds_of(PERSON, caller.heard()) == pytest.approx(3.0, abs=0.4)


@needs_baresip
@pytest.mark.slow
async def test_a_gsm_caller_talks_to_a_sip_person_who_hangs_up(tmp_path: Path) -> None:
    person = Telephone(tmp_path / "person", TAKES, "person", answers="auto")
    line, _ = sip()
    simulator = Simulator()
    simulator.plug_in()
    gsm = GsmLine(simulator.found)
    desk = receptionist(tmp_path, person.uri)
    trunks: list[Trunk] = [gsm, line]
    desk.exchange = Exchange(trunks)
    serving = [asyncio.create_task(each.serve(desk)) for each in (line, gsm)]
    waiting = asyncio.create_task(person.wait(25))
    try:
        await until(lambda: line.state[0] and gsm.state[0], within=20)
        simulator.ring(shown=False)
        await until(lambda: desk.turns, within=10)
        simulator.say(resample(voice(0.8), RATE, to=8000))
        await until(lambda: desk.turns[-1].decision and desk.turns[-1].decision.intent == "person", within=10)
        await asyncio.sleep(12)
        simulator.hear()
        simulator.say(resample(tone(CALLER, 2), RATE, to=8000))
        await until(lambda: desk.ended == 1, within=20)
        heard = resample(simulator.hear(), 8000, to=RATE)
        assert simulator.line is None
        await waiting
    finally:
        waiting.cancel()
        for each in serving:
            each.cancel()
        await asyncio.wait([*serving, waiting])
        simulator.close()
    assert desk.done == ["joined"]
    assert seconds_of(CALLER, person.heard()) == pytest.approx(2.0, abs=0.4)
    assert seconds_of(PERSON, heard) > 0.5


@needs_baresip
@pytest.mark.slow
async def test_a_person_who_does_not_answer_rings_no_more_and_the_caller_is_asked(tmp_path: Path) -> None:
    person = Telephone(tmp_path / "person", TAKES, "person", answers="manual")
    caller = Telephone(tmp_path / "caller", quiet(3) + voice(0.8) + quiet(30))
    line, uri = sip()
    desk = receptionist(tmp_path, person.uri)
    desk.exchange = Exchange([line])
    serving = asyncio.create_task(line.serve(desk))
    waiting = asyncio.create_task(person.wait(26))
    try:
        await until(lambda: line.state[0], within=20)
        calling = asyncio.create_task(caller.call(uri, 24))
        await until(lambda: desk.done, within=15)
        assert line.stack
        await until(lambda: line.stack and line.stack.calls == 1, within=5)
        await until(
            lambda: desk.turns[-1].spoken.whole and desk.turns[-1].meant == DESK.lines.nobody, within=10
        )
        assert "nobody answered" in desk.done[0]
        await calling
        await until(lambda: desk.ended == 1)
    finally:
        waiting.cancel()
        serving.cancel()
        await asyncio.wait([serving, waiting])


@needs_baresip
async def test_a_caller_who_hangs_up_while_it_rings_leaves_no_call_behind(tmp_path: Path) -> None:
    person = Telephone(tmp_path / "person", TAKES, "person", answers="manual")
    caller = Telephone(tmp_path / "caller", quiet(3) + voice(0.8) + quiet(30))
    line, uri = sip()
    desk = Receptionist(tmp_path, HandOffRules(person.uri, rings=40.0))
    desk.exchange = Exchange([line])
    serving = asyncio.create_task(line.serve(desk))
    waiting = asyncio.create_task(person.wait(14))
    try:
        await until(lambda: line.state[0], within=20)
        await caller.call(uri, 8)
        await until(lambda: desk.ended == 1, within=5)
        await until(lambda: line.stack and not line.stack.calls, within=5)
        assert desk.done == []
    finally:
        waiting.cancel()
        serving.cancel()
        await asyncio.wait([serving, waiting])


@needs_baresip
@pytest.mark.slow
async def test_nobody_at_that_address_is_known_at_once_or_in_time(tmp_path: Path) -> None:
    caller = Telephone(tmp_path / "caller", quiet(3) + voice(0.8) + quiet(30))
    line, uri = sip()
    desk = receptionist(tmp_path, f"sip:nobody@{HOST}:{free_port()}")
    desk.exchange = Exchange([line])
    serving = asyncio.create_task(line.serve(desk))
    try:
        await until(lambda: line.state[0], within=20)
        calling = asyncio.create_task(caller.call(uri, 16))
        await until(lambda: desk.turns and desk.turns[-1].meant == DESK.lines.nobody, within=16)
        await calling
    finally:
        serving.cancel()
        await asyncio.wait([serving])
