"""A whole desk as one of a fleet, in this process: what it tells, does, and becomes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from appliance import membership
from appliance.app import App
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Box, read_desk
from appliance.config.box import Fleet as Settings
from appliance.config.versions import Versions
from appliance.console.server import Status
from appliance.errors import StorageError
from appliance.fleet import dispatch, members, views
from appliance.fleet.alerts import attention
from appliance.fleet.serve import Fleet
from appliance.membership import Membership, Restart
from appliance.telemetry import enrol, wire
from appliance.telemetry.outbox import Outbox
from appliance.workshop.workshop import Workshop
from tests.fleet.conftest import until
from tests.telemetry.brokers import needs_mosquitto
from tests.test_acquaintance import DESK
from tests.test_app import ENGINES

pytestmark = needs_mosquitto

SECRET = "where is the unicorn of Ann Smith 555 0142"


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "LOOK", 0.05)


class Desk:
    def __init__(self, folder: Path, fleet: Fleet, questions: Any) -> None:
        self.folder = folder
        self.fleet = fleet
        self.status = [Status("gsm", True)]
        [code] = members.invite(fleet.store, fleet.authority, ["lobby"]).values()
        enrol.enrol(code, f"127.0.0.1:{fleet.ports.door}", folder / "keys")
        names = ("ca", "certificate", "key", "signer")
        files = {name: folder / "keys" / f"{name}.pem" for name in names}
        broker = f"127.0.0.1:{fleet.ports.broker}"
        settings = Settings(True, broker, "lobby", **files, questions=questions)
        self.path = folder / "desk.toml"
        self.path.write_text(DESK)
        self.box = Box(folder, engines=ENGINES, fleet=settings)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        desk, _ = read_desk(self.path)
        async with App(self.box, desk) as self.app:
            assert self.app.outbox
            workshop = Workshop(self.app, self.path, self.folder, Versions(self.folder / "desks"))
            await workshop.keep_first()
            files = self.folder / "box.toml", self.path
            self.member = Membership(self.app, self.app.outbox, files, lambda: self.status, workshop)
            self.serving = asyncio.create_task(self.member.serve(self.app))
            try:
                yield
            finally:
                self.serving.cancel()
                with suppress(asyncio.CancelledError, Restart):
                    await self.serving
                workshop.close()

    def seen(self) -> dict[str, Any]:
        found = views.box(self.fleet.store, "lobby")
        assert found
        return found

    async def ask(self, do: str) -> tuple[str, str]:
        """What came of a command."""
        id = dispatch.ask(self.fleet.store, "lobby", do)
        return await self.answered(id)

    async def answered(self, id: str) -> tuple[str, str]:
        def over() -> list[Any]:
            query = "select state, result from command where id = ? and state in ('done', 'failed')"
            return self.fleet.store.read(query, id)

        await until(over)
        [(state, result)] = over()
        return state, result


Make = Callable[..., Desk]


@pytest.fixture
def desk_of(tmp_path: Path, fleet: Fleet) -> Make:
    return lambda questions="count": Desk(tmp_path, fleet, questions)


def all_that_was_told(fleet: Fleet) -> str:
    return " ".join(data for (data,) in fleet.store.read("select data from message"))


async def test_a_call_is_told_with_its_turns_and_without_its_words(desk_of: Make, fleet: Fleet) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        await desk.app.chat(ScriptedCaller(["when are you open", SECRET, "no"], "one"))
        await until(lambda: desk.seen()["latest"])
        [call] = desk.seen()["latest"]
        assert (call["outcome"], call["channel"], call["unanswered"]) == ("unanswered", "scripted", 1)
        turns = views.turns(fleet.store, "lobby", "one")
        assert [turn["n"] for turn in turns] == list(range(1, call["turns"] + 1))
        assert "hours" in [turn["intent"] for turn in turns]
        assert sum(turn["wait"] is not None for turn in turns) == 3
        assert desk.seen()["latency"]["n"] == 3
        assert desk.seen()["desk"] == desk.app.desk.digest
        assert fleet.store.read("select count(*) from message where kind = 'unanswered'") == [(1,)]
    told = all_that_was_told(fleet)
    for word in ("unicorn", "Smith", "555", "Eight"):
        assert word not in told


async def test_the_words_of_a_question_are_told_where_the_box_says_so_and_name_nobody(
    desk_of: Make, fleet: Fleet
) -> None:
    desk = await asyncio.to_thread(desk_of, "words")
    async with desk.up():
        await desk.app.chat(ScriptedCaller([SECRET, "no"], "one"))
        query = "select data ->> '$.text' from message where kind = 'unanswered'"
        await until(lambda: fleet.store.read(query))
        assert fleet.store.read(query) == [("where is the unicorn of …",)]


async def test_what_goes_off_is_told_and_that_it_is_on_again(
    desk_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "CALM", 0.1)
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        desk.status = [Status("gsm", False, "no modem"), Status("kiosk", False, "switched off in box.toml")]
        await until(lambda: desk.seen()["faults"])
        assert [(fault["cause"], fault["why"]) for fault in desk.seen()["faults"]] == [
            ("gsm is off", "no modem")
        ]
        desk.status = [Status("gsm", True)]
        await until(lambda: not desk.seen()["faults"])


async def test_commands_are_done_and_what_cannot_be_says_why(desk_of: Make, fleet: Fleet) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        await until(lambda: desk.member.state[0])
        logging.getLogger("appliance").warning("a line of the log")
        state, result = await desk.ask("logs")
        assert (state, "lines" in result) == ("done", True)
        [(id,)] = fleet.store.read("select id from command")
        # A long log comes in parts.
        await until(lambda: any("a line of the log" in line for line in views.log(fleet.store, "lobby", id)))
        assert await desk.ask("mute") == ("failed", "this box has no kiosk that is on")
        assert desk.member.state[0]


def test_a_log_goes_in_parts_that_a_message_takes() -> None:
    lines = [letter * 250 for letter in "x…\x1b" * 100]
    found = membership.parts(lines)
    assert [line for part in found for line in part] == lines
    for part in found:
        told = {"id": "a" * 64, "part": 1, "parts": 99, "lines": part}
        assert len(wire.pack(told)) < wire.LARGEST - 200
    assert membership.parts([]) == []


async def test_a_disk_that_takes_nothing_at_the_start_ends_nothing(
    desk_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "AGAIN", 0.05)
    desk = await asyncio.to_thread(desk_of)
    tell, full = Outbox.tell, [StorageError("the disk is full")] * 2

    def told(self: Outbox, kind: str, data: dict[str, Any]) -> None:
        if full:
            raise full.pop()
        tell(self, kind, data)

    monkeypatch.setattr(Outbox, "tell", told)
    async with desk.up():
        await until(lambda: desk.seen()["version"])
        assert not full


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


async def test_a_desk_file_of_the_fleet_is_served_and_a_bad_one_is_refused(
    desk_of: Make, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        newer = DESK.replace("Alder", "Birch")
        assert newer != DESK
        dispatch.wish(fleet.store, fleet.authority, "lobby", newer)
        await until(lambda: desk.seen()["desk"] == desk.seen()["wanted"])
        assert desk.path.read_text() == newer
        assert desk.app.desk.digest == desk.seen()["wanted"]
        dispatch.wish(fleet.store, fleet.authority, "lobby", "[broken")
        await until(lambda: desk.seen()["reported"].get("fine") is False)
        assert "line 1" in desk.seen()["reported"]["why"]
        assert desk.path.read_text() == newer
        await until(lambda: "refused the desk file" in {each["cause"] for each in attention(fleet.store)})
        # Whatever fails, the next command is obeyed.
        monkeypatch.setattr(Workshop, "publish", None)
        serial = dispatch.wish(fleet.store, fleet.authority, "lobby", DESK.replace("Alder", "Cedar"))
        assert (await desk.ask("logs"))[0] == "done"
        await until(lambda: desk.seen()["reported"]["serial"] == serial)
        assert "TypeError" in desk.seen()["reported"]["why"]


async def test_a_box_that_was_killed_in_a_call_tells_of_it(desk_of: Make, fleet: Fleet) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        place = desk.app.place
        with place.store.write() as db:
            db.execute(
                "insert into event (conversation, at, kind, data) values ('cut', ?, 'began', '{}')",
                place.store.stamp(),
            )
    async with desk.up():
        await until(lambda: desk.seen()["today"].get("crash") == 1)
