"""A booking by words: what the caller says in, what the desk says and does out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.actions import Hands, Runner
from appliance.answering.knowledge import Knowledge
from appliance.brain import Brain
from appliance.channels.scripted import SILENCE, ScriptedCaller
from appliance.clerk import Clerk
from appliance.config import read_desk
from appliance.conversation import converse, respond
from appliance.engines.fake import FakeEmbed
from appliance.engines.inline import InlineThread
from appliance.memory.events import EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import Heard, Line, Turn

NOW = datetime(2026, 11, 23, 10, 0)
"""A Monday."""

DESK = """\
name = "Alder House"

[fact.hours]
ask = ["when are you open", "what are your opening hours"]
say = "From nine to five."

[fact.parking]
ask = ["where can I park", "is there a car park"]
say = "Behind the house."

[flow.book]
phrases = ["(book|make|need) [an] appointment [(on|for) {day}]", "I (want|need) to see someone", "book me in"]

[[flow.book.ask]]
slot = "day"
type = "date"
prompt = "Which day?"
reprompt = ["Say a day, like Tuesday."]
check = "calendar.open"

[[flow.book.ask]]
slot = "time"
type = "time"
prompt = "At what time?"

[[flow.book.ask]]
slot = "name"
type = "name"
prompt = "Your name?"
readback = true

[flow.book.do]
action = "calendar.book"
confirm = "Book {day} at {time} for {name}?"
done = "Booked for {day}."
refused = {full = "That is taken."}
"""


class Desk:
    """One desk, and whoever writes to it."""

    def __init__(self, folder: Path, text: str = DESK) -> None:
        (folder / "desk.toml").write_text(text)
        self.desk, _ = read_desk(folder / "desk.toml")
        self.store = Store(folder / "desk.db", now=lambda: NOW.astimezone())
        self.thread = InlineThread()
        self.knowledge = Knowledge(self.desk, FakeEmbed(), self.thread)
        self.notebook = Notebook(self.store, self.thread)
        self.runner = Runner(self.store, self.desk.actions)
        self.calls = 0

    async def hears(self, *lines: str, cut: Sequence[int] = ()) -> list[str]:
        """What the desk says to these lines, the greeting left out."""
        await self.knowledge.load()
        self.calls += 1
        call = f"call-{self.calls}"
        clerk = Clerk(
            self.desk, EventLog(self.store), self.runner, self.thread, Hands(self.thread), call, lambda: NOW
        )
        brain = Brain(self.knowledge, self.notebook, None, call, clerk)
        turns: list[Turn] = []
        await converse(ScriptedCaller(lines, call, cut), brain, turns.append)
        return [turn.meant for turn in turns][1:]

    def bookings(self) -> list[tuple[Any, ...]]:
        """Start and name of what is booked."""
        return self.store.read("select start, name from appointment where state = 'booked' order by id")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


BOOK = ("book an appointment", "Thursday", "half past ten", "Ann Smith", "yes")
"""Up to the confirm line."""
THURSDAY = ("2026-11-26T10:30", "Ann Smith")


def booked(desk: Desk) -> list[tuple[str, str]]:
    return [(start[:16], name) for start, name in desk.bookings()]


async def test_a_booking_from_the_first_word_to_the_last(desk: Desk) -> None:
    said = await desk.hears(*BOOK, "yes please")
    assert said == [
        "Which day?",
        "At what time?",
        "Your name?",
        "Ann Smith, is that right?",
        "Book Thursday the twenty sixth of November at half past ten in the morning for Ann Smith?",
        "Booked for Thursday the twenty sixth of November.",
    ]
    assert booked(desk) == [THURSDAY]


async def test_nothing_is_done_without_a_yes(desk: Desk) -> None:
    await desk.hears(*BOOK)
    assert booked(desk) == []


@pytest.mark.parametrize(
    "word", ["no", "what?", "hm", "maybe", "book an appointment", "ignore that and book it"]
)
async def test_what_is_no_yes_books_nothing(desk: Desk, word: str) -> None:
    await desk.hears(*BOOK, word)
    assert booked(desk) == []


async def test_a_yes_to_a_confirm_line_that_was_cut_off_asks_again(desk: Desk) -> None:
    confirm = 6
    said = await desk.hears(*BOOK, "yes", "yes", cut=[confirm])
    assert said[-2] == said[-3]
    assert said[-1].startswith("Booked")
    assert booked(desk) == [THURSDAY]


async def test_one_sentence_fills_what_it_tells(desk: Desk) -> None:
    said = await desk.hears("book an appointment on Thursday at half past ten", "Ann Smith", "yes", "yes")
    assert said[0] == "Your name?"
    assert booked(desk) == [THURSDAY]


async def test_a_correction_at_the_end_is_taken(desk: Desk) -> None:
    said = await desk.hears(*BOOK, "no, Friday", "yes")
    assert "Friday the twenty seventh" in said[-2]
    assert booked(desk) == [("2026-11-27T10:30", "Ann Smith")]


async def test_no_asks_what_to_change(desk: Desk) -> None:
    said = await desk.hears(*BOOK, "no", "the time, eleven o'clock", "yes")
    assert said[-3] == "What should I change?"
    assert booked(desk) == [("2026-11-26T11:00", "Ann Smith")]


async def test_a_name_that_was_misheard_is_asked_again(desk: Desk) -> None:
    said = await desk.hears(
        "book an appointment", "Thursday", "half past ten", "Dan Schmitt", "no, Ann Smith", "yes", "yes"
    )
    assert "Ann Smith, is that right?" in said
    assert booked(desk) == [THURSDAY]


async def test_another_subject_is_answered_and_the_form_goes_on(desk: Desk) -> None:
    said = await desk.hears("book an appointment", "where can I park", "Thursday")
    assert said == ["Which day?", "Behind the house. Which day?", "At what time?"]


async def test_repeat_asks_the_same_again(desk: Desk) -> None:
    assert await desk.hears("book an appointment", "say that again") == ["Which day?", "Which day?"]


async def test_go_back_asks_the_question_before(desk: Desk) -> None:
    said = await desk.hears("book an appointment", "Thursday", "go back", "Friday")
    assert said == ["Which day?", "At what time?", "Which day?", "At what time?"]


@pytest.mark.parametrize("word", ["cancel", "never mind", "forget it"])
async def test_giving_up_leaves_nothing_behind(desk: Desk, word: str) -> None:
    said = await desk.hears(*BOOK, word, "yes")
    assert said[-2] == desk.desk.lines.cancelled
    assert booked(desk) == []


async def test_a_person_can_be_asked_for_at_any_time(desk: Desk) -> None:
    said = await desk.hears("book an appointment", "I want to talk to a person")
    assert said[-1] == desk.desk.lines.person


async def test_after_three_answers_that_are_none_it_hands_over(desk: Desk) -> None:
    said = await desk.hears("book an appointment", "purple", "purple", "purple")
    assert said[1] == "Say a day, like Tuesday."
    assert said[-1] == desk.desk.lines.person


async def test_silence_is_asked_into_and_then_handed_over(desk: Desk) -> None:
    said = await desk.hears("book an appointment", SILENCE, SILENCE, SILENCE)
    assert said[1:3] == ["Say a day, like Tuesday."] * 2
    assert said[-1] == desk.desk.lines.person


async def test_a_day_that_is_closed_is_refused_and_asked_anew(desk: Desk) -> None:
    said = await desk.hears("book an appointment", "Sunday", "Thursday")
    assert "Sunday the twenty ninth of November is not possible" in said[1]
    assert said[2] == "At what time?"


async def test_the_second_caller_of_a_taken_time_is_told(desk: Desk) -> None:
    await desk.hears(*BOOK, "yes")
    said = await desk.hears("book an appointment", "Thursday", "half past ten", "Bob Jones", "yes", "yes")
    assert said[-1] == "That is taken. What should I change?"
    assert booked(desk) == [THURSDAY]


async def test_who_is_told_that_a_time_is_taken_names_another_and_keeps_the_rest(desk: Desk) -> None:
    await desk.hears(*BOOK, "yes")
    said = await desk.hears(
        "book an appointment", "Thursday", "half past ten", "Bob Jones", "yes", "yes", "eleven", "yes"
    )
    assert said[-1].startswith("Booked")
    assert booked(desk) == [THURSDAY, ("2026-11-26T11:00", "Bob Jones")]


async def test_who_wants_no_other_time_is_let_go(desk: Desk) -> None:
    await desk.hears(*BOOK, "yes")
    said = await desk.hears(
        "book an appointment", "Thursday", "half past ten", "Bob Jones", "yes", "yes", "no"
    )
    assert said[-1] == desk.desk.lines.cancelled
    assert booked(desk) == [THURSDAY]


async def test_for_a_time_that_is_taken_the_day_is_not_refused(desk: Desk) -> None:
    await desk.hears(*BOOK, "yes")
    said = await desk.hears("book an appointment on Thursday at half past ten", "Bob Jones")
    assert said == ["Your name?", "Bob Jones, is that right?"]


async def test_saying_yes_twice_books_once(desk: Desk) -> None:
    await desk.hears(*BOOK, "yes", "yes", "yes")
    assert booked(desk) == [THURSDAY]


async def test_the_state_is_what_the_events_say(desk: Desk) -> None:
    await desk.hears(*BOOK, "yes")
    kinds = [event.kind for event in EventLog(desk.store).read("call-1")]
    assert kinds[0] == "flow.started"
    assert kinds[kinds.index("confirmed") :] == ["confirmed", "outcome", "flow.ended", "told"]


class SlowHands(InlineThread):
    """Actions that take a while."""

    async def run(self, do: Any, *args: Any) -> Any:
        for _ in range(20):
            await asyncio.sleep(0)
        return do(*args)


async def test_a_caller_who_cuts_in_while_it_is_being_done_still_hears_that_it_was_done(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    await desk.knowledge.load()
    clerk = Clerk(
        desk.desk, EventLog(desk.store), desk.runner, desk.thread, Hands(SlowHands()), "call", lambda: NOW
    )
    brain = Brain(desk.knowledge, desk.notebook, None, "call", clerk)
    call = ScriptedCaller((), "call")
    turns: list[Turn] = []
    for number, line in enumerate(BOOK, 1):
        await respond(call, brain, Turn("call", number, Heard(line, 0, 0, 0, 0)), turns.append)
    answering = asyncio.create_task(
        respond(call, brain, Turn("call", 7, Heard("yes", 0, 0, 0, 0)), turns.append)
    )
    for _ in range(10):
        await asyncio.sleep(0)
    answering.cancel()
    await asyncio.wait([answering])
    await respond(call, brain, Turn("call", 8, Heard("where can I park", 0, 0, 0, 0)), turns.append)
    assert turns[-1].meant.startswith("Booked for Thursday")
    assert turns[-1].meant.endswith("Behind the house.")
    assert booked(desk) == [THURSDAY]
    await respond(call, brain, Turn("call", 9, Heard("where can I park", 0, 0, 0, 0)), turns.append)
    assert turns[-1].meant == "Behind the house."


async def test_while_an_action_takes_long_the_caller_hears_a_filler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.conversation.LONG", 0.0)
    desk = Desk(tmp_path)
    await desk.knowledge.load()
    clerk = Clerk(
        desk.desk, EventLog(desk.store), desk.runner, desk.thread, Hands(SlowHands()), "call", lambda: NOW
    )
    brain = Brain(desk.knowledge, desk.notebook, None, "call", clerk)

    class Listener(ScriptedCaller):
        heard: tuple[str, ...] = ()

        async def say(self, lines: AsyncIterator[Line]) -> None:
            await super().say(lines)
            self.heard += (self.spoken().text,)

    call = Listener((), "call")
    for number, line in enumerate((*BOOK, "yes"), 1):
        await respond(call, brain, Turn("call", number, Heard(line, 0, 0, 0, 0)), lambda turn: None)
    assert call.heard[-2] == desk.desk.lines.moment
    assert call.heard[-1].startswith("Booked for Thursday")


async def test_a_slot_says_how_patiently_it_is_waited_for_and_how_many_signs_it_has(tmp_path: Path) -> None:
    slots = """
[flow.order]
phrases = ["order"]
[[flow.order.ask]]
slot = "policy"
type = "code"
prompt = "Your policy number?"
patience = 2.5
length = 8
[[flow.order.ask]]
slot = "number"
type = "number"
prompt = "How many?"
"""
    desk = Desk(tmp_path, DESK + slots)
    await desk.knowledge.load()
    hands = Hands(desk.thread)
    clerk = Clerk(desk.desk, EventLog(desk.store), desk.runner, desk.thread, hands, "call", lambda: NOW)
    step = await clerk.start("order", "order")
    assert (step.expect.kind, step.expect.patience, step.expect.digits) == ("spelled", 2.5, 8)
    step = await clerk.hear("B 1 2 3 4 5 6 7", "")
    assert (step.expect.kind, step.expect.patience, step.expect.digits) == ("digits", None, 1)
