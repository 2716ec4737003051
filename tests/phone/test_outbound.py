"""The desk calls people: in the hours for it, a few times, and nobody who does not want to be called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.channels.exchange import CallFailed, Exchange, Unreached
from appliance.channels.phone import PhoneCall, loudness
from appliance.config.calling import OutboundRules
from appliance.engines.fake import FakeTts
from appliance.engines.inline import InlineThread
from appliance.errors import StorageError
from appliance.memory.errands import Errands, remind
from appliance.memory.store import Store
from appliance.memory.texts import Refusals
from appliance.messages import FRAME_BYTES
from appliance.phone.outbound import Outbound
from appliance.speech import Speech
from tests.audio_server import until
from tests.channels.test_answered import quiet, speech, tones
from tests.phone.test_handoff import Wire

ANN = "+12125550142"
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
WHAT = "You have an appointment tomorrow at ten."


@dataclass
class Answering:
    """A trunk behind which somebody, or something, answers."""

    answers: list[bytes | str] = field(default_factory=list)
    """What is heard of each call, or why it did not come about."""
    channel: str = "sip"
    name: str = "sip"
    state: tuple[bool, str] = (True, "")
    dialled: list[str] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    def carries(self, to: str) -> bool:
        return True

    async def dial(self, to: str, patience: float) -> PhoneCall:
        self.dialled.append(to)
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            raise CallFailed(answer) if answer == "no credit" else Unreached(answer)
        self.wires.append(Wire())
        call = PhoneCall(self.wires[-1], self.channel)
        loop = asyncio.get_running_loop()
        for number in range(len(answer) // FRAME_BYTES):
            piece = answer[number * FRAME_BYTES : (number + 1) * FRAME_BYTES]
            loop.call_later(number * 0.02, call.push, piece)
        return call


@dataclass
class Box:
    outbound: Outbound
    errands: Errands
    refusals: Refusals
    trunk: Answering
    talked: list[str]
    clock: list[datetime]

    def pass_time(self, minutes: float) -> None:
        self.clock[0] += timedelta(minutes=minutes)

    def outcomes(self) -> list[tuple[str, str, int]]:
        return [(state, outcome, tries) for _, _, _, state, tries, outcome in self.errands.all()]


@asynccontextmanager
async def box(
    folder: Path, trunk: Answering, rules: OutboundRules | None = None, at: datetime = MONDAY
) -> AsyncIterator[Box]:
    clock, talked = [at], []
    store = Store(folder / "desk.db", lambda: clock[0])
    rules = rules or OutboundRules(enabled=True)

    async def talk(call: PhoneCall, opening: str) -> None:
        talked.append(opening)

    outbound = Outbound(
        lambda: rules, store, InlineThread(), Exchange([trunk]), Speech(FakeTts(), InlineThread()), talk,
        lambda: clock[0].replace(tzinfo=None),
    )  # fmt: skip
    yield Box(outbound, Errands(store), Refusals(store), trunk, talked, clock)
    assert all(wire.gone for wire in trunk.wires)
    store.close()


PERSON = quiet(0.3) + speech(0.5) + quiet(3)
MACHINE = quiet(0.3) + speech(3.5) + quiet(4)


async def test_a_person_is_told_and_called_no_more(tmp_path: Path) -> None:
    async with box(tmp_path, Answering([PERSON])) as desk:
        desk.errands.put(ANN, WHAT, MONDAY, key="a")
        desk.errands.put(ANN, WHAT, MONDAY, key="a")
        await desk.outbound.look()
        await desk.outbound.look()
        assert desk.talked == [WHAT]
        assert desk.outcomes() == [("done", "told", 1)]


async def test_who_does_not_answer_is_tried_again_by_plan_and_then_left_in_peace(tmp_path: Path) -> None:
    async with box(tmp_path, Answering(["busy", "nobody answered", "nobody answered"])) as desk:
        desk.errands.put(ANN, WHAT, MONDAY)
        await desk.outbound.look()
        assert desk.outcomes() == [("waiting", "nobody", 1)]
        desk.pass_time(29)
        await desk.outbound.look()
        assert len(desk.trunk.dialled) == 1
        desk.pass_time(2)
        await desk.outbound.look()
        assert len(desk.trunk.dialled) == 2
        desk.pass_time(121)
        await desk.outbound.look()
        desk.pass_time(300)
        await desk.outbound.look()
        assert desk.outcomes() == [("failed", "nobody", 3)]
        assert desk.talked == []


async def test_a_machine_is_tried_again_or_told(tmp_path: Path) -> None:
    async with box(tmp_path, Answering([tones(0.3, 1000)])) as desk:
        desk.errands.put(ANN, WHAT, MONDAY)
        await desk.outbound.look()
        assert desk.outcomes() == [("waiting", "machine", 1)]
    rules = OutboundRules(enabled=True, voicemail=True)
    async with box(tmp_path / "told", Answering([MACHINE]), rules) as desk:
        desk.errands.put(ANN, WHAT, MONDAY)
        await desk.outbound.look()
        assert desk.outcomes() == [("done", "told a machine", 1)]
        assert desk.talked == []
        [wire] = desk.trunk.wires
        sounds = [
            loudness(bytes(wire.sent[at : at + FRAME_BYTES])) > 300 for at in range(0, len(wire.sent), 640)
        ]
        # Not a word while the machine still speaks.
        assert not any(sounds[: int(3.8 * 50)])
        assert any(sounds)


class HangsUp(Answering):
    async def dial(self, to: str, patience: float) -> PhoneCall:
        call = await super().dial(to, patience)
        asyncio.get_running_loop().call_later(1.0, call.ended)
        return call


async def test_a_machine_that_hangs_up_in_the_middle_was_not_told(tmp_path: Path) -> None:
    rules = OutboundRules(enabled=True, voicemail=True)
    async with box(tmp_path, HangsUp([tones(0.3, 1000) + quiet(0.5)]), rules) as desk:
        desk.errands.put(ANN, " ".join([WHAT] * 10), MONDAY)
        async with asyncio.timeout(5):
            await desk.outbound.look()
        assert desk.outcomes() == [("waiting", "machine", 1)]


async def test_a_modem_that_says_answered_while_it_rings_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.channels.answered.NEVER", 0.3)
    async with box(tmp_path, Answering([quiet(2)], channel="gsm")) as desk:
        desk.errands.put(ANN, WHAT, MONDAY)
        await desk.outbound.look()
        assert desk.outcomes() == [("waiting", "nobody", 1)]
        assert desk.talked == []


@pytest.mark.parametrize("hour", [0, 6, 8, 19, 22])
async def test_at_night_nobody_is_called(tmp_path: Path, hour: int) -> None:
    async with box(tmp_path, Answering([PERSON]), at=MONDAY.replace(hour=hour)) as desk:
        desk.errands.put(ANN, WHAT, MONDAY - timedelta(hours=12))
        await desk.outbound.look()
        assert desk.trunk.dialled == []


async def test_on_sunday_nobody_is_called_and_what_is_too_late_is_given_up(tmp_path: Path) -> None:
    async with box(tmp_path, Answering([PERSON]), at=MONDAY - timedelta(days=1)) as desk:
        desk.errands.put(ANN, WHAT, MONDAY - timedelta(days=1), until=MONDAY - timedelta(hours=1))
        await desk.outbound.look()
        desk.pass_time(24 * 60)
        await desk.outbound.look()
        assert desk.trunk.dialled == []
        assert desk.outcomes() == [("failed", "too late", 0)]


async def test_who_wants_no_calls_gets_none(tmp_path: Path) -> None:
    async with box(tmp_path, Answering([PERSON])) as desk:
        desk.errands.put(ANN, WHAT, MONDAY)
        desk.refusals.add(ANN, "said so")
        assert not desk.errands.put(ANN, "again", MONDAY)
        await desk.outbound.look()
        assert desk.trunk.dialled == []
        assert desk.outcomes() == [("refused", "", 0)]


@pytest.mark.parametrize("number", ["911", "112", "+999", "9 1 1", "*#06#"])
async def test_emergency_numbers_and_codes_are_never_called(tmp_path: Path, number: str) -> None:
    async with box(tmp_path, Answering([PERSON])) as desk:
        desk.errands.put(number, WHAT, MONDAY)
        await desk.outbound.look()
        assert desk.trunk.dialled == []
        assert desk.outcomes()[0][0] == "failed"


async def test_a_line_that_cannot_call_costs_no_try(tmp_path: Path) -> None:
    async with box(tmp_path, Answering(["no credit", PERSON])) as desk:
        desk.errands.put(ANN, WHAT, MONDAY)
        await desk.outbound.look()
        assert desk.outcomes() == [("waiting", "", 0)]
        await desk.outbound.look()
        assert desk.outcomes() == [("done", "told", 1)]


async def test_a_box_that_went_down_in_mid_call_calls_nobody_twice(tmp_path: Path) -> None:
    async with box(tmp_path, Answering([PERSON])) as desk:
        desk.errands.put(ANN, WHAT, MONDAY)
        [errand] = desk.errands.due()
        desk.errands.begin(errand.id)
        desk.errands.recover()
        await desk.outbound.look()
        assert desk.trunk.dialled == []
        assert desk.outcomes() == [("failed", "the box went down", 1)]


async def test_no_more_than_so_many_a_day(tmp_path: Path) -> None:
    rules = OutboundRules(enabled=True, a_day=2)
    async with box(tmp_path, Answering(["busy"] * 5), rules) as desk:
        for number in range(5):
            desk.errands.put(f"+1212555014{number}", WHAT, MONDAY)
        await desk.outbound.look()
        assert len(desk.trunk.dialled) == 2


async def test_a_disk_that_takes_nothing_at_the_start_ends_no_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.phone.outbound.LOOK", 0.01)
    full = [True, True]

    def recover(errands: Errands) -> None:
        if full:
            full.pop()
            raise StorageError("the disk is full")

    monkeypatch.setattr(Errands, "recover", recover)
    async with box(tmp_path, Answering([PERSON])) as desk:
        desk.errands.put(ANN, WHAT, MONDAY)
        serving = asyncio.create_task(desk.outbound.serve(None))  # type: ignore[arg-type]
        await until(lambda: desk.outcomes() == [("done", "told", 1)])
        serving.cancel()
        await asyncio.wait([serving])


async def test_switched_off_nobody_is_called(tmp_path: Path) -> None:
    async with box(tmp_path, Answering([PERSON]), OutboundRules()) as desk:
        desk.errands.put(ANN, WHAT, MONDAY)
        await desk.outbound.look()
        assert desk.trunk.dialled == []
        assert not desk.outbound.state[0]


async def test_who_has_an_appointment_is_reminded_once_and_not_of_one_that_is_no_more(tmp_path: Path) -> None:
    rules = OutboundRules(enabled=True, remind=24)
    async with box(tmp_path, Answering([PERSON]), rules) as desk:
        with desk.outbound._store.write() as db:
            for reference, start, phone in (
                ("AAA", "2026-11-24T09:30", ANN),
                ("BBB", "2026-11-24T09:40", "+12125550143"),
                ("CCC", "2026-11-26T09:30", "+12125550144"),
            ):
                db.execute(
                    "insert into appointment (reference, uid, start, ends, name, phone, made)"
                    " values (?, ?, ?, ?, 'Ann', ?, '')", reference, reference, start, start, phone,
                )  # fmt: skip
        remind(desk.outbound._store, 24, desk.outbound._word)
        with desk.outbound._store.write() as db:
            db.execute("update appointment set state = 'cancelled' where reference = 'BBB'")
        await desk.outbound.look()
        await desk.outbound.look()
        told = "I am calling to remind you of your appointment tomorrow at half past nine in the morning."
        assert desk.talked == [told]
        assert desk.outcomes() == [("done", "told", 1), ("withdrawn", "", 0)]
