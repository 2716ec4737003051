"""What was begun and not finished: it goes on by another channel, another day, for who began it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from appliance.channels.scripted import SILENCE
from appliance.config import read_desk
from tests.desk import call as by_sound
from tests.regulars import BOOK, DESK, OPEN, THURSDAY, Desk, code_in, number_in


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


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


async def test_by_sound_a_caller_who_falls_silent_in_a_form_hears_the_number(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(DESK)
    desk, _ = read_desk(tmp_path / "desk.toml")
    result = await by_sound(tmp_path, ["book an appointment", "next Thursday"], desk=desk, linger=120.0)
    last = result.turns[-1].spoken
    assert last.whole
    number_in(last.text)
    assert last.text.endswith(desk.lines.goodbye)
