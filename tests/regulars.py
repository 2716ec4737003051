"""A desk that the same people come to again: by another channel, on another day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from appliance.actions import Hands, Runner
from appliance.answering.knowledge import Knowledge
from appliance.brain import Brain
from appliance.channels.scripted import ScriptedCaller
from appliance.clerk import Clerk
from appliance.config import read_desk
from appliance.conversation import converse
from appliance.engines.fake import FakeEmbed
from appliance.engines.inline import InlineThread
from appliance.memory.events import Event, EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.recall import Recall
from appliance.memory.store import Store
from appliance.messages import Turn

DESK = """\
name = "Alder House"

[fact.hours]
ask = ["when are you open", "what are your opening hours"]
say = "From nine to five."

[flow.book]
label = "making an appointment"
phrases = ["(book|make|need) [an] appointment [(on|for) {day}]"]
remember = ["name", "phone"]

[[flow.book.ask]]
slot = "day"
type = "date"
prompt = "Which day?"
check = "calendar.open"

[[flow.book.ask]]
slot = "time"
type = "time"
prompt = "At what time?"

[[flow.book.ask]]
slot = "name"
type = "name"
prompt = "Your name?"
from = "remembered"

[[flow.book.ask]]
slot = "phone"
type = "phone"
prompt = "Your number?"
from = "remembered"

[flow.book.do]
action = "calendar.book"
confirm = "Book {day} at {time} for {name}, {phone}?"
done = "Booked for {day}."
undo = "calendar.cancel"

[flow.prescription]
label = "a prescription"
phrases = ["I need a prescription"]

[[flow.prescription.ask]]
slot = "name"
type = "name"
prompt = "Your name?"

[[flow.prescription.ask]]
slot = "medicine"
type = "text"
prompt = "Which medicine?"

[flow.prescription.do]
action = "message.take"
with = {text = "{medicine} for {name}"}
confirm = "Order {medicine} for {name}?"
done = "Ordered."
undo = "message.take"
"""

BOOK = ("book an appointment", "Thursday", "half past ten", "Ann Smith", "212 555 0142")
"""Up to the confirm line."""

OPEN = ("book an appointment", "Thursday", "half past ten", "Ann Smith")
"""Up to the question for the number."""

THURSDAY = ("2026-11-26T10:30", "Ann Smith")
"""What is booked by that."""


LEARNT: dict[str, Knowledge] = {}
"""What desks know, by their digests: learning takes a while."""


class Desk:
    """One desk, and whoever comes by whatever channel."""

    def __init__(self, folder: Path, text: str = DESK) -> None:
        (folder / "desk.toml").write_text(text)
        self.desk, _ = read_desk(folder / "desk.toml")
        self.now = datetime(2026, 11, 23, 10, 0)
        self.store = Store(folder / "desk.db", now=lambda: self.now.astimezone())
        self.log = EventLog(self.store)
        self.thread = InlineThread()
        self.knowledge = LEARNT.get(self.desk.digest) or Knowledge(self.desk, FakeEmbed(), self.thread)
        self.runner = Runner(self.store, self.desk.actions)
        self.recall = Recall(self.store, folder / "recall.db", FakeEmbed(), self.thread)
        self.calls = 0
        self.greeting = ""
        """What the latest caller heard first."""

    async def hears(
        self, *lines: str, cut: Sequence[int] = (), caller: str = "", channel: str = "kiosk"
    ) -> list[str]:
        """What the desk says to these lines, the greeting left out; then the caller is gone."""
        if self.desk.digest not in LEARNT:
            LEARNT[self.desk.digest] = self.knowledge
            await self.knowledge.load()
        self.calls += 1
        call = f"call-{self.calls}"
        clerk = Clerk(
            self.desk, self.log, self.runner, self.thread, Hands(self.thread), call, lambda: self.now,
            recall=self.recall, channel=channel, caller=caller,
        )  # fmt: skip
        brain = Brain(self.knowledge, Notebook(self.store, self.thread), None, call, clerk)
        turns: list[Turn] = []
        await clerk.began()
        await converse(ScriptedCaller(lines, call, cut), brain, turns.append)
        await clerk.ended()
        self.now += timedelta(minutes=1)
        self.greeting = turns[0].meant
        return [turn.meant for turn in turns][1:]

    async def enrolled(self) -> str:
        """Ann books, and wishes to be remembered; her code."""
        said = await self.hears(*BOOK, "yes", "yes", "yes")
        return code_in(said[-1])

    async def known(self, code: str, *lines: str) -> list[str]:
        """What Ann is told who says who she is."""
        said = await self.hears("I have a code", "212 555 0142", " ".join(code), *lines)
        return said[2:]

    def booked(self) -> list[tuple[str, str]]:
        return [
            (start[:16], name)
            for start, name in self.store.read(
                "select start, name from appointment where state = 'booked' order by id"
            )
        ]

    def events(self, kind: str) -> list[Event]:
        rows = self.store.read("select conversation from event group by conversation order by min(id)")
        return [event for (each,) in rows for event in self.log.read(each) if event.kind == kind]

    def messages(self) -> list[str]:
        return [text for (text,) in self.store.read("select text from message order by id")]


def code_in(line: str) -> str:
    found = re.search(r"code is ([\d, ]+)\.", line)
    assert found, line
    return "".join(c for c in found[1] if c.isdecimal())


def number_in(line: str) -> str:
    found = re.search(r"case number is ([\d ]+)\.", line)
    assert found, line
    return found[1]
