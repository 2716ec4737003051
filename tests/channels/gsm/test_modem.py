"""A modem that is kept up and told what to do, whatever it does meanwhile."""

from __future__ import annotations

import asyncio
import errno
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from appliance.channels.gsm.at import AtPort, ModemError
from appliance.channels.gsm.events import Event, Key, Over, Ringing, Text
from appliance.channels.gsm.firmware import Fault
from appliance.channels.gsm.mailbox import deliveries
from appliance.channels.gsm.modem import Modem
from appliance.channels.gsm.profiles import families
from appliance.channels.gsm.simulator import Simulator
from tests.audio_server import until

KINDS = list(families())
NOISY: set[Fault] = {"split lines", "doubled lines", "interleaved lines"}


class Desk:
    """A modem and what it told."""

    def __init__(self, simulator: Simulator, pin: str = "") -> None:
        self.told: list[Event] = []
        self.modem = Modem(simulator.found, self.told.append, pin)

    def heard(self, kind: type[Event]) -> Callable[[], bool]:
        return lambda: any(isinstance(event, kind) for event in self.told)


@asynccontextmanager
async def plugged(
    kind: str = "simcom", faults: set[Fault] | None = None, pin: str = "", given: str = "", up: bool = True
) -> AsyncIterator[tuple[Simulator, Desk]]:
    simulator = Simulator(kind, faults, pin)
    simulator.plug_in()
    desk = Desk(simulator, given)
    running = asyncio.create_task(desk.modem.run())
    try:
        if up:
            await until(lambda: desk.modem.health.on)
        yield simulator, desk
    finally:
        running.cancel()
        await asyncio.wait([running])
        simulator.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("faults", [set(), NOISY], ids=["clean", "noisy"])
async def test_a_call_comes_is_answered_and_ends(kind: str, faults: set[Fault]) -> None:
    async with plugged(kind, faults) as (simulator, desk):
        simulator.ring("+15550142")
        await until(desk.heard(Ringing))
        await desk.modem.answer()
        assert simulator.sound_on
        simulator.press("4#")
        await until(lambda: len([e for e in desk.told if isinstance(e, Key)]) == 2)
        simulator.hang_up()
        await until(desk.heard(Over))
        keys = [event.key for event in desk.told if isinstance(event, Key)]
        assert desk.told[0] == Ringing("+15550142")
        assert keys == ["4", "#"]
        assert len([event for event in desk.told if isinstance(event, Over)]) == 1
        assert simulator.wrong == []


async def test_a_caller_who_hides_the_number_rings_all_the_same() -> None:
    async with plugged() as (simulator, desk):
        simulator.ring(shown=False)
        await until(desk.heard(Ringing))
        assert desk.told == [Ringing("")]


async def test_the_desk_hangs_up_and_the_next_call_comes() -> None:
    async with plugged() as (simulator, desk):
        for _ in range(3):
            desk.told.clear()
            simulator.ring()
            await until(desk.heard(Ringing))
            await desk.modem.answer()
            await desk.modem.hang_up()
            assert simulator.line is None
            assert not simulator.sound_on


@pytest.mark.parametrize("kind", KINDS)
async def test_the_sound_is_turned_on_once_the_call_stands_and_off_after_it(kind: str) -> None:
    async with plugged(kind) as (simulator, desk):
        simulator.ring()
        await until(desk.heard(Ringing))
        await desk.modem.answer()
        simulator.hang_up()
        await until(desk.heard(Over))
        await desk.modem.hang_up()
        family = families()[kind]
        sound = [f"AT{told}" for told in simulator.told if f"AT{told}" in ("ATA", *family.begin, *family.end)]
        assert sound == ["ATA", *family.begin, *family.end]
        assert "+CHUP" not in simulator.told


async def test_the_end_of_a_call_is_found_out_though_nobody_says_so() -> None:
    async with plugged(faults={"no carrier is never said"}) as (simulator, desk):
        simulator.ring()
        await until(desk.heard(Ringing))
        await desk.modem.answer()
        simulator.hang_up()
        await until(desk.heard(Over), within=10)


async def test_a_caller_who_gives_up_before_the_desk_answers_leaves_no_call_behind() -> None:
    async with plugged() as (simulator, desk):
        simulator.ring()
        await until(desk.heard(Ringing))
        simulator.hang_up()
        with pytest.raises(ModemError):
            await desk.modem.answer()
        assert simulator.line is None


async def test_sound_that_fails_in_the_second_call_is_healed_by_a_restart() -> None:
    async with plugged(faults={"second sound fails"}) as (simulator, desk):
        simulator.ring()
        await until(desk.heard(Ringing))
        await desk.modem.answer()
        await desk.modem.hang_up()
        simulator.ring()
        await until(lambda: simulator.line is not None and len(desk.told) >= 3, within=5)
        with pytest.raises(ModemError, match="sound did not come on"):
            await desk.modem.answer()
        await until(lambda: simulator.restarts == 1 and simulator.plugged and desk.modem.health.on, within=8)
        desk.told.clear()
        simulator.ring()
        await until(desk.heard(Ringing))
        await desk.modem.answer()
        assert simulator.sound_on
        assert desk.modem.health.restarts == 1


async def test_unplugged_in_mid_call_the_call_is_over_and_after_replugging_the_next_one_comes() -> None:
    async with plugged() as (simulator, desk):
        simulator.ring()
        await until(desk.heard(Ringing))
        await desk.modem.answer()
        simulator.unplug()
        await until(desk.heard(Over))
        assert not desk.modem.health.on
        simulator.plug_in()
        await until(lambda: desk.modem.health.on, within=10)
        desk.told.clear()
        simulator.ring()
        await until(desk.heard(Ringing))


async def test_a_call_that_a_killed_desk_left_behind_is_ended_at_the_next_start() -> None:
    simulator = Simulator()
    simulator.plug_in()
    simulator.ring()
    assert simulator.do("A")[0] == "OK"
    desk = Desk(simulator)
    running = asyncio.create_task(desk.modem.run())
    try:
        await until(lambda: desk.modem.health.on)
        assert simulator.line is None
    finally:
        running.cancel()
        await asyncio.wait([running])
        simulator.close()


async def test_a_call_that_rings_while_the_desk_starts_is_there_to_be_answered() -> None:
    simulator = Simulator()
    simulator.plug_in()
    simulator.ring()
    desk = Desk(simulator)
    running = asyncio.create_task(desk.modem.run())
    try:
        await until(desk.heard(Ringing))
        await until(lambda: desk.modem.health.on)
        await desk.modem.answer()
        assert simulator.sound_on
    finally:
        running.cancel()
        await asyncio.wait([running])
        simulator.close()


async def test_network_lost_and_found_again_is_told() -> None:
    async with plugged() as (simulator, desk):
        simulator.leave_network()
        await until(lambda: not desk.modem.health.on)
        assert "no network" in desk.modem.health.why
        simulator.join_network()
        await until(lambda: desk.modem.health.on)


async def test_the_sim_is_unlocked_with_its_pin() -> None:
    async with plugged(pin="1234", given="1234") as (simulator, _):
        assert not simulator.sim.locked


@pytest.mark.parametrize(("pin", "tries"), [("", 3), ("0000", 2)])
async def test_a_wrong_pin_is_never_said_twice(pin: str, tries: int) -> None:
    async with plugged(pin="1234", given=pin, up=False) as (simulator, desk):
        await until(lambda: "PIN" in desk.modem.health.why)
        await asyncio.sleep(2.5)
        assert simulator.sim.tries == tries
        assert "pin_file" in desk.modem.health.why


async def test_a_sim_that_asks_for_its_puk_is_left_alone() -> None:
    async with plugged(faults={"asks for PUK"}, up=False) as (_, desk):
        await until(lambda: "PUK" in desk.modem.health.why)
        assert not desk.modem.health.on


async def test_calls_go_out_and_keys_are_pressed() -> None:
    async with plugged() as (simulator, desk):
        await desk.modem.dial("+15550111")
        await desk.modem.press("12#")
        assert simulator.dialled == ["+15550111"]
        assert simulator.pressed == ["1", "2", "#"]
        assert simulator.sound_on


async def test_nobody_answers_a_call_that_goes_out() -> None:
    async with plugged() as (simulator, desk):
        simulator.answers = False
        with pytest.raises(ModemError, match="nobody answered"):
            await desk.modem.dial("+15550111", patience=1.0)
        assert simulator.line is None


async def test_a_long_text_goes_out_in_parts_and_is_whole_at_the_other_end() -> None:
    async with plugged(faults=NOISY) as (simulator, desk):
        text = "Ваша запись на четверг подтверждена. " * 5
        await desk.modem.text("+15550111", text)
        assert len(simulator.mailbox.sent) > 1
        assert "".join(part for _, part in simulator.mailbox.sent) == text


def delivered(text: str, number: str = "+15550177") -> list[str]:
    return deliveries(number, text, datetime(2026, 11, 23, 13, 9, tzinfo=UTC))


async def test_a_text_that_comes_in_parts_is_told_once_and_whole() -> None:
    async with plugged(faults=NOISY) as (simulator, desk):
        text = "Please call me back about the pipe. " * 9
        parts = delivered(text)
        assert len(parts) == 3
        simulator.deliver([parts[2], parts[0]])
        await asyncio.sleep(0.3)
        assert not desk.heard(Text)()
        assert len(simulator.mailbox.came) == 2
        simulator.deliver([parts[1]])
        await until(desk.heard(Text))
        await until(lambda: simulator.mailbox.came == {})
        (event,) = [event for event in desk.told if isinstance(event, Text)]
        assert (event.sms.number, event.sms.text) == ("+15550177", text)


@pytest.mark.parametrize(("days", "told"), [(0.5, 0), (1.5, 1)])
async def test_a_part_that_never_comes_is_not_awaited_for_ever(days: float, told: int) -> None:
    simulator = Simulator()
    simulator.plug_in()
    text = "Please call me back about the pipe. " * 9
    parts = deliveries("+15550177", text, datetime.now(UTC) - timedelta(days=days))
    simulator.deliver([parts[0], parts[2]])
    desk = Desk(simulator)
    running = asyncio.create_task(desk.modem.run())
    try:
        await until(lambda: desk.modem.health.on)
        await asyncio.sleep(0.2)
        texts = [event.sms.text for event in desk.told if isinstance(event, Text)]
        assert len(texts) == told
        assert all(text[:153] in each and " ... " in each for each in texts)
        assert len(simulator.mailbox.came) == (0 if told else 2)
    finally:
        running.cancel()
        await asyncio.wait([running])
        simulator.close()


async def test_a_text_that_nobody_takes_stays_in_the_modem_and_calls_come_all_the_same() -> None:
    simulator = Simulator()
    simulator.plug_in()
    parts = deliveries("+15550177", "Please call me back. " * 15, datetime.now(UTC) - timedelta(days=2))
    simulator.deliver(parts[:1])
    refused = []

    def nobody(event: Event) -> None:
        if isinstance(event, Text):
            refused.append(event)
            raise ModemError("the desk is in safe mode")

    modem = Modem(simulator.found, nobody)
    running = asyncio.create_task(modem.run())
    try:
        await until(lambda: refused)
        await asyncio.sleep(0.1)
        assert modem.health.on
        assert len(simulator.mailbox.came) == 1
    finally:
        running.cancel()
        await asyncio.wait([running])
        simulator.close()


async def test_texts_that_came_while_the_desk_was_off_are_read_at_the_start() -> None:
    simulator = Simulator()
    simulator.plug_in()
    simulator.deliver(delivered("Are you open today?"))
    desk = Desk(simulator)
    running = asyncio.create_task(desk.modem.run())
    try:
        await until(desk.heard(Text))
        await until(lambda: simulator.mailbox.came == {})
    finally:
        running.cancel()
        await asyncio.wait([running])
        simulator.close()


async def test_one_that_goes_while_its_port_is_opened_is_looked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def goes(*_: int) -> None:
        monkeypatch.undo()
        raise termios.error(errno.EIO, "Input/output error")

    monkeypatch.setattr(termios, "tcflush", goes)
    async with plugged() as (_, desk):
        assert desk.modem.health.on


async def test_the_balance_is_asked_for() -> None:
    async with plugged() as (_, desk):
        assert await desk.modem.balance("*100#") == "Balance 12.50"
        with pytest.raises(ModemError, match="no code"):
            await desk.modem.balance("*100#;ATD112")


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_ones() -> None:
    simulator = Simulator(faults={"slow answers"})
    simulator.plug_in()
    found = simulator.found()
    assert found
    from appliance.channels.gsm.at import open_port

    unasked: list[str] = []
    port = AtPort(open_port(found.at), unasked.append, lambda: None)
    try:
        await port.ask("ATE0")
        with pytest.raises(ModemError, match="does not answer"):
            await port.ask("AT+CGMI", patience=0.05)
        assert await port.ask("AT+CGSN") == ["490154203237518"]
    finally:
        port.close()
        simulator.close()


async def test_errors_name_the_command_and_nothing_that_it_carries() -> None:
    async with plugged() as (_, desk):
        with pytest.raises(ModemError) as refused:
            await desk.modem._ask("AT+CMGR=77")
        assert refused.value.code == "+CMS ERROR: 321"
        assert "77" not in refused.value.wrong.replace("+CMS ERROR: 321", "")


async def test_a_command_that_was_broken_off_is_not_answered_by_the_next_ones() -> None:
    async with plugged() as (simulator, desk):
        simulator.faults.add("slow answers")
        asking = asyncio.create_task(desk.modem._ask("AT+CGMI"))
        await asyncio.sleep(0.05)
        asking.cancel()
        assert await desk.modem._ask("AT+CGSN") == ["490154203237518"]


async def test_a_text_that_was_broken_off_takes_no_command_for_its_words() -> None:
    async with plugged() as (simulator, desk):
        simulator.faults.add("slow answers")
        sending = asyncio.create_task(desk.modem.text("+15550111", "Hello"))
        await asyncio.sleep(0.1)
        sending.cancel()
        await asyncio.wait([sending])
        simulator.faults.clear()
        await desk.modem.text("+15550112", "Good evening")
        assert simulator.mailbox.sent == [("+15550112", "Good evening")]
