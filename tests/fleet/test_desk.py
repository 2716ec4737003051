"""A whole desk as one of a fleet, in this process: what it tells, does, and becomes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from appliance.channels.scripted import ScriptedCaller
from appliance.config import read_box
from appliance.config.given import Shelf
from appliance.console.server import Status
from appliance.errors import StorageError
from appliance.fleet.alerts.attention import attention
from appliance.fleet.page import lists, views
from appliance.fleet.people.scope import ALL
from appliance.fleet.rollouts import bundles
from appliance.fleet.serve import Fleet
from appliance.orders import installer, membership
from appliance.orders.membership import Restart
from appliance.telemetry.outbox import Outbox
from appliance.workshop.workshop import Workshop
from tests.fleet.desks import Make, all_that_was_told, wish, wished
from tests.fleet.waiting import until
from tests.regulars import DESK
from tests.telemetry.brokers import needs_mosquitto

pytestmark = needs_mosquitto

SECRET = "where is the unicorn of Ann Smith 555 0142"


async def test_a_call_is_told_with_its_turns_and_without_its_words(desk_of: Make, fleet: Fleet) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        await desk.app.chat(ScriptedCaller(["when are you open", SECRET, "no"], "one"))
        await until(lambda: lists.told(fleet.store, ALL, "call", 9, 0, "lobby"))
        [call] = lists.told(fleet.store, ALL, "call", 9, 0, "lobby")
        assert (call["outcome"], call["channel"], call["unanswered"]) == ("unanswered", "scripted", 1)
        turns = views.turns(fleet.store, "lobby", "one")
        assert [turn["n"] for turn in turns] == list(range(1, call["turns"] + 1))
        assert "hours" in [turn["intent"] for turn in turns]
        assert sum(turn["wait"] is not None for turn in turns) == 3
        await until(lambda: desk.seen()["latency"]["n"] == 3)
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


async def test_a_desk_file_of_the_fleet_is_served_and_a_bad_one_is_refused(
    desk_of: Make, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        newer = DESK.replace("Alder", "Birch")
        assert newer != DESK
        wish(fleet, newer)
        await until(lambda: desk.seen()["desk"] == desk.seen()["wanted"])
        assert desk.path.read_text() == newer
        assert desk.app.desk.digest == desk.seen()["wanted"]
        wish(fleet, 'name = "A"\ncolour = "red"\n')
        await until(lambda: desk.seen()["reported"].get("fine") is False)
        assert "line 2" in desk.seen()["reported"]["why"]
        assert desk.path.read_text() == newer
        await until(lambda: "refused the desk file" in {each["cause"] for each in attention(fleet.store)})
        # Whatever fails, the next command is obeyed.
        monkeypatch.setattr(Workshop, "publish", None)
        serial = wish(fleet, DESK.replace("Alder", "Cedar"))
        assert (await desk.ask("logs"))[0] == "done"
        await until(lambda: desk.seen()["reported"]["serial"] == serial)
        assert "TypeError" in desk.seen()["reported"]["why"]


async def test_an_older_version_is_refused_unless_it_says_so_and_one_is_undone(
    desk_of: Make, fleet: Fleet
) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        old = bundles.make(fleet.store, fleet.pieces, "old", desk=DESK.replace("Alder", "Birch"))
        wish(fleet, DESK.replace("Alder", "Cedar"))
        await until(lambda: desk.seen()["reported"].get("version") == 2)
        assert desk.seen()["wished"] == {"version": 2, "name": "new"}
        wished(fleet, bundles.manifest(old))
        await until(lambda: desk.seen()["reported"]["fine"] is False)
        assert "older than 2" in desk.seen()["reported"]["why"]
        assert "Cedar" in desk.path.read_text()
        wished(fleet, bundles.manifest(old, back=True))
        await until(lambda: desk.seen()["reported"]["version"] == 1)
        assert "Birch" in desk.path.read_text()
        assert desk.seen()["reported"]["hash"] == old.hash
        wished(fleet, bundles.undoing(1))
        await until(lambda: desk.seen()["reported"]["state"] == "undone")
        assert "Cedar" in desk.path.read_text()
        # What it does not have it need not undo.
        serial = wished(fleet, bundles.undoing(7))
        await until(lambda: desk.seen()["reported"]["serial"] == serial)
        assert "Cedar" in desk.path.read_text()


async def test_settings_and_models_are_there_after_a_restart_and_go_back_where_they_are_no_good(
    desk_of: Make, fleet: Fleet, tmp_path: Path
) -> None:
    desk = await asyncio.to_thread(desk_of)
    model = tmp_path / "own-voice"
    model.mkdir()
    (model / "voice.onnx").write_bytes(b"a voice")
    box_file = tmp_path / "box.toml"
    settings = desk.box.fleet
    files = "".join(f'{n} = "{getattr(settings, n)}"\n' for n in ("ca", "certificate", "key", "signer"))
    none = "".join(
        f'{kind} = {{engine = "none"}}\n' for kind in ("vad", "eot", "echo", "asr", "tts", "embed", "llm")
    )
    box_file.write_text(
        f'data = "."\n[engines]\n{none}[kiosk]\nwake = "speech"\n'
        f'[fleet]\nenabled = true\nbroker = "{settings.broker}"\ndevice = "lobby"\n{files}'
    )
    async with desk.up():
        wish(fleet, settings="[fleet]\nenabled = false\n")
        await until(lambda: "cannot set fleet" in desk.seen()["reported"].get("why", ""))
        wish(
            fleet, DESK.replace("Alder", "Birch"), models={"own-voice": model},
            settings='recordings = true\n[engines]\nllm = {engine = "fake"}\n',
        )  # fmt: skip
        await until(desk.serving.done)
        assert isinstance(desk.serving.exception(), Restart)
        assert "Alder" in desk.path.read_text()
    assert Shelf(tmp_path).starting(desk.path) == ""
    box, _ = read_box(box_file)
    assert (box.recordings, box.engines.llm.engine) == (True, "fake")
    assert (box.models / "own-voice" / "voice.onnx").read_bytes() == b"a voice"
    assert "Birch" in desk.path.read_text()
    desk.box = box
    async with desk.up():
        await until(lambda: desk.seen()["reported"].get("state") == "applied")
        assert not Shelf(tmp_path).current.trial
        # An engine that was on and cannot be had with what is new.
        wish(fleet, settings='[engines]\nllm = {engine = "llama", model = "nowhere"}\n')
        await until(desk.serving.done)
    Shelf(tmp_path).starting(desk.path)
    desk.box, _ = read_box(box_file)
    assert desk.box.engines.llm.model == "nowhere"
    async with desk.up():
        await until(desk.serving.done)
    desk.box, _ = read_box(box_file)
    assert desk.box.engines.llm.engine == "fake"
    async with desk.up():
        await until(lambda: desk.seen()["reported"]["fine"] is False)
        assert "llm is off" in desk.seen()["reported"]["why"]


async def test_a_candidate_answers_its_share_and_ends_by_itself_where_callers_are_served_worse(
    desk_of: Make, fleet: Fleet
) -> None:
    desk = await asyncio.to_thread(desk_of)
    async with desk.up():
        # It knows nothing of the hours any more.
        bad = DESK.replace("when are you open", "purple elephants").replace("opening hours", "odd trombones")
        version = wish(fleet, bad, share=50) and 1
        await until(lambda: desk.seen()["reported"].get("state") == "trying")
        assert desk.app.candidate
        assert desk.path.read_text() == DESK
        for number in range(60):
            if not desk.app.candidate:
                break
            await desk.app.chat(ScriptedCaller(["when are you open", "no"], f"call {number}"))
            await asyncio.sleep(0)
        await until(lambda: desk.seen()["reported"].get("state") == "ended")
        told = desk.seen()["reported"]
        assert "unanswered" in told["why"]
        assert [gate["gate"] for gate in told["gates"] if not gate["fine"]] == ["unanswered"]
        assert desk.app.candidate is None
        arms = fleet.store.read(
            """select data ->> '$.arm', data ->> '$.bundle', sum(data ->> '$.unanswered' > 0), count(*) > 5
                from message where kind = 'call' group by 1, 2"""
        )
        assert {(arm, by, bool(wrong)) for arm, by, wrong, _ in arms} == {
            ("candidate", version, True), ("rest", 0, False),
        }  # fmt: skip
        kept = await asyncio.to_thread(desk.app.books.calls.page)
        assert {call.arm for call in kept} == {"candidate", "rest"}


async def test_a_candidate_goes_on_after_a_restart_and_with_more_callers(desk_of: Make, fleet: Fleet) -> None:
    desk = await asyncio.to_thread(desk_of)
    made = bundles.make(fleet.store, fleet.pieces, "new", desk=DESK.replace("nine", "ten"))
    async with desk.up():
        wished(fleet, bundles.manifest(made, 20))
        await until(lambda: desk.app.candidate)
        await desk.app.chat(ScriptedCaller(["when are you open"], "one"))
        secret = desk.app.candidate.secret
    async with desk.up():
        await until(lambda: desk.app.candidate)
        assert (desk.app.candidate.secret, desk.app.candidate.share) == (secret, 20)
        wished(fleet, bundles.manifest(made, 60))
        await until(lambda: desk.app.candidate.share == 60)
        assert desk.app.candidate.secret == secret
        wished(fleet, bundles.manifest(made))
        await until(lambda: "ten" in desk.path.read_text())
        assert desk.app.candidate is None
        await until(lambda: desk.seen()["reported"]["version"] == made.version)
        await desk.app.chat(ScriptedCaller(["when are you open"], "two"))
        query = "select data ->> '$.bundle' from message where kind = 'call' order by id desc limit 1"
        await until(lambda: fleet.store.read(query) == [(made.version,)])


async def test_a_system_is_handed_to_what_installs_one_or_refused_in_plain_words(
    desk_of: Make, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await asyncio.to_thread(desk_of)
    system = tmp_path / "system.raucb"
    system.write_bytes(b"a system")
    monkeypatch.setattr(installer, "PROGRAM", str(tmp_path / "rauc"))
    async with desk.up():
        wish(fleet, system=system)
        await until(lambda: "RAUC is not on it" in desk.seen()["reported"].get("why", ""))
        (tmp_path / "rauc").write_text(f'#!/bin/sh\ncp "$2" {tmp_path}/installed\n')
        (tmp_path / "rauc").chmod(0o755)
        wish(fleet, system=system)
        await until(lambda: desk.seen()["reported"]["state"] == "applied")
        assert (tmp_path / "installed").read_bytes() == b"a system"
        (tmp_path / "rauc").write_text("#!/bin/sh\necho signature verification failed\nexit 1\n")
        wish(fleet, system=system)
        await until(lambda: "signature verification failed" in desk.seen()["reported"]["why"])


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
