"""Callers change their minds, in the middle and at the end."""

from __future__ import annotations

import time

import pytest

from tests.flows.forms import Paper

VISIT = """
[flow.visit]
phrases = ["book a visit"]
ask = [
  {slot="day", type="date", prompt="Which day?"},
  {slot="time", type="time", prompt="What time?"},
  {slot="name", type="name", prompt="Your name?", readback=true},
  {slot="phone", type="phone", prompt="Your number?"},
  {slot="reason", type="text", prompt="What is it about?"},
  {slot="remark", type="text", prompt="Any remark?", optional=true},
]
do = {action="message.take", with={text="{reason}"}, confirm="{day}, {time}, {name}, {reason}?", done="Done."}
"""

FRIDAY, THURSDAY = "2026-11-27", "2026-11-26"
ANSWERS = ("Thursday", "half past ten", "Ann Smith", "yes", "212 555 0142", "a cold")


def at(question: int) -> Paper:
    """A visit being booked, with so many answers given."""
    paper = Paper(VISIT)
    paper.begin("visit")
    for answer in ANSWERS[:question]:
        paper.says(answer)
    return paper


@pytest.mark.parametrize(
    "said", ["no, Friday", "no wait, Friday", "actually make it Friday", "sorry, I meant Friday"]
)
def test_a_day_is_corrected_when_the_time_is_asked_for(said: str) -> None:
    paper = at(1)
    assert paper.says(said) == "What time?"
    assert paper.slots() == {"day": FRIDAY}


def test_a_day_said_without_a_no_is_read_back_first() -> None:
    paper = at(1)
    assert paper.says("Friday") == "Friday the twenty seventh of November, is that right?"
    assert paper.says("yes") == "What time?"
    assert paper.slots() == {"day": FRIDAY}


def test_a_correction_and_the_answer_come_in_one_sentence() -> None:
    paper = at(1)
    assert paper.says("no, Friday, at eleven") == "Your name?"
    assert paper.slots() == {"day": FRIDAY, "time": "11:00"}


def test_the_day_is_corrected_while_the_name_is_read_back() -> None:
    paper = at(3)
    assert paper.says("no, Friday") == "Ann Smith, is that right?"
    assert paper.says("yes") == "Your number?"
    assert paper.slots()["day"] == FRIDAY


def test_a_short_no_corrects_even_where_anything_would_be_an_answer() -> None:
    paper = at(5)
    assert paper.says("no, Friday") == "What is it about?"
    assert paper.slots()["day"] == FRIDAY


def test_a_reason_that_holds_a_day_is_a_reason() -> None:
    paper = at(5)
    assert paper.says("my back has hurt since Friday").startswith("Thursday the twenty sixth")
    assert paper.slots()["reason"] == "my back has hurt since Friday"


@pytest.mark.parametrize(
    "said",
    [
        "change the day", "can we change the day please", "the day is wrong", "that's the wrong day",
        "I'd like a different day", "go back to the day", "no, change the date", "I want to change the day",
    ],
)  # fmt: skip
@pytest.mark.parametrize("question", [1, 2, 3, 4, 5, 6])
def test_a_slot_is_asked_again_wherever_the_caller_wants_it_changed(said: str, question: int) -> None:
    paper = at(question)
    before = paper.slots()
    said_next = paper.says(said)
    while "is that right?" in said_next:
        said_next = paper.says("yes")
    assert said_next == "Which day?"
    paper.says("Friday")
    assert before.items() - {("day", THURSDAY)} <= paper.slots().items(), "nothing else is lost"
    assert paper.slots()["day"] == FRIDAY


def test_a_change_may_bring_its_value() -> None:
    paper = at(2)
    assert paper.says("change the day to Friday") == "Your name?"
    assert paper.slots() == {"time": "10:30", "day": FRIDAY}


def test_a_text_is_changed_at_the_confirm_line() -> None:
    paper = at(6)
    assert paper.says("change the reason") == "What is it about?"
    assert paper.says("a sore throat").endswith("a sore throat?")
    assert paper.says("change the reason to a bad knee").endswith("a bad knee?")


@pytest.mark.parametrize("said", ["the reason", "the reason please", "reason", "the reason is wrong"])
def test_what_should_i_change_takes_the_slots_name(said: str) -> None:
    paper = at(6)
    assert paper.says("no") == "What should I change?"
    assert paper.says(said) == "What is it about?"


def test_what_should_i_change_takes_name_and_value() -> None:
    paper = at(6)
    paper.says("no")
    assert paper.says("the reason is a bad knee").endswith("a bad knee?")
    paper.says("no")
    assert "eleven o'clock" in paper.says("the time, eleven o'clock")


def test_a_slot_that_nobody_asks_for_can_be_wished_for_once_it_is_filled() -> None:
    paper = at(6)
    assert paper.says("change the remark").startswith("Sorry"), "there is none yet"


def test_going_back_goes_back_through_every_question() -> None:
    paper = at(6)
    for question in (
        "What is it about?",
        "Your number?",
        "Your name?",
        "What time?",
        "Which day?",
        "Which day?",
    ):
        assert paper.says("go back") == question
    for answer in ANSWERS:
        said = paper.says(answer)
    assert said.startswith("Thursday the twenty sixth of November, half past ten")


def test_going_back_from_a_readback_asks_for_that_slot_again() -> None:
    paper = at(3)
    assert paper.says("go back") == "Your name?"


def test_a_number_that_is_too_short_is_no_answer_but_a_time_is_a_correction() -> None:
    paper = at(4)
    assert paper.says("no, at eleven") == "Your number?"
    assert paper.slots()["time"] == "11:00"


def test_yes_and_another_answer_are_both_taken() -> None:
    paper = at(3)
    paper.says("yes, and my number is 212 555 0142")
    assert paper.slots()["name"] == "Ann Smith"
    assert paper.slots()["phone"] == "+12125550142"


@pytest.mark.parametrize("said", ["yes but make it Friday", "yes, but on Friday please"])
def test_yes_and_a_correction_of_something_else_are_both_taken(said: str) -> None:
    paper = at(3)
    assert paper.says(said) == "Your number?"
    assert paper.slots()["name"] == "Ann Smith"
    assert paper.slots()["day"] == FRIDAY


@pytest.mark.parametrize(
    "filler", ["!" * 400, " change the day" * 120, "the " * 400, "a" * 2000, " no, no" * 250]
)
def test_a_long_utterance_takes_no_time(filler: str) -> None:
    paper = at(6)
    began = time.process_time()
    for said in (filler, f"change the day to {filler} x", f"the day {filler}"):
        paper.forms.hear(paper.state, said, paper.now)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    ("said", "slots"),
    [
        ("move it from Thursday to Friday", {"day": FRIDAY}),
        ("from Thursday to Friday", {"day": FRIDAY}),
        ("can we make that Friday instead of Thursday", {"day": FRIDAY}),
        ("change it from half past ten to eleven", {"time": "11:00"}),
        ("move it from Thursday to Friday at eleven", {"day": FRIDAY, "time": "11:00"}),
        ("change the name from Ann Smith to Ann Smythe", {"name": "Ann Smythe"}),
    ],
)
@pytest.mark.parametrize("question", [4, 6])
def test_what_is_moved_is_where_it_is_moved_to(said: str, slots: dict[str, str], question: int) -> None:
    paper = at(question)
    paper.says(said)
    if paper.form.stage == "doubt":
        paper.says("yes")
    before = {"day": THURSDAY, "time": "10:30", "name": "Ann Smith"}
    assert {slot: paper.slots()[slot] for slot in before} == {**before, **slots}


STAY = """
[flow.stay]
phrases = ["stay"]
ask = [
  {slot="arrival", type="date", prompt="From?"},
  {slot="departure", type="date", prompt="To?"},
  {slot="name", type="name", prompt="Your name?"},
]
do = {action="message.take", with={text="{name}"}, confirm="{arrival} to {departure}?", done="Done."}
"""


def test_from_one_day_to_another_is_a_stay_unless_a_day_is_moved() -> None:
    paper = Paper(STAY)
    paper.begin("stay", "from Tuesday to Thursday")
    assert paper.slots() == {"arrival": "2026-11-24", "departure": THURSDAY}
    paper.says("move it from Thursday to Friday")
    assert paper.slots() == {"arrival": "2026-11-24", "departure": FRIDAY}
    paper.says("Ann Smith")
    paper.says("from Tuesday to Wednesday")
    assert paper.slots()["arrival"] == "2026-11-25"


ELSEWHERE = """
[flow.elsewhere]
phrases = ["move a visit"]
ask = [
  {slot="day", type="date", prompt="%s"},
  {slot="time", type="time", prompt="What time?"},
]
do = {action="%s", with={reference="1", text="{day}"}, confirm="{day}, {time}?", done="Done."}
"""


@pytest.mark.parametrize("prompt", ["To which day?", "Which day suits you?"])
def test_of_two_days_the_flow_that_moves_something_takes_the_one_to_which(prompt: str) -> None:
    paper = Paper(ELSEWHERE % (prompt, "calendar.move"))
    paper.begin("elsewhere")
    paper.says("from Thursday to Friday")
    assert paper.slots() == {"day": FRIDAY}
    other = Paper(ELSEWHERE % (prompt, "message.take"))
    other.begin("elsewhere")
    other.says("from Thursday to Friday")
    assert other.form.stage == "doubt"
