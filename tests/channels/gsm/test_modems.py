"""Two modems, two SIMs: both ring the desk, and where one is down or busy the other takes over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.channels import Desk
from appliance.channels.exchange import CallFailed, Exchange
from appliance.channels.gsm.modems import Modems
from appliance.channels.gsm.pdu import Sms
from appliance.channels.gsm.plugs import Plugs, socket_for
from appliance.channels.gsm.simulator import Simulator
from appliance.config import read_box
from appliance.config.trunks import Gsm, named
from appliance.engines.resample import resample
from appliance.errors import ConfigError, DeviceError
from appliance.messages import RATE
from tests.audio_server import until
from tests.channels.gsm.test_line import Echo, loud
from tests.channels.gsm.test_modem import delivered
from tests.channels.sip.test_handoff import CALLER, PERSON, receptionist, seconds_of, tone
from tests.desk import voice
from tests.phone.test_handoff import Line

NUMBER = "+12125550142"


@dataclass
class Two:
    one: Simulator
    two: Simulator
    modems: Modems
    texts: list[Sms]

    @property
    def exchange(self) -> Exchange:
        return Exchange(self.modems.lines)


@asynccontextmanager
async def two(folder: Path, desk: Desk) -> AsyncIterator[Two]:
    simulators = []
    for _ in range(2):
        place, _ = socket_for(folder, "simcom")
        simulators.append(Simulator(folder=place))
        simulators[-1].plug_in()
    settings = named([Gsm(modem="simulator")] * 2)
    texts: list[Sms] = []
    modems = Modems([(each.name, "") for each in settings], Plugs(settings, folder).find, texts.append)
    serving = [asyncio.create_task(line.serve(desk)) for line in modems.lines]
    try:
        await until(lambda: all(line.state[0] for line in modems.lines))
        yield Two(*simulators, modems, texts)
    finally:
        for task in serving:
            task.cancel()
        await asyncio.wait(serving)
        for simulator in simulators:
            simulator.close()


async def test_both_ring_the_desk_at_the_same_time(tmp_path: Path) -> None:
    async with two(tmp_path, echo := Echo()) as there:
        there.one.ring("+15550101")
        there.two.ring("+15550102")
        await until(lambda: len(echo.calls) == 2)
        assert {call.caller for call in echo.calls} == {"+15550101", "+15550102"}
        for simulator in (there.one, there.two):
            simulator.say(resample(voice(0.5), RATE, to=8000))
        await asyncio.sleep(1.2)
        assert all(loud(simulator.hear(), 8000) > 0.4 for simulator in (there.one, there.two))


async def test_the_second_calls_while_the_first_is_down_or_busy_and_the_first_again_afterwards(
    tmp_path: Path,
) -> None:
    async with two(tmp_path, echo := Echo()) as there:
        exchange = there.exchange
        await (await exchange.dial(NUMBER)).hang_up()
        assert (there.one.dialled, there.two.dialled) == ([NUMBER], [])
        there.one.ring()
        await until(lambda: echo.calls)
        await (await exchange.dial(NUMBER)).hang_up()
        assert there.two.dialled == [NUMBER]
        there.one.unplug()
        await until(lambda: not there.modems.lines[0].state[0])
        await (await exchange.dial(NUMBER)).hang_up()
        assert len(there.two.dialled) == 2
        assert exchange.state == (True, "by gsm 2")
        there.one.plug_in()
        await until(lambda: there.modems.lines[0].state[0])
        await (await exchange.dial(NUMBER)).hang_up()
        assert there.one.dialled[-1] == NUMBER
        assert len(there.two.dialled) == 2


async def test_sip_takes_over_where_no_modem_can(tmp_path: Path) -> None:
    async with two(tmp_path, Echo()) as there:
        sip = Line()
        exchange = Exchange([*there.modems.lines, sip])
        there.one.leave_network()
        there.two.leave_network()
        await until(lambda: not any(line.state[0] for line in there.modems.lines))
        call = await exchange.dial(NUMBER)
        assert (call.channel, sip.dialled) == ("sip", [NUMBER])
        await call.hang_up()
        sip.answers = "down"
        with pytest.raises(CallFailed, match=r"gsm: .*network.*gsm 2: .*network.*sip: the trunk"):
            await exchange.dial(NUMBER)


async def test_a_text_is_answered_by_the_number_that_it_came_to_while_that_one_is_up(tmp_path: Path) -> None:
    async with two(tmp_path, Echo()) as there:
        there.two.deliver(delivered("Are you open?", NUMBER))
        await until(lambda: there.texts)
        await there.modems.text(NUMBER, "Until five.")
        await there.modems.text("+12125550199", "Somebody else.")
        assert there.two.mailbox.sent == [(NUMBER, "Until five.")]
        assert there.one.mailbox.sent == [("+12125550199", "Somebody else.")]
        there.two.unplug()
        await until(lambda: not there.modems.lines[1].state[0])
        await there.modems.text(NUMBER, "We are back.")
        assert there.one.mailbox.sent[-1] == (NUMBER, "We are back.")
        there.one.leave_network()
        await until(lambda: not there.modems.ready)
        with pytest.raises(DeviceError, match="no modem"):
            await there.modems.text(NUMBER, "Hello?")


async def test_a_caller_by_one_modem_is_put_through_by_the_other(tmp_path: Path) -> None:
    desk = receptionist(tmp_path, NUMBER)
    async with two(tmp_path, desk) as there:
        desk.exchange = there.exchange
        there.one.ring(shown=False)
        await until(lambda: desk.turns)
        there.one.say(resample(voice(0.8), RATE, to=8000))
        await until(lambda: there.two.dialled == [NUMBER] and there.two.sound_on)
        # The person hears who it is, and says yes.
        await until(lambda: loud(bytes(there.two._desk), 8000) > 1.0)
        there.two.say(resample(voice(0.8), RATE, to=8000))
        await asyncio.sleep(2.0)
        there.one.hear(), there.two.hear()
        there.one.say(resample(tone(CALLER, 1), RATE, to=8000))
        there.two.say(resample(tone(PERSON, 1), RATE, to=8000))
        await asyncio.sleep(1.6)
        person, caller = (resample(each.hear(), 8000, to=RATE) for each in (there.two, there.one))
        there.two.hang_up()
        await until(lambda: desk.ended == 1)
        await until(lambda: there.one.line is None)
    assert desk.done == ["joined"]
    assert seconds_of(CALLER, person) == pytest.approx(1.0, abs=0.3)
    assert seconds_of(PERSON, caller) == pytest.approx(1.0, abs=0.3)


def test_what_is_wrong_with_the_modems_of_a_box_is_told_with_its_line(tmp_path: Path) -> None:
    box = tmp_path / "box.toml"
    for text, told in (
        ('data = "var"\n[gsm]\nmodem = "auto"', r"line 2: gsm must be a list; write it as \[\[gsm\]\]"),
        ('data = "var"\n[[gsm]]\nmodem = "huawei"', "line 2: .*without its ports"),
        ('data = "var"\n[[gsm]]\nname = "a"\n[[gsm]]\nname = "a"', "line 2: gsm has two modems of the same"),
    ):
        box.write_text(text)
        with pytest.raises(ConfigError, match=told):
            read_box(box)


def test_each_has_a_name_and_a_pin_is_said_to_no_other_sim(tmp_path: Path) -> None:
    assert [each.name for each in named([Gsm(), Gsm(name="Vodafone"), Gsm()])] == ["gsm", "Vodafone", "gsm 3"]
    with pytest.raises(ValueError, match="same name"):
        named([Gsm(name="a"), Gsm(name="a")])
    with pytest.raises(ValueError, match="wrong one"):
        named([Gsm(pin_file=tmp_path), Gsm()])
    named([Gsm(pin_file=tmp_path, usb="1-1.2"), Gsm()])
