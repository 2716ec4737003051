"""What a box keeps comes back from a backup, whole; but nobody who was erased does, from any."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.commands import backup as command
from appliance.errors import StorageError
from appliance.memory.store import Store
from appliance.memory.texts import Refusals
from appliance.observe import backup as module
from appliance.observe import restoring
from appliance.observe.backup import Backup, read_keys, snapshots
from appliance.observe.calls import Calls
from appliance.observe.encrypting import encrypt
from appliance.observe.erasing import Eraser
from appliance.observe.locked import opened
from appliance.observe.restoring import chosen, restore
from appliance.observe.snapshot import lines, unsealed
from appliance.system.writing import write
from tests.observe.lived import NUMBER, SECRETS, erases_and_dies, found, lived
from tests.observe.lived import opened as opened_box

BEN = ("Benedict", "Okafor")


@contextmanager
def backups(var: Path) -> Iterator[tuple[Store, Backup]]:
    store, calls, _ = opened_box(var)
    yield store, Backup(var, store, calls)
    calls.close()
    store.close()


def stick(folder: Path) -> Path:
    """A mounted path."""
    path = folder / "stick"
    path.mkdir(exist_ok=True)
    return path


def readable(place: Path, identity: str) -> str:
    """All that whoever has the stick and the recovery key can read on it."""
    (folder,) = place.glob("appliance-*")
    keys = read_keys(folder, identity)
    texts = []
    for path in snapshots(folder):
        every = list(lines(path, identity))
        texts += [json.dumps(line) for line in every]
        texts += [json.dumps(unsealed(line, keys), default=repr) for line in every if "table" in line]
    return "\n".join(texts)


async def test_a_box_that_was_lost_comes_back_whole(tmp_path: Path) -> None:
    await lived(tmp_path)
    var, place = tmp_path / "var", stick(tmp_path)
    with backups(var) as (store, backup):
        path = backup.write(place, (tmp_path / "desk.toml",))
        _, identity = backup.identity()
        tables = [
            name for (name,) in store.read("select name from sqlite_schema where type = 'table'")
            if not name.startswith(("backup", "sqlite"))
        ]  # fmt: skip
        was = {table: store.read(f"select * from {table}") for table in tables}
    assert found(place, (*SECRETS, *BEN)) == {}
    new = tmp_path / "new"
    done = restore(chosen(place), identity, new, tmp_path / "files")
    assert done["recording"] == 3
    store, calls = Store(new / "desk.db"), Calls(new)
    assert {table: store.read(f"select * from {table}") for table in tables} == was
    assert [call.id for call in calls.page()] == ["ben-books", "ann-asks", "ann-books"]
    assert all(calls.turns(call.number) for call in calls.page())
    for name in ("ann-books.ogg", "ben-books.ogg"):
        assert (new / "recordings" / name).read_bytes() == (var / "recordings" / name).read_bytes()
    assert (tmp_path / "files" / "desk.toml").read_text() == (tmp_path / "desk.toml").read_text()
    # It goes on with the backups of the box that it was.
    again = Backup(new, store, calls).write(place)
    assert again.parent == path.parent
    assert len(snapshots(path.parent)) == 2
    calls.close()
    store.close()


async def test_an_encrypted_box_comes_back_on_one_with_another_key_or_none(tmp_path: Path) -> None:
    await lived(tmp_path)
    var, place = tmp_path / "var", stick(tmp_path)
    encrypt(var, tmp_path / "key")
    with backups(var) as (_, backup):
        backup.write(place)
        _, identity = backup.identity()
    encrypt(tmp_path / "other", tmp_path / "other-key")
    for folder in (tmp_path / "other", tmp_path / "clear"):
        restore(chosen(place), identity, folder)
        assert len(Calls(folder).page()) == 3
        with opened(folder / "recordings" / "ann-books.ogg") as file:
            assert file.read(4) == b"OggS"
    assert found(tmp_path / "other") == {}


async def test_who_was_erased_is_in_no_backup_any_more(tmp_path: Path) -> None:
    await lived(tmp_path)
    var, place = tmp_path / "var", stick(tmp_path)
    with backups(var) as (store, backup):
        backup.write(place)
        _, identity = backup.identity()
        assert all(secret in readable(place, identity) for secret in ("Annika", "Benedict"))
        eraser = Eraser(var, store, backup._calls)
        eraser.erase(eraser.find(NUMBER))
        assert eraser.behind == []
        text = readable(place, identity).lower()
        assert not [secret for secret in SECRETS if secret.lower() in text]
        assert "benedict" in text
        (folder,) = place.glob("appliance-*")
        assert [path.name for path in (folder / "recordings").iterdir()] == ["ben-books.ogg"]
    done = restore(chosen(place), identity, tmp_path / "new")
    assert done["erased row"]
    assert found(tmp_path / "new") == {}
    assert found(tmp_path / "new", ("okafor",))
    assert [call.id for call in Calls(tmp_path / "new").page()] == ["ben-books"]


async def test_killed_while_somebody_is_erased_the_next_start_takes_them_out_of_backups_too(
    tmp_path: Path,
) -> None:
    await lived(tmp_path)
    var, place, before = tmp_path / "var", stick(tmp_path), tmp_path / "before"
    with backups(var) as (_, backup):
        backup.write(place)
        _, identity = backup.identity()
    (before / "x").mkdir(parents=True)
    shutil.copytree(var, before / "var")
    shutil.copytree(place, before / "stick")
    step = begun = 0
    while erases_and_dies(var, step):
        store, calls, eraser = opened_box(var)
        if store.read("select 1 from erasure"):
            begun += 1
            eraser.finish()
            text = readable(place, identity).lower()
            assert not [secret for secret in SECRETS if secret.lower() in text], step
            assert found(var) == {}
        calls.close()
        store.close()
        for path in (var, place):
            shutil.rmtree(path)
            shutil.copytree(before / path.name, path)
        step += 3
    assert begun >= 3


async def test_a_stick_that_was_away_is_told_of_and_catches_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await lived(tmp_path)
    var, place = tmp_path / "var", stick(tmp_path)
    with backups(var) as (store, backup):
        backup.write(place)
        _, identity = backup.identity()
        place.rename(tmp_path / "drawer")
        eraser = Eraser(var, store, backup._calls)
        eraser.erase(eraser.find(NUMBER))
        assert [path.parent for path in eraser.behind] == [place]
        (tmp_path / "drawer").rename(place)
        assert "Annika" in readable(place, identity)
        backup.write(place)
        assert "Annika" not in readable(place, identity)
        assert store.read("select behind from backup_place") == [(0,)]


async def test_it_is_of_one_moment_while_calls_go_on(tmp_path: Path) -> None:
    await lived(tmp_path)
    var, place = tmp_path / "var", stick(tmp_path)
    over = threading.Event()

    def calls_go_on() -> None:
        store, count = Store(var / "desk.db"), 0
        while not over.wait(0.002):
            with store.write() as db:  # Two rows that belong together.
                for kind in ("queue", "notice"):
                    db.execute(
                        "insert into queue (day, service, number) values ('x', 'a', ?)" if kind == "queue"
                        else "insert into notice (at, recipient, text) values ('x', ?, '')", count,
                    )  # fmt: skip
            count += 1

    writer = threading.Thread(target=calls_go_on)
    writer.start()
    try:
        with backups(var) as (_, backup):
            for _ in range(3):
                path = await asyncio.to_thread(backup.write, place)
                _, identity = backup.identity()
                keys = read_keys(path.parent, identity)
                rows = [
                    (line["table"], unsealed(line, keys)) for line in lines(path, identity) if "table" in line
                ]
                pairs = [
                    sum(table == name and (row or {}).get(column) == "x" for table, row in rows)
                    for name, column in (("queue", "day"), ("notice", "at"))
                ]
                assert pairs[0] == pairs[1]
        assert pairs[0]
    finally:
        over.set()
        writer.join()


async def test_a_few_are_kept_and_one_that_is_spoiled_is_not_restored(tmp_path: Path) -> None:
    await lived(tmp_path)
    var, place = tmp_path / "var", stick(tmp_path)
    with backups(var) as (_, backup):
        written = [backup.write(place, keep=2) for _ in range(3)]
        _, identity = backup.identity()
    assert snapshots(written[0].parent) == written[1:]
    content = bytearray(written[2].read_bytes())
    content[len(content) // 2] ^= 1
    written[2].write_bytes(content)
    with pytest.raises(StorageError, match="cannot be read"):
        restore(chosen(place), identity, tmp_path / "new")
    assert not (tmp_path / "new" / "desk.db").exists()
    assert restore(chosen(place, written[1].stem), identity, tmp_path / "new")["call"] == 3


async def test_a_desk_that_runs_is_not_replaced_and_another_key_opens_nothing(tmp_path: Path) -> None:
    await lived(tmp_path)
    var, place = tmp_path / "var", stick(tmp_path)
    with backups(var) as (_, backup):
        backup.write(place)
        _, identity = backup.identity()
        with pytest.raises(StorageError, match="is in use"):
            restore(chosen(place), identity, var)
    other = tmp_path / "another"
    other.mkdir()
    with backups(other) as (_, backup), pytest.raises(StorageError, match="recovery key"):
        restore(chosen(place), backup.identity()[1], var)
    assert len(Calls(var).page()) == 3


async def test_the_commands_write_print_the_key_and_bring_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await lived(tmp_path)
    box, place = tmp_path / "box.toml", stick(tmp_path)
    box.write_text("")
    assert command.backup(place, 7, box, tmp_path / "desk.toml") == 0
    assert "read back" in capsys.readouterr().out
    assert command.backup(None, 7, box, None) == 0
    (tmp_path / "key").write_text(capsys.readouterr().out)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert command.restore(place, None, "", False, None, box) == 1
    shutil.rmtree(tmp_path / "var")
    assert command.restore(place, tmp_path / "key", "", False, None, box) == 0
    assert "call: 3" in capsys.readouterr().out
    assert command.restore(place, None, "", True, None, box) == 0
    with pytest.raises(StorageError, match="no folder"):
        command.backup(tmp_path / "nowhere", 7, box, None)


async def test_who_wants_no_calls_and_is_erased_after_a_restore_is_in_no_older_backup(tmp_path: Path) -> None:
    var, place, new = tmp_path / "var", stick(tmp_path), tmp_path / "new"
    with backups(var) as (store, backup):
        for number in ("+12125550111", "+12125550122", "+12125550133"):
            Refusals(store).add(number)
        Refusals(store).drop("+12125550111")
        backup.write(place)
        _, identity = backup.identity()
    restore(chosen(place), identity, new)
    with backups(new) as (store, backup):
        eraser = Eraser(new, store, backup._calls)
        eraser.erase(eraser.find("+12125550122"))
    assert "5550122" not in readable(place, identity)
    assert "5550133" in readable(place, identity)


async def test_who_is_erased_while_keys_are_written_to_the_stick_is_not_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lived(tmp_path)
    var, place = tmp_path / "var", stick(tmp_path)
    with backups(var) as (store, backup):
        eraser = Eraser(var, store, backup._calls)

        def slowly(path: Path, content: bytes, mode: int) -> None:
            monkeypatch.setattr(module, "write", write)
            eraser.erase(eraser.find(NUMBER))
            write(path, content, mode)

        monkeypatch.setattr(module, "write", slowly)
        backup.write(place)
        text = readable(place, backup.identity()[1]).lower()
    assert not [secret for secret in SECRETS if secret.lower() in text]
    assert "benedict" in text


async def test_a_recording_that_is_damaged_keeps_nothing_else_from_coming_back(tmp_path: Path) -> None:
    await lived(tmp_path)
    var, place = tmp_path / "var", stick(tmp_path)
    encrypt(var, tmp_path / "key")
    damage(var / "recordings" / "ann-asks.ogg")
    with backups(var) as (_, backup):
        path = backup.write(place)
        _, identity = backup.identity()
    damage(path.parent / "recordings" / "ann-books.ogg")
    new = tmp_path / "new"
    assert restore(chosen(place), identity, new)["recording"] == 1
    assert [call.recording for call in Calls(new).page()] == ["ben-books.ogg", "", ""]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


async def test_a_desk_that_started_while_a_backup_was_read_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lived(tmp_path)
    var, place = tmp_path / "var", stick(tmp_path)
    with backups(var) as (_, backup):
        backup.write(place)
        _, identity = backup.identity()
    taken, started = restoring._take_over, []

    def and_starts(*arguments: Any) -> None:
        taken(*arguments)
        started.append(Store(var / "desk.db"))

    monkeypatch.setattr(restoring, "_take_over", and_starts)
    with pytest.raises(StorageError, match="is in use"):
        restore(chosen(place), identity, var)
    assert started[0].read("select 1 from event")
    assert not (var / restoring.BUILT).exists()
    started[0].close()


async def test_what_a_restore_left_that_was_cut_off_is_erased_too(tmp_path: Path) -> None:
    await lived(tmp_path)
    var = tmp_path / "var"
    (var / restoring.BUILT).mkdir()
    shutil.copy(var / "desk.db", var / restoring.BUILT / "desk.db")
    with backups(var) as (store, backup):
        eraser = Eraser(var, store, backup._calls)
        eraser.erase(eraser.find(NUMBER))
    assert found(var) == {}
