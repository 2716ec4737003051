"""What a box does that the fleet asks for, and what becomes of it."""

from __future__ import annotations

import asyncio
import logging
import secrets

import pytest

from appliance.channels.kiosk import Kiosk
from appliance.channels.scripted import ScriptedCaller
from appliance.channels.soundcard import SoundCard
from appliance.engines.fake import FakeVad
from appliance.errors import ApplianceError
from appliance.fleet.line import dispatch
from appliance.fleet.membership import members
from appliance.fleet.page import views
from appliance.fleet.serve import Fleet
from appliance.orders import obeying
from appliance.orders.membership import Restart
from appliance.orders.obeying import parts
from appliance.telemetry import wire
from tests.fleet.desks import Make, all_that_was_told
from tests.fleet.waiting import until
from tests.telemetry.brokers import needs_mosquitto

pytestmark = needs_mosquitto


async def test_commands_are_done_and_what_cannot_be_says_why(desk_of: Make, fleet: Fleet) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        await until(lambda: desk.member.state[0])
        logging.getLogger("appliance").warning("a line of the log")
        state, result = await desk.ask("logs")
        assert (state, "lines" in result) == ("done", True)
        [(id,)] = fleet.store.read("select id from command")
        # A long log comes in parts.
        await until(
            lambda: any("a line of the log" in line for line in views.log(fleet.store, "lobby", id)["lines"])
        )
        assert await desk.ask("mute") == ("failed", "this box has no kiosk that is on")
        assert desk.member.state[0]


async def test_the_kiosk_is_muted_and_greets_or_says_why_not(desk_of: Make, fleet: Fleet) -> None:
    desk = await asyncio.to_thread(desk_of)
    desk.kiosk = kiosk = Kiosk(card := SoundCard(), FakeVad(), mode="button")
    card.on, card.why = False, "no microphone"
    async with desk.up():
        assert await desk.ask("greet") == ("failed", "the kiosk is off: no microphone")
        card.on, card.why = True, ""
        assert (await desk.ask("mute"))[0] == "done"
        await until(lambda: desk.seen()["health"].get("muted"))
        assert (await desk.ask("greet"))[1].startswith("the kiosk is muted")
        assert (await desk.ask("unmute"))[0] == "done"
        assert not kiosk._pressed.is_set()
        assert await desk.ask("greet") == ("done", "the kiosk greets")
        assert kiosk._pressed.is_set()


def test_a_log_goes_in_parts_that_a_message_takes() -> None:
    lines = [letter * 250 for letter in "x…\x1b" * 100]
    found = parts(lines)
    assert [line for part in found for line in part] == lines
    for part in found:
        told = {"id": "a" * 64, "part": 1, "parts": 99, "lines": part}
        assert len(wire.pack(told)) < wire.LARGEST - 200
    assert parts([]) == []


async def test_a_restart_ends_the_program_and_is_done_when_it_is_back(desk_of: Make, fleet: Fleet) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        await until(lambda: desk.member.state[0])
        desk.app._idle.clear()
        id = dispatch.ask(fleet.store, "lobby", "restart")
        await until(lambda: fleet.store.read("select state from command") == [("running",)])
        await asyncio.sleep(0.1)
        assert not desk.serving.done()  # A call is under way.
        desk.app._idle.set()
        await until(desk.serving.done)
        assert isinstance(desk.serving.exception(), Restart)
    async with desk.up():
        assert (await desk.answered(id))[0] == "done"
        # The next one is another start, and the fleet is told of the one before.
        await until(lambda: desk.seen()["began"].get("before"))


async def test_a_locked_desk_tells_each_caller_so_until_it_is_unlocked(desk_of: Make, fleet: Fleet) -> None:
    desk = await asyncio.to_thread(desk_of)

    async def first_words() -> str:
        caller = ScriptedCaller(["when are you open"], secrets.token_hex(4))
        await desk.app.chat(caller)
        return caller.spoken().text

    async with desk.up():
        assert (await desk.ask("lock"))[0] == "done"
        assert "takes no calls" in await first_words()
        await until(lambda: desk.seen()["health"].get("locked"))
    async with desk.up():
        await until(lambda: desk.app.leave.locked)
        assert (await desk.ask("unlock"))[0] == "done"
        assert "takes no calls" not in await first_words()


async def test_the_log_is_followed_for_a_while_beside_other_commands(
    desk_of: Make, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(obeying, "EVERY", 0.05)
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        id = dispatch.ask(fleet.store, "lobby", "stream", {"minutes": 1})
        await until(lambda: desk.member._obeying._streaming)
        log = logging.getLogger("appliance")
        log.warning("rung by %s", "+44 20 7946 0018")
        await until(lambda: any("rung by …" in line for line in views.log(fleet.store, "lobby", id)["lines"]))
        assert (await desk.ask("stream"))[0] == "failed"
        assert (await desk.ask("logs"))[0] == "done"
        assert "7946" not in all_that_was_told(fleet)
        with pytest.raises(ApplianceError):
            dispatch.ask(fleet.store, "lobby", "stream", {"minutes": 61})


async def test_a_certificate_is_renewed_where_the_fleet_asks_for_it(desk_of: Make, fleet: Fleet) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        assert (await desk.ask("renew"))[0] == "done"
        await until(lambda: len(members.revoked(fleet.store)) == 1)
        await until(lambda: desk.member.state[0])
        assert (await desk.ask("logs"))[0] == "done"
