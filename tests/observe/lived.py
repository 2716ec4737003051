"""A box that Ann and Ben have called, and what of Ann stands in its files."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from appliance.app import App
from appliance.config import Box, DeskFile, read_desk
from appliance.memory.store import Store
from appliance.messages import RATE
from appliance.observe.calls import Calls
from appliance.observe.corrections import correct
from appliance.observe.erasing import Eraser
from tests.regulars import DESK
from tests.test_app import ENGINES, Caller

ANN = ("book an appointment", "next Thursday", "half past ten", "Annika Lindqvist", "212 555 0142", "yes")
ASKED = ("xyzzy plugh the violet teapot", "yes", "tell them about the violet teapot")
BEN = ("book an appointment", "next Friday", "half past nine", "Benedict Okafor", "212 555 0199", "yes", "no")
SECRETS = ("Annika", "Lindqvist", "555 0142", "5550142", "five five five, zero one four two", "violet teapot")
NUMBER = "+12125550142"


def opened(folder: Path) -> tuple[Store, Calls, Eraser]:
    store, calls = Store(folder / "desk.db"), Calls(folder)
    return store, calls, Eraser(folder, store, calls)


def found(folder: Path, secrets: tuple[str, ...] = SECRETS) -> dict[str, list[str]]:
    """The files in whose bytes any of it stands, in whatever encoding the box writes."""
    files = {path: path.read_bytes().lower() for path in folder.rglob("*") if path.is_file()}
    return {
        str(path.relative_to(folder)): there
        for path, text in files.items()
        if (there := [each for each in secrets if each.lower().encode() in text])
    }


LIVED: list[Path] = []
"""Where such a box was made once."""


async def lived(folder: Path) -> DeskFile:
    """A box that Ann and Ben have called, both recorded, whose index of recollections is made."""
    if not LIVED:
        LIVED.append(Path(tempfile.mkdtemp()))
        atexit.register(shutil.rmtree, LIVED[0])
        await live(LIVED[0])
    shutil.copytree(LIVED[0], folder, dirs_exist_ok=True)
    return read_desk(folder / "desk.toml")[0]


async def live(folder: Path) -> None:
    path = folder / "desk.toml"
    path.write_text(DESK)
    desk, _ = read_desk(path)
    async with App(Box(folder / "var", engines=ENGINES), desk) as app:
        await app.chat(Caller(*ANN, call="ann-books", number=NUMBER))
        await app.chat(Caller(*ASKED, call="ann-asks", number=NUMBER))
        await app.chat(Caller(*BEN, call="ben-books", number="+12125550199"))
        recall = app.place.recall
        assert recall
        await recall.thread.run(recall.find, 1, "the teapot")
    store, calls, _ = opened(folder / "var")
    (folder / "var" / "recordings").mkdir()
    for id in ("ann-books", "ann-asks", "ben-books"):
        call = calls.call(id)
        assert call
        soundfile.write(folder / "var" / "recordings" / f"{id}.ogg", np.zeros((RATE, 2)), RATE, format="OGG")
        assert call.ended
        calls.end(call.number, call.ended, call.length, call.deeds, call.flows, call.marks, f"{id}.ogg")
    asked = calls.call("ann-asks")
    assert asked
    correct(folder / "var" / "scenarios.toml", path, asked, calls.turns(asked.number), 2, "hours")
    with store.write() as db:
        db.execute("insert into text (at, number, text) values ('2026', ?, 'for Annika')", NUMBER)
        db.execute("insert into notice (at, recipient, text) values ('2026', '', 'Annika Lindqvist came')")
    calls.close()
    store.close()


def erases_and_dies(var: Path, step: int) -> bool:
    """Erase Ann in a process that is killed before the statement number `step` that writes; False where there
    are not so many."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    store, calls, eraser = opened(var)
    subject = eraser.find(NUMBER)
    left = iter(range(step))

    def count(statement: str) -> None:
        setting = "pragma table_info", "pragma temp_store", "pragma cipher_default"
        reads = statement.lower().startswith(("select", *setting, "--"))
        if not reads and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    store._kept.set_trace_callback(count)
    calls.store._kept.set_trace_callback(count)
    eraser.erase(subject)
    os._exit(0)
