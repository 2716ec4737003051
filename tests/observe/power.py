"""A box under load that the power is cut from: it is killed, and what was not on the disk loses its end."""

from __future__ import annotations

import os
import random
import signal
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from appliance.config import Box
from appliance.engines.inline import InlineThread
from appliance.memory.events import EventLog
from appliance.memory.store import Store
from appliance.messages import FRAME, Audio, Heard, Turn
from appliance.observe.account import kept
from appliance.observe.calls import Calls
from appliance.observe.recorder import Recorder
from appliance.observe.sealing import PART, seal
from appliance.observe.waveform import waveform
from appliance.serving.books import Books
from tests.desk import voice

CALLERS = 3


@dataclass
class Told:
    """What a box had acknowledged when the power went."""

    events: list[str] = field(default_factory=list)
    synced: int = 0
    """Bytes of the log of desk.db that were on the disk then."""


def work(folder: Path, round: int, pipe: int) -> None:
    """Callers who talk, are recorded and hang up, until killed."""
    store, calls = Store(folder / "desk.db"), Calls(folder)
    log, sound = EventLog(store), voice(FRAME / 16_000)

    def caller(who: int) -> None:
        for number in range(1_000_000):
            id = f"{round}-{who}-{number}"
            call = calls.begin(id, "0" * 32, "test", "desk", "x", datetime.now(UTC))
            recorder = Recorder(folder / "recordings" / f"20261127T120000Z-{id}{PART}", origin=0)
            for turn in range(4):
                log.append(id, "slot.filled", {"slot": "name", "value": "Ann", "spoken": "Ann", "turn": turn})
                size = Path(f"{store.path}-wal").stat().st_size
                os.write(pipe, f"{id} {turn} {size}\n".encode())
                at = turn * 60 * FRAME
                heard = Heard("my name is Annika", at, at + FRAME, at + FRAME, at + FRAME)
                calls.keep(call, kept(Turn(id, turn, heard)), at + FRAME)
                for frame in range(60):
                    recorder.caller(Audio(sound, (turn * 60 + frame) * FRAME))
            recorder.close()
            name = seal(recorder.path, []).name
            calls.end(call, datetime.now(UTC), FRAME * 240, [], recording=name)

    threads = [threading.Thread(target=caller, args=(who,)) for who in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def cut(folder: Path, round: int, chance: random.Random) -> Told:
    """Let a box work for a while, kill it, and lose what was not on the disk."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        try:
            work(folder, round, write)
        finally:
            os._exit(1)
    os.close(write)
    told, rest, left = Told(), b"", chance.randint(1, 16)
    while piece := os.read(read, 4096):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            id, turn, size = line.decode().split()
            told.events.append(f"{id} {turn}")
            told.synced = max(told.synced, int(size))
        if len(told.events) >= left:
            os.kill(child, signal.SIGKILL)
            left = 1 << 60
    os.close(read)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it fell by itself"
    _lose(Path(folder / "desk.db-wal"), told.synced, chance)
    _lose(Path(folder / "calls.db-wal"), 0, chance)
    for part in (folder / "recordings").glob(f"*{PART}"):
        _lose(part, 0, chance)
    return told


def _lose(path: Path, kept: int, chance: random.Random) -> None:
    """Of what follows `kept` bytes, the end is missing, or blank; sometimes nothing is."""
    if not path.exists() or (size := path.stat().st_size) <= kept:
        return
    at = chance.choice((size, chance.randint(kept, size), max(kept, size - chance.randint(1, 3 * 4096))))
    os.truncate(path, at)
    if chance.random() < 0.5:
        os.truncate(path, size)


async def found_whole(folder: Path, told: Told) -> int:
    """The next start: all that was acknowledged is there, and every recording can be played; how many there
    are. AssertionError where not."""
    store = Store(folder / "desk.db")
    books = Books(Box(folder), store, InlineThread())
    await books.settle()
    await books._finish()
    for one in (store, books.calls.store):
        assert one.read("pragma quick_check") == [("ok",)]
    assert not (folder / "calls.db.damaged").exists(), "the account was set aside"
    there = {
        f"{id} {turn}"
        for id, turn in store.read("select conversation, json_extract(data, '$.turn') from event")
    }
    assert not set(told.events) - there, "what was acknowledged is lost"
    assert not books.calls.store.read("select 1 from call where ended is null")
    files = list(books.recordings.iterdir())
    assert {path.suffix for path in files} <= {".ogg"}, "something is left unfinished"
    for path in files:
        waveform(path)
    known = {name for (name,) in books.calls.store.read("select recording from call where recording != ''")}
    assert known <= {path.name for path in files}, "a recording that is told of is not there"
    for path in files:
        path.unlink()
    books.calls.unrecord([number for (number,) in books.calls.store.read("select number from call")])
    await books.close()
    store.close()
    return len(files)
