"""What was done is taken back where the caller says so, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.regulars import BOOK, THURSDAY, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


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
