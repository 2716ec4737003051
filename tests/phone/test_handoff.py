"""A caller wishes for a person and is put through, or is taken back; nobody is left in a dead line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from appliance.actions import Hands, Runner
from appliance.answering.knowledge import Knowledge
from appliance.brain import Brain
from appliance.channels.exchange import CallFailed, Exchange, Unreached
from appliance.channels.phone import PhoneCall, loudness
from appliance.clerk import Clerk
from appliance.config import DeskFile, Flow
from appliance.config.calling import HandOffRules
from appliance.config.hours import Hours, local_now
from appliance.config.lines import Lines
from appliance.conversation import converse
from appliance.ears import Hearing
from appliance.engines.fake import FakeAsr, FakeEmbed, FakeTts, FakeVad
from appliance.engines.inline import InlineThread
from appliance.errors import DeviceError
from appliance.memory.events import EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import FRAME_BYTES, TakenBack, Turn
from appliance.phone import handoff
from appliance.phone.gist import Gist, brief, gist
from appliance.phone.handoff import HandOff, Means
from appliance.speech import Speech
from appliance.voice import Voice
from tests import desk as whole
from tests.audio_server import until
from tests.desk import LINES, voice

SHORT = replace(
    LINES, greeting="Hello", connecting="One moment", waiting="Still there", nobody="Nobody is there shall I",
    calls="{who} calls", calls_about="{who} calls about {what}", take_call="Will you take it?",
    message="What is it", person="Shall I",
)  # fmt: skip
DESK = replace(whole.DESK, lines=SHORT)
"""A desk of few words: these calls take as long as they take."""


class Wire:
    """A telephone that somebody holds: `says` goes in, what it was sent can be heard."""

    def __init__(self, hands_over: bool = False) -> None:
        self.sent = bytearray()
        self.keys = ""
        self.transferred = ""
        self.gone = False
        self._hands_over = hands_over

    def send(self, pcm: bytes) -> None:
        self.sent += pcm

    def press(self, keys: str) -> None:
        self.keys += keys

    async def transfer(self, to: str, patience: float) -> None:
        if not self._hands_over:
            raise DeviceError("it would not")
        self.transferred = to

    async def hang_up(self) -> None:
        self.gone = True


@dataclass
class Line:
    """A trunk of the desk's; `answers` is what becomes of a call."""

    answers: str = "yes"
    name: str = "sip"
    state: tuple[bool, str] = (True, "")
    rings: float = 0.05
    wire: Wire = field(default_factory=Wire)
    person: PhoneCall | None = None
    dialled: list[str] = field(default_factory=list)

    def carries(self, to: str) -> bool:
        return True

    async def dial(self, to: str, patience: float) -> PhoneCall:
        self.dialled.append(to)
        await asyncio.sleep(min(self.rings, patience))
        if self.answers == "down":
            raise CallFailed("the trunk is down")
        if self.answers != "yes" or self.rings > patience:
            raise Unreached(self.answers if self.answers != "yes" else "nobody answered")
        self.person = PhoneCall(self.wire, "sip")
        return self.person


@dataclass
class Talk:
    caller: PhoneCall
    wire: Wire
    line: Line
    turns: list[Turn]
    handoff: HandOff
    over: asyncio.Task[None]

    def say(self, seconds: float = 0.6) -> None:
        self.caller.push(b"")
        self._speak(self.caller, seconds)

    async def person_is_asked(self) -> None:
        """To the end of the question."""
        sent = self.line.wire.sent
        await until(lambda: said(sent) > 1 and said(sent[-FRAME_BYTES * 20 :]) == 0, within=20)

    def person_says(self, seconds: float = 0.6) -> None:
        assert self.line.person
        self._speak(self.line.person, seconds)

    def _speak(self, call: PhoneCall, seconds: float) -> None:
        sound = voice(seconds)
        loop = asyncio.get_running_loop()
        for number in range(len(sound) // FRAME_BYTES):
            piece = sound[number * FRAME_BYTES : (number + 1) * FRAME_BYTES]
            loop.call_later(number * 0.02, call.push, piece)

    def intents(self) -> list[str]:
        return [turn.decision.intent for turn in self.turns if turn.decision]


def said(sent: bytearray) -> float:
    """Seconds that sound."""
    pieces = (bytes(sent[at : at + FRAME_BYTES]) for at in range(0, len(sent), FRAME_BYTES))
    return sum(loudness(piece) > 500 for piece in pieces) / 50


@asynccontextmanager
async def talking(
    folder: Path,
    says: Sequence[str],
    person: Sequence[str] = (),
    rules: HandOffRules | None = None,
    line: Line | None = None,
    desk: DeskFile = DESK,
    hands_over: bool = False,
    now: Callable[[], datetime] = local_now,
) -> AsyncIterator[Talk]:
    """A call in real time; `says` and `person` are what is recognised of the one and the other."""
    rules, line = rules or HandOffRules("sip:desk@pbx"), line or Line()
    thread = InlineThread()
    speech = Speech(FakeTts(), thread)
    knowledge = Knowledge(desk, FakeEmbed(), thread)
    await knowledge.load()
    store = Store(folder / "desk.db")
    wire = Wire(hands_over)
    caller = PhoneCall(wire, "gsm", "+12125550142")
    hears = Voice(caller, Hearing(FakeVad(), thread, FakeAsr(says), thread), speech)
    clerk = Clerk(desk, EventLog(store), Runner(store, desk.actions), thread, Hands(thread), caller.id, now)
    means = Means(Exchange([line]), Hearing(FakeVad(), thread, FakeAsr(person), thread), speech)
    hand = HandOff(rules, desk.lines, means, hears, caller, now, desk.closed)
    brain = Brain(knowledge, Notebook(store, thread), None, caller.id, clerk, handoff=hand)
    turns: list[Turn] = []
    over = asyncio.create_task(converse(hears, brain, turns.append))
    talk = Talk(caller, wire, line, turns, hand, over)
    try:
        await until(lambda: talk.turns, within=10)
        yield talk
    finally:
        await caller.hang_up()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(over, 5)
        if line.person:
            assert line.wire.gone
        store.close()


WISH = "I want to speak to a person"


async def test_the_person_agrees_and_the_two_hear_each_other(tmp_path: Path) -> None:
    async with talking(tmp_path, [WISH], ["yes"]) as talk:
        talk.say()
        await talk.person_is_asked()
        assert talk.line.dialled == ["sip:desk@pbx"]
        assert talk.turns[-1].spoken.text == DESK.lines.connecting
        talk.person_says()
        await asyncio.sleep(2.0)
        talk.wire.sent.clear()
        talk.line.wire.sent.clear()
        talk.say(0.8)
        await asyncio.sleep(1.5)
        assert 0.7 < said(talk.line.wire.sent) < 1.3
        assert said(talk.wire.sent) < 0.1
        talk.person_says(0.5)
        await asyncio.sleep(0.9)
        assert 0.4 < said(talk.wire.sent) < 0.9
        assert talk.intents() == ["greeting", "person"]
        talk.caller.press("5")
        await until(lambda: talk.line.wire.keys == "5")
        assert talk.line.person
        talk.line.person.ended()
        await until(talk.over.done)
        assert talk.wire.gone
        assert talk.handoff.done == ["joined"]


async def test_the_person_may_press_a_key_instead(tmp_path: Path) -> None:
    async with talking(tmp_path, [WISH]) as talk:
        talk.say()
        await until(lambda: talk.line.person, within=10)
        assert talk.line.person
        talk.line.person.press("1")
        await asyncio.sleep(0.3)
        talk.line.wire.sent.clear()
        talk.say(0.5)
        await until(lambda: said(talk.line.wire.sent) > 0.4)
        talk.caller.ended()
        await until(talk.over.done)
        await until(lambda: talk.line.wire.gone)


@pytest.mark.parametrize("answers", [pytest.param("busy", marks=pytest.mark.slow), "nobody answered", "down"])
async def test_where_nobody_takes_it_the_caller_is_asked_for_a_message(tmp_path: Path, answers: str) -> None:
    async with talking(tmp_path, [WISH, "yes", "This is Ann, call me"], line=Line(answers)) as talk:
        talk.say()
        await until(lambda: talk.intents() == ["greeting", "person", "person"], within=10)
        assert talk.turns[-1].meant == DESK.lines.nobody
        assert isinstance(talk.turns[-1].cause, TakenBack)
        await until(lambda: talk.turns[-1].spoken.whole)
        talk.say()
        await until(lambda: talk.intents()[-1] == "message", within=10)


async def test_the_person_declines_and_the_caller_is_taken_back(tmp_path: Path) -> None:
    async with talking(tmp_path, [WISH], ["no not now"]) as talk:
        talk.say()
        await talk.person_is_asked()
        talk.person_says()
        await until(lambda: len(talk.turns) == 3, within=10)
        assert talk.turns[-1].meant == DESK.lines.nobody
        assert talk.line.wire.gone


async def test_a_machine_that_recites_is_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handoff, "RECITAL", 16_000)
    async with talking(tmp_path, [WISH], ["You have reached the voicemail of"]) as talk:
        talk.say()
        await until(lambda: talk.line.person, within=10)
        talk.person_says(1.6)
        await until(lambda: len(talk.turns) == 3, within=10)
        assert talk.handoff.done == ["the call was not taken"]


async def test_who_says_nothing_is_nobody_and_the_caller_hears_that_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handoff, "AGREES_WITHIN", 2.0)
    monkeypatch.setattr(handoff, "COMFORT", 0.4)
    async with talking(tmp_path, [WISH]) as talk:
        talk.say()
        await until(lambda: talk.line.person, within=10)
        talk.wire.sent.clear()
        await until(lambda: said(talk.wire.sent) > 0.5)
        await until(lambda: len(talk.turns) == 3, within=10)
        assert talk.turns[1].spoken.text == DESK.lines.connecting


async def test_a_caller_who_hangs_up_while_it_rings_leaves_nobody_ringing(tmp_path: Path) -> None:
    async with talking(tmp_path, [WISH], line=Line(rings=20.0)) as talk:
        talk.say()
        await until(lambda: talk.line.dialled, within=10)
        talk.caller.ended()
        await until(talk.over.done)
        assert talk.line.person is None
        assert talk.handoff.done == []


async def test_a_caller_who_hangs_up_while_the_person_is_told_frees_the_person(tmp_path: Path) -> None:
    async with talking(tmp_path, [WISH]) as talk:
        talk.say()
        await until(lambda: talk.line.person, within=10)
        talk.caller.ended()
        await until(lambda: talk.line.wire.gone)
        await until(talk.over.done)


class Crossed(Line):
    """The caller hangs up just as the person answers."""

    async def dial(self, to: str, patience: float) -> PhoneCall:
        person = await super().dial(to, patience)
        answering = asyncio.current_task()
        assert answering
        asyncio.get_running_loop().call_soon(answering.cancel)
        return person


async def test_a_caller_who_hangs_up_just_as_the_person_answers_frees_the_person(tmp_path: Path) -> None:
    rules = HandOffRules("sip:desk@pbx", mode="blind")
    async with talking(tmp_path, [WISH], rules=rules, line=Crossed()) as talk:
        talk.say()
        await until(lambda: talk.line.person, within=10)
        await until(lambda: talk.line.wire.gone)


async def test_blind_the_caller_calls_the_person_directly(tmp_path: Path) -> None:
    rules = HandOffRules("sip:desk@pbx", mode="blind")
    async with talking(tmp_path, [WISH], rules=rules, hands_over=True) as talk:
        talk.say()
        await until(talk.over.done, within=10)
        assert talk.wire.transferred == "sip:desk@pbx"
        assert talk.line.dialled == []


async def test_nobody_is_put_through_to_an_emergency_number_not_even_blind(tmp_path: Path) -> None:
    rules = HandOffRules("sip:911@pbx", mode="blind")
    async with talking(tmp_path, [WISH], rules=rules, hands_over=True) as talk:
        talk.say()
        await until(lambda: talk.handoff.done, within=10)
        assert "emergency" in talk.handoff.done[0]
        assert talk.wire.transferred == ""
        assert talk.line.dialled == []


async def test_blind_without_a_trunk_that_can_the_two_are_joined_at_once(tmp_path: Path) -> None:
    rules = HandOffRules("sip:desk@pbx", mode="blind")
    async with talking(tmp_path, [WISH], rules=rules) as talk:
        talk.say()
        await until(lambda: talk.line.person, within=10)
        await asyncio.sleep(0.2)
        assert said(talk.line.wire.sent) == 0
        talk.say(0.5)
        await until(lambda: said(talk.line.wire.sent) > 0.4)


async def test_while_nobody_is_there_a_message_is_offered_and_nobody_is_called(tmp_path: Path) -> None:
    rules = HandOffRules("sip:desk@pbx", hours=Hours(monday=("09:00-12:00",)))
    night = datetime(2026, 11, 22, 23)
    async with talking(tmp_path, [WISH], rules=rules, now=lambda: night) as talk:
        talk.say()
        await until(lambda: len(talk.turns) == 2, within=10)
        assert talk.turns[1].meant == DESK.lines.person
        assert talk.line.dialled == []


def test_who_is_called_goes_by_the_hours() -> None:
    rules = HandOffRules("sip:desk@pbx", closed_to="+12125550199")
    assert rules.whom(datetime(2026, 11, 23, 10), closed=False) == "sip:desk@pbx"
    assert rules.whom(datetime(2026, 11, 23, 22), closed=True) == "+12125550199"
    own = replace(rules, hours=Hours(monday=("09:00-12:00",)), closed_to="")
    assert own.whom(datetime(2026, 11, 23, 10), closed=True) == "sip:desk@pbx"
    assert own.whom(datetime(2026, 11, 23, 13), closed=False) == ""


def test_the_person_is_told_in_a_sentence() -> None:
    told = Gist("Ann Smith", "an appointment", ("Thursday", "half past ten"), ("booked a table",), "hm")
    parts = ("who", "goal", "slots", "done", "last_words")
    expected = "Ann Smith is on the line, about an appointment: Thursday, half past ten."
    assert brief(Lines(), told, parts) == f"{expected} Done already: booked a table."
    assert brief(Lines(), told, ("who",)) == "Ann Smith is on the line."
    assert brief(Lines(), Gist(last_words="my invoice is wrong."), parts) == (
        "A caller is on the line. They said: my invoice is wrong."
    )
    assert gist(DeskFile("A", LINES, flow={"x": Flow()}), None, last_words="hi") == Gist(last_words="hi")
