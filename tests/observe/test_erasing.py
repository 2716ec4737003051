"""Of who is erased nothing is in any file any more, whenever the power goes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from appliance.app import App
from appliance.commands import erasing as erasing_command
from appliance.config import Box
from appliance.config.keeping import Retention
from appliance.engines.fake import FakeEmbed
from appliance.engines.inline import InlineThread
from appliance.errors import StorageError
from appliance.memory.events import EventLog, insert
from appliance.memory.recall import Recall
from appliance.observe.calls import ASIDE
from appliance.serving.books import Books
from appliance.telemetry.outbox import Outbox
from appliance.telemetry.told import Discreet
from tests.audio_server import until
from tests.observe.lived import NUMBER, erases_and_dies, found, lived, opened
from tests.test_app import ENGINES


async def test_of_who_was_erased_no_byte_is_left_in_any_file(tmp_path: Path) -> None:
    await lived(tmp_path)
    var = tmp_path / "var"
    assert {"desk.db", "recall.db", "calendar.ics", "scenarios.toml"} <= found(var).keys()
    store, calls, eraser = opened(var)
    counts = eraser.erase(eraser.find(NUMBER))
    assert (counts["conversation"], counts["recording"], counts["appointment"]) == (2, 2, 1)
    assert found(var) == {}  # While the files are open, logs and all.
    assert [call.id for call in calls.page()] == ["ben-books"]
    assert store.read("select name from appointment") == [("Benedict Okafor",)]
    assert sorted(path.name for path in (var / "recordings").iterdir()) == ["ben-books.ogg"]
    assert json.loads(store.read("select counts from receipt")[0][0]) == counts
    calls.close()
    store.close()
    assert found(var) == {}
    assert "Benedict Okafor" in (var / "calendar.ics").read_text()


async def test_a_person_is_found_by_name_or_by_number_however_it_is_written(tmp_path: Path) -> None:
    await lived(tmp_path)
    store, calls, eraser = opened(tmp_path / "var")
    by_number = eraser.find(NUMBER)
    assert eraser.find("(212) 555-0142").rows == by_number.rows
    assert eraser.find("annika  lindqvist").conversations == ("ann-books",)
    assert not any(eraser.find("0142").counts.values())
    assert not any(eraser.find("Nobody Atall").counts.values())
    calls.close()
    store.close()


async def test_a_name_that_was_only_doubted_or_said_in_a_message_is_found_too(tmp_path: Path) -> None:
    store, calls, eraser = opened(tmp_path)
    log = EventLog(store)
    with store.write() as db:
        doubted = {"slot": "name", "value": "Annika Lindqvist", "spoken": "Annika Lindqvist", "form": 1}
        insert(db, "ann-hangs-up", "2026-11-20T09:00:00.000+00:00", "slot.doubted", doubted)
        for call, text in (
            ("ann-calls", "This is Annika Lindqvist, please call me about the dog"),
            ("ben-calls", "please tell Annika Lindqvist that I cannot come"),
            ("cas-calls", "this is Annika Lindqvistson"),
        ):
            db.execute("insert into message (call, at, text) values (?, '2026', ?)", call, text)
        insert(db, "ben-calls", "2026-11-20T09:00:00.000+00:00", "flow.started", {"flow": "book", "form": 1})
    subject = eraser.find("annika lindqvist")
    # Who speaks of her has a conversation of his own, of which only what he said of her goes.
    assert subject.conversations == ("ann-calls", "ann-hangs-up")
    assert subject.counts["message"] == 2
    eraser.export(subject, tmp_path / "ann.zip")
    with zipfile.ZipFile(tmp_path / "ann.zip") as file:
        given = file.read("data.json").decode()
    assert "about the dog" in given
    assert "cannot come" not in given
    (tmp_path / "ann.zip").unlink()
    eraser.erase(subject)
    assert store.read("select call from message") == [("cas-calls",)]
    assert log.read("ben-calls")
    assert found(tmp_path, ("Annika Lindqvist,", "Annika Lindqvist that", '"Annika')) == {}
    calls.close()
    store.close()


async def test_killed_in_the_middle_the_next_start_finishes_it(tmp_path: Path) -> None:
    desk = await lived(tmp_path)
    var, before = tmp_path / "var", tmp_path / "before"
    shutil.copytree(var, before)
    begun: list[int] = []
    step = 0
    while erases_and_dies(var, step):
        store, calls, eraser = opened(var)
        if store.read("select 1 from erasure"):
            begun.append(step)
        untouched = bool(store.read("select 1 from appointment where name like 'Annika%'"))
        eraser.finish()
        assert found(var).keys() == found(before).keys() if untouched else found(var) == {}, step
        calls.close()
        store.close()
        shutil.rmtree(var)
        shutil.copytree(before, var)
        step += 1
    assert len(begun) >= 8
    shutil.rmtree(var)
    shutil.copytree(before, var)
    erases_and_dies(var, begun[0])
    assert found(var)
    async with App(Box(var, engines=ENGINES), desk) as app:
        await until(lambda: not app.place.store.read("select 1 from erasure"))
    assert found(var) == {}


async def test_what_is_in_use_is_not_said_to_be_erased(tmp_path: Path) -> None:
    await lived(tmp_path)
    store, calls, eraser = opened(tmp_path / "var")
    calls.store._kept.execute("pragma busy_timeout = 10")
    with closing(calls.store.connect()) as reader:
        reader.execute("begin")
        reader.execute("select * from call").fetchone()
        with pytest.raises(StorageError, match="in use"):
            eraser.erase(eraser.find(NUMBER))
    assert store.read("select count(*) from erasure") == [(1,)]
    eraser.finish()
    assert found(tmp_path / "var") == {}
    calls.close()
    store.close()


async def test_a_person_gets_all_that_there_is_of_them_and_nothing_of_others(tmp_path: Path) -> None:
    await lived(tmp_path)
    store, calls, eraser = opened(tmp_path / "var")
    eraser.export(eraser.find(NUMBER), tmp_path / "ann.zip")
    with zipfile.ZipFile(tmp_path / "ann.zip") as file:
        names, text = file.namelist(), file.read("data.json").decode()
    data = json.loads(text)
    assert sorted(names) == ["data.json", "recordings/ann-asks.ogg", "recordings/ann-books.ogg"]
    assert data["appointment"][0]["name"] == "Annika Lindqvist"
    assert {call["id"] for call in data["call"]} == {"ann-books", "ann-asks"}
    assert "violet teapot" in text
    assert "Benedict" not in text
    assert "salt" not in text
    calls.close()
    store.close()


async def test_the_commands_find_ask_and_erase(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await lived(tmp_path)
    box = tmp_path / "box.toml"
    box.write_text("")
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert erasing_command.erase(NUMBER, False, box) == 1
    assert "nothing was erased" in capsys.readouterr().out
    assert erasing_command.export(NUMBER, tmp_path / "ann.zip", box) == 0
    assert erasing_command.erase(NUMBER, True, box) == 0
    assert "2 conversations" in capsys.readouterr().out
    assert erasing_command.erase(NUMBER, True, box) == 1
    assert erasing_command.purge(box, tmp_path / "desk.toml") == 0
    assert "nothing" in capsys.readouterr().out
    assert found(tmp_path / "var") == {}


def test_recall_is_there_again_after_an_erasure(tmp_path: Path) -> None:
    store, calls, eraser = opened(tmp_path)
    recall = Recall(store, tmp_path / "recall.db", FakeEmbed(), InlineThread())
    with store.write() as db:
        db.execute("insert into person (id, number, name, since) values (1, '2125550199', 'Ben', '2026')")
        db.execute("insert into person (id, number, name, since) values (2, '2125550142', 'Ann', '2026')")
    recall.keep(1, "ben-books", "deed", "a green bicycle")
    recall.keep(2, "ann-books", "deed", "a violet teapot")
    assert recall.find(1, "the green bicycle")
    eraser.erase(eraser.find("2125550142"))
    again = recall.find(1, "the green bicycle")
    assert again
    assert again.text == "a green bicycle"
    assert found(tmp_path, ("violet teapot",)) == {}
    calls.close()
    store.close()


async def test_an_account_that_was_set_aside_goes_with_a_person_or_when_its_time_is_over(
    tmp_path: Path,
) -> None:
    await lived(tmp_path)
    var = tmp_path / "var"
    store, calls, eraser = opened(var)
    for end in ("", "-wal"):
        (var / f"{ASIDE}{end}").write_bytes(b"the violet teapot")
    assert eraser.purge(Retention()) == {}
    eraser.erase(eraser.find(NUMBER))
    assert found(var) == {}
    (var / ASIDE).write_bytes(b"the violet teapot")
    os.utime(var / ASIDE, (0, 0))
    assert eraser.purge(Retention())["damaged file"] == 1
    assert not (var / ASIDE).exists()
    calls.close()
    store.close()


async def test_what_waits_for_the_fleet_loses_the_words_of_who_is_erased(tmp_path: Path) -> None:
    await lived(tmp_path)
    store, calls, eraser = opened(tmp_path / "var")
    told = Discreet(Outbox(store), "words").put
    with store.write() as db:
        told(db, "unanswered", {"call": "ann-asks", "text": "xyzzy plugh the violet teapot"})
        told(db, "unanswered", {"call": "ben-books", "text": "something else"})
    eraser.erase(eraser.find(NUMBER))
    left = [json.loads(data) for (data,) in store.read("select data from outbox order by seq")]
    assert left == [{"call": "ann-asks"}, {"call": "ben-books", "text": "something else"}]
    assert found(tmp_path / "var") == {}
    calls.close()
    store.close()


async def test_a_conversation_that_is_under_way_is_left_until_it_is_over(tmp_path: Path) -> None:
    await lived(tmp_path)
    store, calls, eraser = opened(tmp_path / "var")
    log = EventLog(store)
    log.append("ann-again", "identified", {"how": "told", "number": NUMBER, "name": "Annika Lindqvist"})
    subject = eraser.find(NUMBER)
    assert (subject.under_way, "ann-again" in subject.conversations) == (1, False)
    eraser.erase(subject)
    assert len(log.read("ann-again")) == 1
    log.append("ann-again", "ended")
    assert eraser.find(NUMBER).conversations == ("ann-again",)
    eraser.erase(eraser.find(NUMBER))
    assert found(tmp_path / "var") == {}
    calls.close()
    store.close()


def test_a_notice_about_somebody_else_whose_name_begins_alike_stays(tmp_path: Path) -> None:
    store, calls, eraser = opened(tmp_path)
    with store.write() as db:
        for about in ("Ann came", "Annika came", "it was planned"):
            db.execute("insert into notice (at, recipient, text) values ('2026', '', ?)", about)
    eraser.erase(eraser.find("Ann"))
    assert store.read("select text from notice") == [("Annika came",), ("it was planned",)]
    calls.close()
    store.close()


async def test_what_cannot_be_put_in_order_keeps_nothing_else_from_it(tmp_path: Path) -> None:
    store, calls, _ = opened(tmp_path)
    with store.write() as db:
        db.execute("insert into erasure (at, conversations, counts) values ('2026', '[]', '{}')")
    calls.close()
    (tmp_path / "recordings" / "20261123T090000Z-one.part").mkdir(parents=True)
    books = Books(Box(tmp_path), store, InlineThread())
    await books.settle()
    ready = asyncio.Event()

    async def answered(within: float) -> None:
        await ready.wait()

    serving = asyncio.create_task(books.serve(Retention, answered))
    await asyncio.sleep(0)
    assert store.read("select count(*) from erasure") == [(1,)], "nobody is to wait for it"
    ready.set()
    await until(lambda: not store.read("select 1 from erasure"))
    serving.cancel()
    await asyncio.wait([serving])
    await books.close()
    store.close()
