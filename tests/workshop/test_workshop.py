"""The manager changes what the desk says and does, while callers are on the line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.app import App
from appliance.config import SHIPPED, Box, Engine, Engines, digest, read_desk
from appliance.config.versions import Versions
from appliance.errors import ConfigError, StorageError
from appliance.memory.events import EventLog
from appliance.workshop.workshop import ChangedMeanwhile, Workshop, differences
from tests.guest import Guest

NONE = Engine("none")
ENGINES = Engines(NONE, NONE, NONE, NONE, NONE, NONE)

TEXT = """name = "Alder House"

[lines]
greeting = "Hello."

[fact.hours]
ask = ["when are you open", "what are your hours", "are you open today"]
say = "We are open from nine."

[fact.parking]
ask = ["where can I park", "is there parking", "is there a car park"]
say = "Park behind the house."
"""
NEWER = TEXT.replace("from nine", "from ten")


@contextlib.asynccontextmanager
async def opened(folder: Path, text: str | None = TEXT) -> AsyncIterator[tuple[App, Workshop]]:
    """A desk that runs, and its workshop; without a text, on what ships."""
    path = folder / "desk.toml"
    if text is None:
        path = SHIPPED / "desk.toml"
    elif not path.exists():
        path.write_text(text)
    desk, _ = read_desk(path)
    async with App(Box(folder / "var", engines=ENGINES), desk) as app:
        workshop = Workshop(app, path, folder, Versions(folder / "var" / "desks"))
        await workshop.keep_first()
        try:
            yield app, workshop
        finally:
            workshop.close()


@contextlib.asynccontextmanager
async def calling(app: App, call: str = "guest") -> AsyncIterator[Guest]:
    guest = Guest(call)
    talking = asyncio.create_task(app.chat(guest))
    await guest.greeting()
    try:
        yield guest
    finally:
        await guest.leave()
        await talking


async def publish(workshop: Workshop, text: str) -> None:
    await workshop.publish(text, digest(workshop.text), "Ann", "a test")


async def test_a_call_in_progress_ends_on_the_desk_it_began_with_and_the_next_hears_the_new_one(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (app, workshop):
        async with calling(app, "old") as guest:
            assert await guest.ask("when are you open") == "We are open from nine."
            await publish(workshop, NEWER)
            assert await guest.ask("when are you open") == "We are open from nine."
            async with calling(app, "new") as other:
                assert await other.ask("when are you open") == "We are open from ten."
            assert await guest.ask("what are your hours") == "We are open from nine."
        log = EventLog(app.place.store)
        began = {call: log.read(call)[0] for call in ("old", "new")}
    assert (tmp_path / "desk.toml").read_text() == NEWER
    assert {event.kind for event in began.values()} == {"began"}
    assert began["old"].data["desk"] == digest(TEXT)
    assert began["new"].data["desk"] == digest(NEWER)


async def test_the_lines_of_the_new_desk_are_made_ahead(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(TEXT)
    desk, path = read_desk(tmp_path / "desk.toml")
    engines = replace(ENGINES, tts=Engine("fake"))
    async with App(Box(tmp_path / "var", engines=engines), desk) as app:
        workshop = Workshop(app, path, tmp_path, Versions(tmp_path / "desks"))
        await publish(workshop, NEWER)
        await app.prepared()
        assert app.speech
        assert "We are open from ten." in app.speech._kept


async def test_a_form_that_is_open_is_finished_on_the_desk_it_began_with(tmp_path: Path) -> None:
    shipped = (SHIPPED / "desk.toml").read_text()
    async with opened(tmp_path, shipped) as (app, workshop):
        async with calling(app) as guest:
            assert "Which day" in await guest.ask("I need an appointment")
            await publish(workshop, TEXT)
            assert "time" in await guest.ask("next Tuesday")
            assert "name" in await guest.ask("half past ten in the morning")
            await guest.ask("Ann Smith")
            await guest.ask("yes")
            assert "is booked" in await guest.ask("yes")
        assert app.place.store.read("select count(*) from appointment where state = 'booked'") == [(1,)]


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (TEXT.replace('say = "We', 'sey = "We'), "fact.hours.sey"),
        (TEXT.replace('"when are you open"', '"(when are you open"'), "fact.hours.ask"),
        (TEXT.replace("[fact.hours]", "[fact.hours"), ""),
    ],
)
async def test_what_cannot_be_served_is_found_and_the_old_one_stays(
    tmp_path: Path, broken: str, field: str
) -> None:
    async with opened(tmp_path) as (app, workshop):
        (finding,) = [each for each in workshop.check(broken) if each.level == "error"]
        assert finding.field == field
        assert finding.line in range(6, 10)
        assert finding.wrong
        assert finding.mend
        with pytest.raises(ConfigError):
            await publish(workshop, broken)
        async with calling(app) as guest:
            assert await guest.ask("when are you open") == "We are open from nine."
        assert len(workshop.versions()) == 1
    assert (tmp_path / "desk.toml").read_text() == TEXT


async def test_a_directory_that_makes_no_sense_keeps_the_old_desk(tmp_path: Path) -> None:
    good = TEXT + '\n[[actions.directory.people]]\nname = "Ann Smith"\n'
    async with opened(tmp_path, good) as (app, workshop):
        with pytest.raises(ConfigError, match="directory"):
            await publish(workshop, good.replace('name = "Ann', 'duty = 3\nname = "Ben'))
        assert app.place.store.read("select name from contact") == [("Ann Smith",)]
        await publish(workshop, good.replace("Ann", "Cleo"))
        assert app.place.store.read("select name from contact") == [("Cleo Smith",)]


async def test_papers_that_are_not_there_keep_the_old_desk(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, workshop):
        with pytest.raises(ConfigError, match="papers"):
            await publish(workshop, 'documents = "nowhere"\n' + TEXT)
        (tmp_path / "papers").mkdir()
        (tmp_path / "papers" / "house.md").write_text("# House\n\nThe roof is green.\n")
        await publish(workshop, 'documents = "papers"\n' + TEXT)


async def test_a_disk_that_cannot_be_written_keeps_the_old_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with opened(tmp_path) as (app, workshop):
        monkeypatch.setattr("appliance.workshop.workshop.write", full)
        with pytest.raises(StorageError, match="No space"):
            await publish(workshop, NEWER)
        async with calling(app) as guest:
            assert await guest.ask("when are you open") == "We are open from nine."
        assert workshop.text == TEXT


async def test_the_first_publish_of_a_box_on_a_shipped_desk_writes_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path, None) as (_, workshop):
        assert not (tmp_path / "desk.toml").exists()
        before = workshop.text
        await publish(workshop, NEWER)
    assert (SHIPPED / "desk.toml").read_text() == before
    desk, path = read_desk(None, tmp_path / "box.toml")
    assert path == tmp_path / "desk.toml"
    assert desk.digest == digest(NEWER)


async def test_a_file_that_was_changed_by_hand_is_not_overwritten_unseen(tmp_path: Path) -> None:
    by_hand = TEXT.replace("behind the house", "in the yard")
    async with opened(tmp_path) as (_, workshop):
        (tmp_path / "desk.toml").write_text(by_hand)
        with pytest.raises(ChangedMeanwhile) as met:
            await publish(workshop, NEWER)
        assert met.value.theirs == by_hand
        assert met.value.merged == NEWER.replace("behind the house", "in the yard")
        assert (tmp_path / "desk.toml").read_text() == by_hand
        await workshop.publish(NEWER, digest(by_hand), "Ann", "mine")
        kept = [workshop.version(version.id) for version in workshop.versions()]
    assert kept == [NEWER, by_hand, TEXT]


async def test_two_who_change_the_same_line_have_to_choose(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, workshop):
        await publish(workshop, NEWER)
        with pytest.raises(ChangedMeanwhile) as met:
            await workshop.publish(TEXT.replace("nine", "eight"), digest(TEXT), "Ben", "")
        assert met.value.merged is None


async def test_going_back_is_a_new_version_and_nothing_is_lost(tmp_path: Path) -> None:
    async with opened(tmp_path) as (app, workshop):
        await publish(workshop, NEWER)
        first = workshop.versions()[-1]
        await publish(workshop, workshop.version(first.id) or "")
        async with calling(app) as guest:
            assert await guest.ask("when are you open") == "We are open from nine."
        kept = [workshop.version(version.id) for version in workshop.versions()]
    assert kept == [TEXT, NEWER, TEXT]


async def test_told_to_reload_it_serves_the_file_from_the_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as (app, workshop):
        (tmp_path / "desk.toml").write_text("[broken")
        await workshop.reload()
        async with calling(app) as guest:
            assert await guest.ask("when are you open") == "We are open from nine."
        (tmp_path / "desk.toml").write_text(NEWER)
        await workshop.reload()
        async with calling(app) as guest:
            assert await guest.ask("when are you open") == "We are open from ten."
        assert workshop.text == NEWER
        assert workshop.versions()[0].digest == digest(NEWER)


async def test_what_was_changed_by_hand_while_it_was_off_is_kept_too(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    (tmp_path / "desk.toml").write_text(NEWER)
    for _ in range(2):
        async with opened(tmp_path) as (_, workshop):
            kept = [workshop.version(version.id) for version in workshop.versions()]
    assert kept == [NEWER, TEXT]


async def test_a_draft_that_is_tried_out_books_nothing_and_asks_nobody(tmp_path: Path) -> None:
    shipped = (SHIPPED / "desk.toml").read_text()
    draft = shipped.replace("Which day would you like", "Tell me, which day would you like")
    kept: list[object] = []
    async with opened(tmp_path, shipped) as (app, workshop):
        app._keep = kept.append
        trial = await workshop.try_out(draft)
        guest = Guest("trial")
        talking = asyncio.create_task(trial.chat(guest))
        await guest.greeting()
        assert "Tell me, which day" in await guest.ask("I need an appointment")
        for line in ("next Tuesday", "half past ten in the morning", "Ann Smith", "yes"):
            await guest.ask(line)
        assert "is booked" in await guest.ask("yes")
        await guest.ask("do you mend umbrellas made of cheese")
        await guest.leave()
        await talking
        assert guest.turns[1].decision
        store = app.place.store
        for table in ("appointment", "event", "unanswered", "message"):
            assert store.read(f"select count(*) from {table}") == [(0,)], table
        (booked,) = trial.served.place.store.read("select count(*) from appointment")
        assert booked == (1,)
        async with calling(app) as other:
            assert "Tell me" not in await other.ask("I need an appointment")
        folder = trial.served.place.store.path.parent
        assert folder.exists()
    assert not folder.exists()
    assert len(kept) == 2


LAMP = """
[flow.lamp]
phrases = ["switch the lamp on", "turn on the lamp", "lamp on please"]
[flow.lamp.do]
action = "http.request"
with = {template = "lamp"}
confirm = "I switch it on. Yes?"
done = "It is on."

[actions."http.request"]
allow = ["127.0.0.1:PORT"]
template.lamp = {url = "http://127.0.0.1:PORT/lamp"}
"""


async def test_a_draft_that_is_tried_out_reaches_nobody_outside(tmp_path: Path) -> None:
    reached: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.read(100))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    text = TEXT + LAMP.replace("PORT", str(server.sockets[0].getsockname()[1]))
    async with opened(tmp_path, text) as (app, workshop):
        trial = await workshop.try_out(text)
        guest = Guest()
        talking = asyncio.create_task(trial.chat(guest))
        await guest.greeting()
        assert "Yes?" in await guest.ask("switch the lamp on")
        assert "It is on" not in await guest.ask("yes")
        await guest.leave()
        await talking
        events = EventLog(trial.served.place.store).read("guest")
        assert [event.data["why"] for event in events if event.kind == "outcome"] == ["unreachable"]
        assert not reached
        async with calling(app) as other:
            await other.ask("switch the lamp on")
            assert "It is on" in await other.ask("yes")
        assert len(reached) == 1
    server.close()


async def test_no_more_than_three_are_tried_out_and_the_oldest_makes_room(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, workshop):
        trials = [await workshop.try_out(TEXT) for _ in range(4)]
        assert workshop.trial(trials[0].id) is None
        assert all(workshop.trial(trial.id) is trial for trial in trials[1:])


async def test_what_several_asked_comes_first_and_what_is_answered_now_goes(tmp_path: Path) -> None:
    async with opened(tmp_path) as (app, workshop):
        async with calling(app) as guest:
            for text in ("Quack quack?", "do you sell stamps", "Do you sell stamps?"):
                await guest.ask(text)
                await guest.ask("no")
        asked = await workshop.questions()
        assert [(each.text, each.times) for each in asked] == [
            ("Do you sell stamps?", 2),
            ("Quack quack?", 1),
        ]
        stamps = '\n[fact.stamps]\nask = ["do you sell stamps", "can I buy a stamp"]\nsay = "No."\n'
        trial = await workshop.try_out(TEXT + stamps)
        assert await workshop.answer(trial.served, "Do you sell stamps?") == "stamps"
        await publish(workshop, TEXT + stamps)
        assert [each.text for each in await workshop.questions()] == ["Quack quack?"]


def test_differences_leave_out_what_is_the_same() -> None:
    before = "\n".join("abcdefghij")
    rows = differences(before, before.replace("e", "E"), around=1)
    assert rows == [("…", 0, 0, ""), (" ", 4, 4, "d"), ("-", 5, 0, "e"), ("+", 0, 5, "E"), (" ", 6, 6, "f")]
    assert differences(before, before) == []


PUBLISHER = """
import asyncio, sys
from pathlib import Path
from tests.workshop.test_workshop import TEXT, digest, opened

async def main():
    number = 0
    async with opened(Path(sys.argv[1])) as (app, workshop):
        while True:
            number += 1
            text = TEXT + "# " + "x" * 200_000 + f"\\n# {number} end\\n"
            await workshop.publish(text, digest(workshop.on_disk()), "Ann", f"{number}")
            print(digest(text), flush=True)

asyncio.run(main())
"""


def test_killed_in_the_midst_of_publishing_it_starts_with_the_old_file_or_the_new(
    tmp_path: Path,
) -> None:
    chance = random.Random(11)
    (tmp_path / "desk.toml").write_text(TEXT)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.2))
        os.kill(process.pid, signal.SIGKILL)
        told = process.stdout.read().split()
        process.wait()
        desk, _ = read_desk(tmp_path / "desk.toml")
        text = (tmp_path / "desk.toml").read_text()
        assert text.endswith(" end\n")
        versions = Versions(tmp_path / "var" / "desks")
        assert versions.text(desk.digest) == text
        assert set(told) <= {version.digest for version in versions.all()}
