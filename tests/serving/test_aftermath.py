"""A desk that is killed in the middle of a confirmed booking: it is booked once or not at all, the next start
knows which, and what was told can be gone on with."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.actions import Runner
from appliance.memory.events import EventLog
from appliance.memory.sqlite import sqlite3
from appliance.memory.store import Store
from appliance.serving.aftermath import settle
from tests.regulars import BOOK, THURSDAY, Desk

WAS_DONE = "was done, and the caller perhaps did not hear it"


class Fatal:
    """Counts what SQLite is asked to do, and kills this process before that number of statements."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, statement: str) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def killed(desk: Desk, lines: tuple[str, ...], at: int) -> bool:
    """Have this conversation in a process of its own that is killed there; False where it was over before."""
    child = os.fork()
    if not child:
        try:
            fatal, connect = Fatal(at), Store.connect

            def watched(store: Store) -> sqlite3.Connection:
                db = connect(store)
                db.set_trace_callback(fatal)
                return db

            Store.connect = watched  # type: ignore[method-assign]
            mine = Desk(desk.store.path.parent)
            asyncio.new_event_loop().run_until_complete(mine.hears(*lines))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def points(folder: Path) -> Iterator[tuple[int, Desk]]:
    """Every so many statements of a booking, and each one around the yes: a desk that was killed there, and
    starts again."""
    at = 10
    while True:
        home = folder / str(at)
        home.mkdir()
        desk = Desk(home)
        if not killed(desk, (*BOOK, "yes"), at):
            return
        around = any(event.kind == "confirmed" for event in desk.log.read("call-1"))
        told = any(event.kind == "told" for event in desk.log.read("call-1"))
        between = around and not told
        yield at, desk
        desk.store.close()
        at += 1 if between else 9


async def test_killed_anywhere_it_is_booked_once_or_not_at_all_and_goes_on(tmp_path: Path) -> None:
    seen: dict[str, int] = {}
    first = Desk(tmp_path)
    await first.hears("when are you open")  # What a desk knows is learnt before it is killed.
    for at, desk in points(tmp_path):
        booked = desk.booked()
        assert booked in ([], [THURSDAY]), at
        settle(desk.desk, desk.log)
        assert desk.log.open_conversations() == [], at
        assert desk.booked() == booked, at
        note = " ".join(desk.messages())
        kinds = [event.kind for event in desk.log.read("call-1")]
        if booked and "told" not in kinds:
            assert WAS_DONE in note, (at, note)
        if "confirmed" in kinds and not booked:
            assert "agreed to and not done" in note, (at, note)
        if found := re.search(r"case number ([\d ]+)\.", note):
            await go_on(desk, found[1], kinds, at)
            assert desk.booked() == [THURSDAY], at
        seen[how_far(desk)] = seen.get(how_far(desk), 0) + 1
        settle(desk.desk, desk.log)
        assert len(desk.messages()) <= 1, at
    assert min(seen.get(each, 0) for each in ("open", "agreed", "booked", "told")) >= 1, seen
    assert seen["agreed"] + seen["booked"] >= 10, seen


def how_far(desk: Desk) -> str:
    """Where in the booking it was killed."""
    kinds = [event.kind for event in desk.log.read("call-1")]
    if "told" in kinds:
        return "told"
    if WAS_DONE in " ".join(desk.messages()):
        return "booked"
    return "agreed" if "confirmed" in kinds else "open"


async def go_on(desk: Desk, number: str, kinds: list[str], at: int) -> None:
    """Go on with the case in another conversation: what was told and is nobody's secret is still there."""
    desk.calls = 1
    answers = {
        "Which day?": "Thursday", "At what time?": "half past ten", "Your name?": "Ann Smith",
        "Your number?": "212 555 0142", "Shall I remember": "no",
    }  # fmt: skip
    lines = [f"case {number}"]
    for _ in range(8):
        said = await Again(desk).hears(*lines)
        following = next((answer for asked, answer in answers.items() if asked in said[-1]), "")
        if not following and said[-1].startswith("Book Thursday"):
            following = "yes"
        if not following:
            break
        lines.append(following)
    days = kinds.count("slot.checked")
    assert not (days and "Which day?" in " ".join(said)), (at, said)
    assert "Booked for Thursday" in " ".join(said), (at, said)
    await desk.hears(*lines)


class Again:
    """What the desk would say, tried out on a copy of its file."""

    def __init__(self, desk: Desk) -> None:
        folder = desk.store.path.parent / "again"
        folder.mkdir(exist_ok=True)
        for each in folder.glob("*.db*"):
            each.unlink()
        with sqlite3.connect(folder / "desk.db") as copy, sqlite3.connect(desk.store.path) as kept:
            kept.backup(copy)
        self.desk = Desk(folder)
        self.desk.calls = 1

    async def hears(self, *lines: str) -> list[str]:
        try:
            return await self.desk.hears(*lines)
        finally:
            self.desk.store.close()


def test_settling_that_is_cut_off_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path)
    desk.log.append("call", "flow.started", {"form": 1, "flow": "book"})
    desk.log.append(
        "call", "slot.filled", {"form": 1, "slot": "day", "value": "2026-11-26", "spoken": "Thursday"}
    )
    yes = desk.log.append("call", "confirmed", {"form": 1, "action": "calendar.book", "arguments": {}})
    assert yes

    def full(*_: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("appliance.serving.aftermath.add_message", full)
        with pytest.raises(Exception, match="full"):
            settle(desk.desk, desk.log)
    assert desk.log.open_conversations() == ["call"]
    assert settle(desk.desk, desk.log) == 1
    [note] = desk.messages()
    assert "agreed to and not done" in note or "can be gone on with" in note
    assert len([event for event in desk.log.read("call") if event.kind == "paused"]) == 1


def test_what_was_in_doubt_outside_is_told_to_people(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.log.append("call", "flow.started", {"form": 1, "flow": "book"})
    record = {
        "key": "k",
        "action": "http.request",
        "arguments": {"template": "ticket"},
        "flow": "1",
        "confirmation": 2,
    }
    desk.log.append("call", "confirmed", {"form": 1, "action": "http.request", "arguments": {}})
    desk.log.append("call", "intent", record, "k")
    Runner(desk.store, {}).recover()
    settle(desk.desk, EventLog(desk.store))
    [note] = desk.messages()
    assert "making an appointment (ticket) may or may not have been done: look" in note
