"""Callers who come again: by another channel, on another day, after the box went down."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.actions import Hands, Runner
from appliance.brain import Brain
from appliance.channels.recorded import Saying
from appliance.channels.scripted import SILENCE, ScriptedCaller
from appliance.clerk import Clerk
from appliance.config import read_desk
from appliance.conversation import converse
from appliance.engines.fake import FakeEmbed
from appliance.engines.inline import InlineThread
from appliance.knowledge import Knowledge
from appliance.memory.events import Event, EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.people import People
from appliance.memory.recall import Recall
from appliance.memory.store import Store
from appliance.messages import Turn
from tests.desk import call as by_sound
from tests.desk import voice

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


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


THURSDAY = ("2026-11-26T10:30", "Ann Smith")


# Who it is.


async def test_who_agrees_to_be_remembered_gets_a_code_and_is_known_by_it(desk: Desk) -> None:
    said = await desk.hears(*BOOK, "yes", "yes", "yes")
    assert said[-3].endswith("Shall I remember that for next time?")
    assert "I remember Ann Smith, with the number" in said[-2]
    code = code_in(said[-1])
    assert "Thank you, Ann Smith" in (await desk.known(code))[0]
    assert desk.events("identified")[-1].data["how"] == "code"


async def test_a_known_caller_is_not_asked_what_the_desk_knows(desk: Desk) -> None:
    code = await desk.enrolled()
    said = await desk.known(code, "book an appointment", "Friday", "nine", "yes", "yes", "yes")
    assert not any("Your name?" in line or "Your number?" in line for line in said)
    assert desk.booked() == [THURSDAY, ("2026-11-27T09:00", "Ann Smith")]


async def test_a_number_without_its_code_is_nobody(desk: Desk) -> None:
    await desk.enrolled()
    said = await desk.hears(*OPEN[:3], caller="+12125550142", channel="phone")
    assert said[-1] == "Your name?"
    said = await desk.hears("what did I book last time", caller="+12125550142", channel="phone")
    assert said == [desk.desk.lines.stranger]
    assert [each.data["how"] for each in desk.events("identified")][-1] == "caller_id"


async def test_three_wrong_codes_lock_the_number_for_a_while(desk: Desk) -> None:
    code = await desk.enrolled()
    wrong = "1 1 1 1 1 1" if code != "111111" else "2 2 2 2 2 2"
    for _ in range(3):
        assert "do not fit" in (await desk.known(wrong.replace(" ", "")))[0]
    assert "too often" in (await desk.known(code))[0]
    desk.now += timedelta(minutes=16)
    assert "Thank you, Ann" in (await desk.known(code))[0]


async def test_whoever_enrols_with_the_number_of_another_learns_nothing_of_it(desk: Desk) -> None:
    await desk.enrolled()
    said = await desk.hears("remember me", "Eve Black", "yes", "212 555 0142", "yes")
    eve = code_in(said[-1])
    said = await desk.known(eve, "what did I book last time", "book an appointment", "Friday", "nine")
    assert "Thank you, Eve Black" in said[0]
    assert said[1] == desk.desk.lines.not_recalled
    assert said[-1] == "Shall I use Eve Black?"
    assert not any("Ann" in line for line in said)


async def test_codes_and_pins_are_written_down_nowhere(tmp_path: Path) -> None:
    (tmp_path / "pins").write_text("Maria Lind 482915\nToo Short 12\n")
    desk = Desk(tmp_path, f'{DESK}\n[actions.people]\npins = "{tmp_path / "pins"}"\n')
    code = await desk.enrolled()
    await desk.known(code)
    assert "Hello Maria Lind" in (await desk.hears("I work here", "4 8 2 9 1 5"))[-1]
    desk.store.close()
    kept = desk.store.path.read_bytes()
    assert b"Ann Smith" in kept
    assert code.encode() not in kept
    assert b"482915" not in kept


async def test_staff_are_known_by_a_pin_and_nobody_guesses_one(tmp_path: Path) -> None:
    (tmp_path / "pins").write_text("Maria Lind 482915\nToo Short 12\n")
    desk = Desk(tmp_path, f'{DESK}\n[actions.people]\npins = "{tmp_path / "pins"}"\n')
    await desk.enrolled()
    said = await desk.hears(
        "I work here", "4 8 2 9 1 5", "did somebody book an appointment", "what did I book"
    )
    assert "making an appointment: Thursday" in said[-1]
    for guess in ("1 2", "1 2 3 4", "9 9 9 9 9 9"):
        assert "not right" in (await desk.hears("I work here", guess))[-1]
    assert "too often" in (await desk.hears("I work here", "4 8 2 9 1 5"))[-1]


# What is remembered.


async def test_a_no_is_respected_and_never_asked_again(desk: Desk) -> None:
    said = await desk.hears(*BOOK, "yes", "no", "book an appointment", "Friday", "nine", "Bob Jones",
                            "212 555 0143", "yes")  # fmt: skip
    assert sum("Shall I remember" in line for line in said) == 1
    assert desk.store.read("select * from person") == []
    assert desk.events("agreed") == []
    assert len(desk.booked()) == 2


async def test_nothing_is_remembered_of_who_never_answered(desk: Desk) -> None:
    await desk.hears(*BOOK, "yes", "when are you open")
    await desk.hears(*BOOK[:1], "Friday", "nine", "Bob Jones", "212 555 0143", "yes")
    assert [desk.store.read(f"select * from {table}") for table in ("person", "slot", "preference")] == [
        []
    ] * 3


async def test_a_yes_to_a_question_that_was_cut_off_is_none(desk: Desk) -> None:
    done = len(BOOK) + 2
    await desk.hears(*BOOK, "yes", "yes", cut=[done])
    assert desk.store.read("select * from person") == []


async def test_what_was_agreed_to_is_kept_with_the_yes_and_its_source(desk: Desk) -> None:
    await desk.enrolled()
    about = People(desk.store).about(1)
    assert about
    assert {each.name: (each.value, each.source) for each in about.preferences} == {
        "name": ("Ann Smith", "call-1"), "phone": ("+12125550142", "call-1"),
    }  # fmt: skip
    assert [event.data["name"] for event in desk.events("agreed")] == ["name", "phone"]


async def test_confirmed_slots_of_a_known_caller_are_kept_until_they_expire(desk: Desk) -> None:
    code = await desk.enrolled()
    await desk.known(code, "book an appointment", "Friday", "nine", "no", "Anna Smythe", "yes", "yes")
    about = People(desk.store).about(1)
    assert about
    assert {each.name: each.source for each in about.slots} == {"name": "call-2", "phone": "call-2"}
    desk.now += timedelta(days=366)
    about = People(desk.store).about(1)
    assert about
    assert about.slots == ()


async def test_each_conversation_leaves_a_summary_without_its_words(desk: Desk) -> None:
    await desk.enrolled()
    [(text,)] = desk.store.read("select text from summary where conversation = 'call-1'")
    assert "done: calendar.book, people.enrol" in text
    assert "Smith" not in text


# What was.


async def test_a_known_caller_is_told_what_was_done_and_when(desk: Desk) -> None:
    code = await desk.enrolled()
    await desk.known(code, "can I leave a message", "the kitchen pipe is leaking")
    desk.now += timedelta(days=3)
    said = await desk.known(
        code, "what did I book last time?", "did I leave a message about the pipe?",
        "did I leave a message about the zebra?",
    )  # fmt: skip
    assert "Monday" in said[1]
    assert "making an appointment: Thursday the twenty sixth of November, half past ten" in said[1]
    assert "a message: the kitchen pipe is leaking" in said[2]
    assert said[3] == desk.desk.lines.not_recalled


async def test_strangers_are_told_nothing_of_what_was(desk: Desk) -> None:
    await desk.enrolled()
    assert await desk.hears("what did I book last time?") == [desk.desk.lines.stranger]
    said = await desk.hears(*OPEN[:2], "did I leave a message about the pipe?")
    assert said[-1] == f"{desk.desk.lines.stranger} At what time?"


# One case.


async def test_begun_at_the_kiosk_and_finished_by_phone(desk: Desk) -> None:
    said = await desk.hears(*OPEN, "can I continue later?")
    number = number_in(said[-1])
    assert desk.booked() == []
    words = "zero one two three four five six seven eight nine".split()
    spoken = " ".join(words[int(digit)] for digit in number.split())
    said = await desk.hears(
        f"my case number is {spoken}", "Ann Smith", "212 555 0142", "yes", channel="phone"
    )
    assert said[0] == "Good, we go on. Your name?"
    assert said[-2].startswith("Book Thursday the twenty sixth of November at half past ten")
    assert desk.booked() == [THURSDAY]


async def test_who_has_but_the_number_is_told_nothing_personal(desk: Desk) -> None:
    said = await desk.hears(*BOOK, "I have to go")
    number = number_in(said[-1])
    assert said[-1].endswith(desk.desk.lines.goodbye)
    said = await desk.hears(f"case {number}", "Eve Black", "212 555 0199", "no", "cancel")
    assert not any("Ann" in line or "0142" in line or "one four two" in line for line in said)
    assert "for Eve Black" in said[2]


async def test_nobody_makes_the_case_of_another_his_own(desk: Desk) -> None:
    number = number_in((await desk.hears(*BOOK, "goodbye"))[-1])
    eve = code_in((await desk.hears("remember me", "Eve Black", "yes", "212 555 0199", "yes"))[-1])
    who = ("I have a code", "212 555 0199", " ".join(eve))
    said = await desk.hears(*who, f"case {number}", "goodbye")
    assert said[3] == "Good, we go on. Your name?"
    number = number_in(said[-1])
    said += await desk.hears(*who, "yes")
    assert "Shall we go on with it?" in said[-2]
    assert said[-1] in ("Your name?", "Shall I use Eve Black?")
    assert not any("Ann" in line or "0142" in line or "one four two" in line for line in said)


async def test_who_tells_the_same_again_gets_the_rest_back(desk: Desk) -> None:
    number = number_in((await desk.hears(*BOOK, "goodbye"))[-1])
    said = await desk.hears("I have a case number", number, "ann smith", "yes")
    assert said[2].startswith("Book Thursday")
    assert "for Ann Smith" in said[2]
    assert desk.booked() == [THURSDAY]


CALLING = (
    DESK.replace(
        """[[flow.book.ask]]
slot = "name"
type = "name"
prompt = "Your name?"
from = "remembered"

[[flow.book.ask]]
slot = "phone"
type = "phone"
prompt = "Your number?"
from = "remembered"
""",
        """[[flow.book.ask]]
call = "who"
""",
    )
    + """
[flow.who]

[[flow.who.ask]]
slot = "name"
type = "name"
prompt = "Your name?"

[[flow.who.ask]]
slot = "phone"
type = "phone"
prompt = "Your number?"
"""
)


@pytest.mark.parametrize("told", [4, 5])
async def test_what_another_flow_asked_is_withheld_and_given_back_too(tmp_path: Path, told: int) -> None:
    desk = Desk(tmp_path, CALLING)
    number = number_in((await desk.hears(*BOOK[:told], "goodbye"))[-1])
    said = await desk.hears(f"case {number}", "Eve Black", "212 555 0199", "goodbye")
    assert said[0] == "Good, we go on. Your name?"
    assert "for Eve Black" in said[2]
    assert not any("Ann" in line for line in said)
    number = number_in((await desk.hears(*BOOK[:told], "goodbye"))[-1])
    said = await desk.hears(f"case {number}", "Ann Smith", *BOOK[told:], "yes")
    assert desk.booked() == [THURSDAY]


async def test_a_number_works_once_and_for_a_day(desk: Desk) -> None:
    number = number_in((await desk.hears(*OPEN, "goodbye"))[-1])
    await desk.hears(f"case {number}")
    assert "nothing to go on with" in (await desk.hears(f"case {number}"))[-1]
    number = number_in((await desk.hears(*OPEN, "goodbye"))[-1])
    desk.now += timedelta(hours=25)
    assert "nothing to go on with" in (await desk.hears(f"case {number}"))[-1]


async def test_numbers_cannot_be_guessed(desk: Desk) -> None:
    number = number_in((await desk.hears(*OPEN, "goodbye"))[-1]).replace(" ", "")
    others = (f"{n}" for n in range(1000, 10000) if f"{n}" != number)
    said = []
    for _ in range(4):
        said += await desk.hears(*(f"case {' '.join(next(others))}" for _ in range(4)))
    assert sum("nothing to go on with" in line for line in said) == 10
    assert "too often" in (await desk.hears(f"case {number}"))[-1]
    desk.now += timedelta(hours=1)
    assert "Good, we go on" in (await desk.hears(f"case {number}"))[-1]


async def test_when_nobody_speaks_any_more_the_number_is_told(desk: Desk) -> None:
    said = await desk.hears(*OPEN[:3], *[SILENCE] * 8)
    assert desk.desk.lines.goodbye in said[-1]
    number = number_in(said[-1])
    assert (await desk.hears(f"case {number}"))[-1] == "Good, we go on. Your name?"


async def test_a_known_caller_needs_no_number(desk: Desk) -> None:
    code = await desk.enrolled()
    await desk.known(code, "I need a prescription", "Ann Smith")
    said = await desk.known(code, "yes", "Aspirin", "yes")
    assert "Last time we did not finish a prescription. Shall we go on with it?" in said[0]
    assert said[1] == "Which medicine?"
    assert desk.messages() == ["Aspirin for Ann Smith"]


async def test_a_case_that_breaks_off_again_goes_on_again(desk: Desk) -> None:
    first = number_in((await desk.hears(*OPEN[:2], "goodbye"))[-1])
    second = number_in((await desk.hears(f"case {first}", "half past ten", "goodbye"))[-1])
    said = await desk.hears(f"case {second}", "Ann Smith", "212 555 0142", "yes")
    assert said[0] == "Good, we go on. Your name?"
    assert desk.booked() == [THURSDAY]


async def test_nothing_begun_has_no_number(desk: Desk) -> None:
    said = await desk.hears("book an appointment", "I have to go")
    assert said[-1] == desk.desk.lines.goodbye
    assert desk.events("paused") == []


# Undo.


@pytest.mark.parametrize("word", ["undo that", "cancel that again", "please take that back", "cancel that"])
async def test_what_was_just_done_is_undone_after_a_yes(desk: Desk, word: str) -> None:
    said = await desk.hears(*BOOK, "yes", "no", word, "yes")
    assert "I take back what I did last: making an appointment: Thursday" in said[-2]
    assert said[-1] == desk.desk.lines.undone
    assert desk.booked() == []
    assert desk.events("outcome")[-1].data["action"] == "calendar.cancel"


async def test_nothing_is_undone_without_a_yes_to_the_whole_question(desk: Desk) -> None:
    await desk.hears(*BOOK, "yes", "no", "undo that", "no")
    assert desk.booked() == [THURSDAY]
    asked = len(BOOK) + 4
    said = await desk.hears(
        BOOK[0], "Friday", "nine", *BOOK[3:], "yes", "no", "undo that", "yes", cut=[asked]
    )
    assert "I take back" in said[-1] or said[-1] == desk.desk.lines.more
    assert len(desk.booked()) == 2


async def test_what_is_undone_stays_undone_and_nothing_else_is(desk: Desk) -> None:
    said = await desk.hears(*BOOK, "yes", "no", "undo that", "yes", "undo that")
    assert said[-1] == desk.desk.lines.not_undone
    said = await desk.hears("undo that")
    assert said == [desk.desk.lines.not_undone]


async def test_a_deed_with_a_way_back_of_its_own(desk: Desk) -> None:
    said = await desk.hears("I need a prescription", "Ann Smith", "Aspirin", "yes", "undo that", "yes")
    assert said[-1] == desk.desk.lines.undone
    assert desk.store.read("select state from message") == [("withdrawn",)]


async def test_what_the_caller_did_not_hear_becomes_a_note(desk: Desk) -> None:
    done = len(BOOK) + 2
    await desk.hears(*BOOK, "yes", cut=[done])
    assert desk.booked() == [THURSDAY]
    [note] = desk.messages()
    assert "did not hear" in note
    assert "Booked for Thursday" in note


def test_the_desk_remembers_nobody_where_it_shall_not(tmp_path: Path) -> None:
    desk = Desk(tmp_path, f"{DESK}\n[actions.people]\nremember = false\n")
    flows: dict[str, Any] = desk.knowledge.desk.flow
    assert "enrol" not in flows
    assert "case" in flows


async def test_by_sound_a_caller_who_falls_silent_in_a_form_hears_the_number(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(DESK)
    desk, _ = read_desk(tmp_path / "desk.toml")
    result = await by_sound(tmp_path, ["book an appointment", "next Thursday"], desk=desk, linger=120.0)
    last = result.turns[-1].spoken
    assert last.whole
    number_in(last.text)
    assert last.text.endswith(desk.lines.goodbye)


async def test_by_sound_a_yes_that_cuts_into_the_offer_is_no_yes_to_it(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(DESK)
    desk, _ = read_desk(tmp_path / "desk.toml")
    says = [
        "book an appointment",
        "next Thursday",
        "half past ten",
        "Ann Smith",
        "212 555 0142",
        "yes",
        "yes",
    ]
    sayings = [Saying(voice(1.0)) for _ in says[:-1]] + [Saying(voice(1.0), into=0.4)]
    await by_sound(tmp_path, says, sayings, desk=desk)
    store = Store(tmp_path / "desk.db")
    assert len(store.read("select * from appointment")) == 1
    assert (
        store.read("select * from event where kind in ('agreed', 'identified') and data like '%code%'") == []
    )
    assert store.read("select * from person") == []
    store.close()
