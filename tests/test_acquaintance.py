"""Callers who come again are known where they wish to be, and nobody else is taken for them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.channels.recorded import Saying
from appliance.config import read_desk
from appliance.memory.people import People
from appliance.memory.store import Store
from tests.desk import call as by_sound
from tests.desk import voice
from tests.regulars import BOOK, DESK, OPEN, THURSDAY, Desk, code_in


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


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


def test_the_desk_remembers_nobody_where_it_shall_not(tmp_path: Path) -> None:
    desk = Desk(tmp_path, f"{DESK}\n[actions.people]\nremember = false\n")
    flows: dict[str, Any] = desk.knowledge.desk.flow
    assert "enrol" not in flows
    assert "case" in flows


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
