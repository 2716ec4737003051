"""What may be meant one way or another is asked about, and nothing is taken for granted."""

from __future__ import annotations

import pytest

from appliance.config.lines import Lines
from appliance.messages import Expect
from tests.flows.forms import Paper

VISIT = """
[flow.visit]
phrases = ["here to see {host}"]
ask = [
  {slot="host", type="name", prompt="Whom?", directory=true},
  {slot="day", type="date", prompt="Which day?"},
  {slot="time", type="time", prompt="What time?"},
]
do = {action="message.take", with={text="{host}"}, confirm="{host}, {day}, {time}?", done="Done."}
[actions.directory]
people = [{name="Tom Becker"}, {name="Tom Barker"}, {name="Dr Ellen Marsh"}, {name="Paul March"}]
"""
TOMS = "Do you mean Tom Becker or Tom Barker?"


def visit(text: str = "", **captured: str) -> tuple[Paper, str]:
    paper = Paper(VISIT)
    return paper, paper.begin("visit", text, captured=captured)


def test_two_who_are_called_so_are_told_apart() -> None:
    paper, _ = visit()
    assert paper.says("Tom") == TOMS
    assert paper.last.expect.words == ("Tom Becker", "Tom Barker")
    assert paper.says("Barker") == "Which day?"
    assert paper.slots() == {"host": "Tom Barker"}


@pytest.mark.parametrize(
    ("said", "meant"),
    [("the first", "Tom Becker"), ("the second one", "Tom Barker"), ("either", "Tom Becker"),
     ("Tom Barker please", "Tom Barker"), ("backer", "Tom Becker")],
)  # fmt: skip
def test_which_of_two_is_said_in_many_ways(said: str, meant: str) -> None:
    paper, _ = visit()
    paper.says("Tom")
    paper.says(said)
    assert paper.slots() == {"host": meant}


@pytest.mark.parametrize(
    ("said", "meant"),
    [("the later one", "11:00"), ("the earlier", "10:00"), ("whichever is the earliest", "10:00")],
)
def test_which_of_two_times_is_said_by_which_comes_first(said: str, meant: str) -> None:
    paper, _ = visit()
    paper.says("Paul March")
    paper.says("Thursday")
    paper.says("eleven or ten in the morning")
    paper.says(said)
    assert paper.slots()["time"] == meant


def test_neither_of_two_is_asked_for_anew() -> None:
    paper, _ = visit()
    paper.says("Tom")
    assert paper.says("no").endswith("Whom?")
    assert paper.says("Ellen Marsh") == "Which day?"


def test_somebody_else_than_the_two_is_taken() -> None:
    paper, _ = visit()
    paper.says("Tom")
    paper.says("no, Ellen Marsh")
    assert paper.slots().get("host") == "Dr Ellen Marsh"


def test_no_more_than_three_tries_are_made_to_tell_two_apart() -> None:
    paper, _ = visit()
    paper.says("Tom")
    for _ in range(2):
        assert paper.says("Tom").endswith(TOMS)
    paper.says("Tom")
    assert paper.last.leave == "human"


@pytest.mark.parametrize("said", ["march", "marsh"])
def test_names_that_sound_the_same_are_told_apart(said: str) -> None:
    paper, _ = visit()
    asked = paper.says(said)
    assert asked.startswith("Do you mean ")
    assert "Doctor Ellen Marsh" in asked
    assert "Paul March" in asked
    paper.says("Ellen")
    assert paper.slots() == {"host": "Dr Ellen Marsh"}


def test_a_name_that_is_spelled_is_no_other() -> None:
    paper, _ = visit()
    assert paper.says("M A R C H") == "Which day?"
    assert paper.slots() == {"host": "Paul March"}


def test_a_title_tells_them_apart() -> None:
    paper, _ = visit()
    paper.says("doctor marsh")
    assert paper.slots() == {"host": "Dr Ellen Marsh"}


def test_the_sentence_that_began_it_may_be_open_too() -> None:
    _, said = visit("here to see Tom", host="Tom")
    assert said == TOMS


@pytest.mark.parametrize(
    "said", ["tomorrow or Thursday", "maybe tomorrow or on Thursday", "Tuesday or Thursday please"]
)
def test_two_days_are_one_too_many(said: str) -> None:
    paper, _ = visit("", host="Ellen Marsh")
    asked = paper.says(said)
    assert asked == (
        "Do you mean Tuesday the twenty fourth of November or Thursday the twenty sixth of November?"
    )
    assert paper.says("Thursday") == "What time?"
    assert paper.slots()["day"] == "2026-11-26"


@pytest.mark.parametrize("said", ["Thursday", "on Thursday", "Thursday I said"])
def test_who_says_the_same_again_agrees(said: str) -> None:
    paper, _ = visit("", host="Ellen Marsh")
    assert paper.says("thirsty") == "Thursday the twenty sixth of November, is that right?"
    assert paper.says(said) == "What time?"


def test_who_says_no_and_the_same_does_not_agree() -> None:
    paper, _ = visit("", host="Ellen Marsh")
    paper.says("thirsty")
    assert paper.says("no not Thursday").endswith("Which day?")


@pytest.mark.parametrize("said", ["no that's wrong", "no it's not right", "no, that is incorrect"])
def test_what_says_no_twice_is_no_name(said: str) -> None:
    ask = '{slot="name", type="name", prompt="Name?", readback=true}'
    paper = Paper(f'[flow.ring]\nphrases = ["ring me"]\nask = [{ask}]')
    paper.begin("ring")
    assert paper.says("Ann Smith") == "Ann Smith, is that right?"
    assert paper.says(said).endswith("Name?")


def test_two_times_are_one_too_many() -> None:
    paper, _ = visit("on Thursday", host="Ellen Marsh")
    assert paper.says("ten or eleven").startswith("Do you mean ten o'clock in the morning or eleven")
    paper.says("eleven")
    assert paper.slots()["time"] == "11:00"


def test_a_day_that_was_corrected_is_not_two_days() -> None:
    paper, _ = visit("", host="Ellen Marsh")
    assert paper.says("Tuesday, no, Thursday") == "What time?"
    assert paper.slots()["day"] == "2026-11-26"


def test_a_day_that_was_misheard_is_read_back() -> None:
    paper, _ = visit("", host="Ellen Marsh")
    assert paper.says("thirsty") == "Thursday the twenty sixth of November, is that right?"
    assert paper.says("yes") == "What time?"


BACK = """
[flow.callback]
phrases = ["call me back"]
ask = [
  {slot="phone", type="phone", prompt="Which number?", readback=true},
  {slot="day", type="date", prompt="Which day?"},
  {slot="name", type="name", prompt="Your name?", readback=true},
]
do = {action="callback.request", confirm="{name}, {phone}, {day}?", done="Good."}
"""


def test_what_the_first_sentence_tells_is_read_back_where_the_manager_wants_it() -> None:
    paper = Paper(BACK)
    said = paper.begin("callback", "call me back at 212 555 0142 on Friday, my name is Ann Smith")
    assert said == "two one two, five five five, zero one four two, is that right?"
    assert paper.says("yes") == "Ann Smith, is that right?"
    assert paper.says("no, Anna Schmidt") == "Anna Schmidt, is that right?"
    assert paper.says("yes").startswith("Anna Schmidt, two one two")


def test_what_the_first_sentence_tells_unsurely_is_read_back_too() -> None:
    paper = Paper(BACK)
    said = paper.begin("callback", "call me back next Thursday")
    assert said == "Thursday the third of December, is that right?"
    assert paper.says("no, this Thursday") == "Thursday the twenty sixth of November, is that right?"


def test_the_words_that_a_phrase_caught_are_read_by_themselves() -> None:
    paper = Paper(VISIT)
    paper.begin("visit", "here to see Paul March about the fourth of May", captured={"host": "Paul March"})
    assert paper.slots()["host"] == "Paul March"


def test_what_a_phrase_caught_that_is_no_value_is_left() -> None:
    paper = Paper(VISIT)
    assert paper.begin("visit", "here to see the sea", captured={"host": "the sea"}) == "Whom?"


def test_a_readback_at_the_confirm_line_is_the_confirm_line() -> None:
    paper = Paper(BACK)
    for answer in ("212 555 0142", "yes", "Friday", "Ann Smith", "yes"):
        if not paper.state.forms:
            paper.begin("callback")
        paper.says(answer)
    assert paper.says("no, Bob Jones").startswith("Bob Jones, two one two")


def test_a_no_with_a_reason_at_the_confirm_line_asks_what_to_change() -> None:
    paper = Paper(BACK)
    paper.begin("callback")
    for answer in ("212 555 0142", "yes", "Friday", "Ann Smith", "yes"):
        paper.says(answer)
    assert paper.says("no, something is not as I want it") == "What should I change?"


MENU = """
[flow.menu]
phrases = ["hello"]
done = "Bye."
[[flow.menu.ask]]
slot = "what"
type = "choice"
options = ["a visit", "a delivery"]
goto = {"a delivery" = "parcel"}
prompt = "A visit or a delivery?"
readback = true
[flow.parcel]
done = "Put it on the shelf."
"""


def test_a_menu_leads_on_once_its_choice_is_agreed_to() -> None:
    paper = Paper(MENU)
    paper.begin("menu")
    assert paper.says("the delivery") == "a delivery, is that right?"
    assert paper.says("yes") == "Put it on the shelf."


DINNER = """
[flow.table]
phrases = ["a table"]
ask = [
  {slot="day", type="date", prompt="Which day?", check="calendar.open"},
  {slot="time", type="time", prompt="What time?", check="calendar.open"},
]
done = "{day}, {time}."
[flow.wake]
phrases = ["wake me"]
ask = [{slot="time", type="time", prompt="When?", between="05:00-11:00"}]
done = "{time}."
[flow.visit]
phrases = ["visit"]
ask = [{slot="time", type="time", prompt="When?"}]
done = "{time}."
[hours]
monday = ["14:00-20:00"]
[actions.calendar.hours]
thursday = ["17:00-22:00"]
friday = ["08:00-12:00"]
"""


@pytest.mark.parametrize(
    ("day", "said", "meant"),
    [
        ("Thursday", "half past seven", "half past seven in the evening"),
        ("Thursday", "nine", "nine o'clock in the evening"),
        ("Thursday", "half past seven in the morning", "half past seven in the morning"),
        ("Friday", "half past eight", "half past eight in the morning"),
    ],
)
def test_half_past_seven_is_when_the_kitchen_is_open(day: str, said: str, meant: str) -> None:
    paper = Paper(DINNER)
    paper.begin("table")
    paper.says(day)
    assert meant in paper.says(said)


def test_hours_between_which_a_time_lies_tell_morning_from_evening() -> None:
    paper = Paper(DINNER)
    paper.begin("wake")
    assert paper.says("half past five") == "half past five in the morning."


def test_the_desks_hours_tell_it_where_nothing_else_does() -> None:
    paper = Paper(DINNER)
    paper.begin("visit")
    assert paper.says("seven") == "seven o'clock in the evening."


EXPECT = """
[flow.all]
phrases = ["all"]
ask = [
  {slot="phone", type="phone", prompt="1?", patience="patient"},
  {slot="code", type="code", prompt="2?", length=6, patience="brisk"},
  {slot="host", type="name", prompt="3?", options=["Ann", "Bob"], patience=0.9},
  {slot="reason", type="text", prompt="4?"},
]
done = "So be it, {code}."
"""


def test_what_is_waited_for_says_how_patiently_and_how_many_digits() -> None:
    paper = Paper(EXPECT)
    paper.begin("all")
    waited = [paper.last.expect]
    for answer in ("212 555 0142", "four eight two nine one three", "Ann", "a cold"):
        paper.says(answer)
        waited.append(paper.last.expect)
    assert waited == [
        Expect("digits", (), 1.6, 10),
        Expect("spelled", (), 0.4, 6),
        Expect("name", ("Ann", "Bob"), 0.9),
        Expect("message"),
        Expect(),
    ]


def test_a_code_of_another_length_is_none() -> None:
    paper = Paper(EXPECT)
    paper.begin("all")
    paper.says("212 555 0142")
    assert paper.says("four eight two nine") == "And the rest?"
    assert paper.says("nine nine nine") == "Sorry, could you say that again? 2?"


def test_a_flow_that_does_nothing_ends_with_its_own_words_or_the_desks() -> None:
    paper = Paper(EXPECT)
    paper.begin("all")
    for answer in ("212 555 0142", "482913", "Ann"):
        paper.says(answer)
    assert paper.says("a cold") == "So be it, four eight two, nine one three."
    paper = Paper(EXPECT.replace('done = "So be it, {code}."', ""))
    paper.begin("all")
    for answer in ("212 555 0142", "482913", "Ann"):
        paper.says(answer)
    assert paper.says("a cold") == Lines().finished
    assert not paper.state.forms


@pytest.mark.parametrize(
    ("pieces", "number"),
    [
        (["oh one six one", "four nine six", "oh one double two"], "01614960122"),
        (["five five five", "oh one four two"], "5550142"),
        (["two one two", "five five five", "oh one four two"], "+12125550142"),
        (["two one two", "two one two five five five oh one four two"], "+12125550142"),
        (["two one two", "no, five five five oh one four two"], "5550142"),
    ],
)
def test_a_number_may_be_said_in_pieces(pieces: list[str], number: str) -> None:
    paper = Paper(
        '[flow.ring]\nphrases = ["ring me"]\n'
        'ask = [{slot="phone", type="phone", prompt="Number?"}, {slot="why", type="text", prompt="Why?"}]'
    )
    paper.begin("ring")
    for piece in pieces:
        assert paper.says(piece).endswith("is that right?")
    assert paper.says("yes") == "Why?"
    assert paper.slots() == {"phone": number}
