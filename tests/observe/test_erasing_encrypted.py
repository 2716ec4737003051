"""Of who was erased no byte is left under the encryption either: for whoever has the key."""

from __future__ import annotations

import shutil
from pathlib import Path

from appliance.memory.key import NOTE
from appliance.observe.backup import Backup
from appliance.observe.encrypting import encrypt
from tests.observe.lived import NUMBER, SECRETS, erases_and_dies, found, lived, opened
from tests.observe.test_backup import readable, stick
from tests.observe.unlocked import unlocked

SAID = (*SECRETS, "teapot")
"""In the account of a call each word stands by itself."""


def under(folder: Path, secrets: tuple[str, ...] = SAID) -> dict[str, list[str]]:
    """The files of an encrypted folder in whose decrypted bytes any of it stands."""
    return {
        name: there
        for name, text in unlocked(folder).items()
        if (there := [each for each in secrets if each.lower().encode() in text.lower()])
    }


async def locked_up(folder: Path) -> Path:
    """A box that Ann and Ben have called, encrypted, with its index of recollections in the folder."""
    await lived(folder)
    var = folder / "var"
    encrypt(var, folder / "key")
    return var


async def test_what_is_searched_is_what_lies_under_the_encryption(tmp_path: Path) -> None:
    var = await locked_up(tmp_path)
    store, calls, _ = opened(var)
    with store.write() as db:
        db.execute("insert into notice (at, recipient, text) values ('2026', '', 'a green bicycle')")
    assert not {"desk.db", "desk.db-wal", "calls.db"} & found(var, (*SECRETS, "green bicycle")).keys()
    assert {"desk.db", "calls.db"} <= under(var).keys()
    assert under(var, ("green bicycle",)).keys() == {"desk.db-wal"}
    with store.write() as db:  # A page that is free has it still, but for secure_delete.
        db.execute("pragma secure_delete = off")
        db.execute("delete from notice where text = 'a green bicycle'")
    store.empty_log()
    assert "desk.db" in under(var, ("green bicycle",))
    calls.close()
    store.close()


async def test_of_who_was_erased_no_byte_is_left_under_it(tmp_path: Path) -> None:
    var = await locked_up(tmp_path)
    place = stick(tmp_path)
    store, calls, eraser = opened(var)
    backup = Backup(var, store, calls)
    backup.write(place)
    _, identity = backup.identity()
    counts = eraser.erase(eraser.find(NUMBER))
    assert counts["conversation"] == 2
    assert under(var) == {}  # While the files are open, logs and all.
    calls.close()
    store.close()
    assert under(var) == {}
    assert found(place) == {}
    text = readable(place, identity).lower()
    assert not [secret for secret in SECRETS if secret.lower() in text]
    assert "benedict" in text
    assert "desk.db" in under(var, ("Benedict",))


async def test_killed_in_the_middle_the_next_start_leaves_none_under_it(tmp_path: Path) -> None:
    var, before = await locked_up(tmp_path), tmp_path / "before"
    shutil.copytree(var, before)
    begun = step = 0
    while erases_and_dies(var, step):
        store, calls, eraser = opened(var)
        begun += bool(store.read("select 1 from erasure"))
        untouched = bool(store.read("select 1 from appointment where name like 'Annika%'"))
        eraser.finish()
        assert bool(under(var)) is untouched, step
        calls.close()
        store.close()
        shutil.rmtree(var)
        shutil.copytree(before, var)
        step += 3
    assert begun >= 3
    assert (var / NOTE).exists()
