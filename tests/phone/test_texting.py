"""A conversation by SMS is one like any other; nobody is texted who should not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from appliance.actions import Hands, Runner
from appliance.answering.knowledge import Knowledge
from appliance.brain import Brain
from appliance.channels import AudioChannel, Call
from appliance.channels.gsm.pdu import Sms
from appliance.clerk import Clerk
from appliance.config.calling import TextRules
from appliance.config.hours import local_now
from appliance.conversation import converse
from appliance.engines.fake import FakeEmbed
from appliance.engines.inline import InlineThread
from appliance.errors import DeviceError, StorageError
from appliance.memory.events import EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.memory.texts import Refusals, Texts
from appliance.messages import Turn
from appliance.phone.texting import STOPPED, Texting, answerable, shortened
from tests.audio_server import until
from tests.desk import DESK

ANN = "+12125550142"


@dataclass
class Desk:
    """The real loop, by text."""

    store: Store
    turns: list[Turn] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)
    ended: int = 0

    async def chat(self, call: Call) -> None:
        self.callers.append(call.caller)
        thread = InlineThread()
        knowledge = Knowledge(DESK, FakeEmbed(), thread)
        await knowledge.load()
        clerk = Clerk(
            DESK, EventLog(self.store), Runner(self.store, {}), thread, Hands(thread), call.id, local_now
        )
        brain = Brain(knowledge, Notebook(self.store, thread), None, call.id, clerk)
        try:
            await converse(call, brain, self.turns.append)
        finally:
            self.ended += 1

    async def talk(self, channel: AudioChannel) -> None:
        raise AssertionError


@dataclass
class Phone:
    """What the desk and a network do to each other."""

    texting: Texting
    desk: Desk
    sent: list[tuple[str, str]]
    network: list[str]
    """Holds something while there is one."""

    def text(self, words: str, number: str = ANN) -> None:
        self.texting.came(Sms(number, words))

    async def answered(self, count: int) -> str:
        await until(lambda: len(self.sent) == count, within=5)
        return self.sent[-1][1]


@asynccontextmanager
async def texting(folder: Path, rules: TextRules = TextRules(answer=True)) -> AsyncIterator[Phone]:
    store, sent, network = Store(folder / "desk.db"), [], ["there"]
    desk = Desk(store)

    async def deliver(number: str, text: str) -> None:
        if not network:
            raise DeviceError("no network")
        sent.append((number, text))

    line = Texting(lambda: rules, store, InlineThread(), deliver, lambda: bool(network))
    serving = asyncio.create_task(line.serve(desk))
    try:
        yield Phone(line, desk, sent, network)
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        store.close()


def turns(phone: Phone, count: int) -> bool:
    return len(phone.desk.turns) == count


async def test_questions_are_answered_by_text_and_a_message_is_taken(tmp_path: Path) -> None:
    async with texting(tmp_path) as phone:
        phone.text("when are you open")
        assert await phone.answered(1) == "We are open from nine to five."
        phone.text("where is the moon")
        assert await phone.answered(2) == DESK.lines.unknown
        phone.text("yes")
        assert await phone.answered(3) == DESK.lines.message
        phone.text("The parrot is well, Ann")
        assert await phone.answered(4) == DESK.lines.taken
        assert phone.desk.callers == [ANN]
        assert {number for number, _ in phone.sent} == {ANN}


async def test_each_number_has_a_conversation_of_its_own(tmp_path: Path) -> None:
    async with texting(tmp_path) as phone:
        phone.text("where is the moon")
        phone.text("when are you open", "+12125550143")
        await phone.answered(2)
        assert sorted(phone.desk.callers) == [ANN, "+12125550143"]
        assert dict(phone.sent)["+12125550143"] == "We are open from nine to five."


@pytest.mark.parametrize("sender", ["MyBank", "22333", "+1", "", "Info-123"])
async def test_services_are_never_answered(tmp_path: Path, sender: str) -> None:
    async with texting(tmp_path) as phone:
        phone.text("when are you open", sender)
        phone.text("when are you open")
        await phone.answered(1)
        assert phone.sent[0][0] == ANN
        assert not answerable(sender)


async def test_stop_is_honoured_once_said_and_start_takes_it_back(tmp_path: Path) -> None:
    async with texting(tmp_path) as phone:
        phone.text("when are you open")
        await phone.answered(1)
        phone.text(" Stop. ")
        assert await phone.answered(2) == STOPPED
        await until(lambda: phone.desk.ended == 1)
        phone.text("STOP")
        phone.text("when are you open")
        await asyncio.sleep(0.2)
        assert len(phone.sent) == 2
        phone.text("start")
        phone.text("when are you open")
        assert await phone.answered(3) == "We are open from nine to five."


async def test_a_flood_is_answered_only_so_often(tmp_path: Path) -> None:
    async with texting(tmp_path, TextRules(answer=True, an_hour=3)) as phone:
        for number in range(6):
            phone.text("when are you open")
            await until(partial(turns, phone, number + 1))
            await asyncio.sleep(0.05)
        assert len(phone.sent) == 3


async def test_what_cannot_be_sent_now_is_sent_once_there_is_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.phone.texting.LOOK", 0.05)
    async with texting(tmp_path) as phone:
        phone.network.clear()
        phone.text("when are you open")
        await until(lambda: phone.desk.turns)
        await asyncio.sleep(0.2)
        assert phone.sent == []
        phone.network.append("back")
        assert await phone.answered(1) == "We are open from nine to five."


async def test_nobody_gets_a_text_again_and_again_because_a_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.phone.texting.LOOK", 0.02)
    async with texting(tmp_path) as phone:
        texts, tries = phone.texting._texts, []

        def full(text: int) -> None:
            tries.append(text)
            raise StorageError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(texts, "sent", full)
            phone.text("when are you open")
            await until(lambda: len(tries) > 3)
        await until(lambda: not texts.due())
        assert len(phone.sent) == 1


async def test_a_conversation_is_over_after_its_hours(tmp_path: Path) -> None:
    async with texting(tmp_path, TextRules(answer=True, hours=0.1)) as phone:
        rules = TextRules(answer=True, hours=0.1)
        object.__setattr__(rules, "hours", 0.2 / 3600)
        phone.texting._rules = lambda: rules
        phone.text("when are you open")
        await phone.answered(1)
        await until(lambda: phone.desk.ended == 1)
        phone.text("when are you open")
        await phone.answered(2)
        assert len(phone.desk.callers) == 2


async def test_where_the_desk_does_not_talk_by_sms_it_says_nothing_but_knows_stop(tmp_path: Path) -> None:
    async with texting(tmp_path, TextRules()) as phone:
        phone.text("when are you open")
        phone.text("stop")
        assert await phone.answered(1) == STOPPED
        assert phone.desk.callers == []


def test_a_text_is_sent_once_and_to_nobody_who_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db")
    texts, refusals = Texts(store), Refusals(store)
    assert texts.put(ANN, "Booked.", key="a")
    assert texts.put(ANN, "Booked.", key="a")
    assert [text.text for text in texts.due()] == ["Booked."]
    refusals.add(ANN, "STOP")
    assert texts.due() == []
    assert not texts.put(ANN, "Hello")
    assert [(number, why) for number, _, why in refusals.all()] == [(ANN, "STOP")]
    store.close()


def test_a_text_that_no_network_takes_is_given_up(tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db")
    texts = Texts(store)
    texts.put(ANN, "Booked.")
    for _ in range(5):
        [text] = texts.due()
        texts.failed(text.id)
    assert texts.due() == []
    store.close()


def test_a_long_answer_ends_at_a_sentence() -> None:
    assert shortened("It is so. " * 100).endswith("It is so.")
    assert len(shortened("word " * 200)) <= 480
