"""One flow calls another, and goes on with its slots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from appliance.errors import ConfigError
from appliance.flows.state import fold
from appliance.flows.steps import Request
from appliance.slots import Value
from tests.flows.forms import Paper, desk

BOOK = """
[flow.book]
phrases = ["book"]
ask = [
  {slot="day", type="date", prompt="Which day?"},
  {call="identify"},
  {slot="time", type="time", prompt="What time?"},
]
do = {action="calendar.book", confirm="{day}, {time}, {name}, {phone}?", done="Booked for {name}."}
[flow.identify]
say = "I need to know who you are."
ask = [
  {slot="name", type="name", prompt="Your name?", from="remembered"},
  {slot="phone", type="phone", prompt="Your number?"},
]
"""


def test_a_called_flow_asks_and_comes_back_with_its_slots() -> None:
    paper = Paper(BOOK)
    assert paper.begin("book") == "Which day?"
    assert paper.says("Thursday") == "I need to know who you are. Your name?"
    assert [form.flow for form in paper.state.forms] == ["book", "identify"]
    assert paper.says("Ann Smith") == "Your number?"
    assert paper.says("212 555 0142") == "What time?"
    assert [form.flow for form in paper.state.forms] == ["book"]
    assert paper.says("nine").startswith("Thursday the twenty sixth of November, nine o'clock")
    assert paper.says("yes") == "Booked for Ann Smith."
    assert paper.requests[-1].arguments["phone"] == "+12125550142"


def test_the_nesting_is_in_the_events() -> None:
    paper = Paper(BOOK)
    paper.begin("book")
    paper.says("Thursday")
    assert fold(paper.events) == paper.state
    assert paper.form.within == paper.state.forms[0].id


def test_what_was_told_before_is_not_asked_again() -> None:
    paper = Paper(BOOK)
    paper.begin("book", "book for Thursday, my name is Ann Smith")
    assert paper.says("212 555 0142") == "What time?"
    assert paper.slots()["name"] == "Ann Smith"


def test_who_has_told_everything_is_asked_nothing() -> None:
    paper = Paper(BOOK)
    said = paper.begin("book", "Thursday at nine, my name is Ann Smith, number 212 555 0142")
    assert said.endswith("zero one four two?")
    assert [form.flow for form in paper.state.forms] == ["book"]


def test_going_back_goes_back_into_the_flow_that_calls() -> None:
    paper = Paper(BOOK)
    paper.begin("book")
    paper.says("Thursday")
    assert paper.says("go back") == "Which day?"
    assert [form.flow for form in paper.state.forms] == ["book"]
    assert paper.says("Friday").endswith("Your name?")


def test_going_back_goes_back_to_what_the_called_flow_asked() -> None:
    paper = Paper(BOOK)
    paper.begin("book")
    for answer in ("Thursday", "Ann Smith", "212 555 0142"):
        paper.says(answer)
    assert paper.says("go back") == "Your number?"
    assert paper.says("212 555 0177") == "What time?"
    assert paper.slots()["phone"] == "+12125550177"


@pytest.mark.parametrize("said", ["no wait, Friday", "sorry I meant Friday", "actually make it Friday"])
def test_what_was_told_before_is_corrected_while_the_called_flow_asks(said: str) -> None:
    paper = Paper(BOOK)
    paper.begin("book", "Thursday at nine")
    assert paper.says(said) == "Your name?"
    paper.says("Ann Smith")
    assert paper.says("212 555 0142").startswith("Friday the twenty seventh of November, nine o'clock")


def test_what_the_called_flow_asked_is_changed_at_the_end() -> None:
    paper = Paper(BOOK)
    paper.begin("book")
    for answer in ("Thursday", "Ann Smith", "212 555 0142", "nine"):
        paper.says(answer)
    assert paper.says("change the name") == "Your name?"
    assert "Bob Jones" in paper.says("Bob Jones")


def test_what_is_known_is_offered_in_the_called_flow() -> None:
    paper = Paper(BOOK)
    paper.begin("book", known={"remembered.name": Value("Ann Smith", "Ann Smith", 1.0)})
    assert paper.says("Thursday").endswith("Shall I use Ann Smith?")
    paper.says("yes")
    paper.says("212 555 0142")
    assert paper.form.sources["name"] == "remembered"


def test_giving_up_in_a_called_flow_gives_up_the_whole() -> None:
    paper = Paper(BOOK)
    paper.begin("book")
    paper.says("Thursday")
    paper.says("never mind")
    assert paper.last.leave == "cancel"
    assert not paper.state.forms


def test_three_answers_that_are_none_leave_the_whole_where_nothing_was_told() -> None:
    paper = Paper(BOOK)
    paper.begin("book")
    for _ in range(3):
        paper.says("purple")
    assert paper.last.leave == "human"
    assert not paper.state.forms


def test_what_was_told_waits_after_three_answers_that_are_none() -> None:
    paper = Paper(BOOK)
    paper.begin("book")
    paper.says("Thursday")
    paper.says("Ann Smith")
    for _ in range(3):
        paper.says("purple")
    assert (paper.last.leave, paper.last.waits) == ("human", True)
    assert paper.state.forms[0].flow == "book"
    assert "day" in paper.state.forms[0].slots
    paper.says("purple")
    assert not paper.last.leave


QUEUE = """
[flow.visit]
phrases = ["visit"]
ask = [{call="code"}, {slot="day", type="date", prompt="Which day?"}]
do = {action="calendar.book", confirm="{day}?", done="Booked."}
[flow.code]
ask = [{slot="code", type="code", prompt="Your code?", length=4}]
do = {action="people.verify", done="Thank you.", refused={wrong="That is wrong."}}
"""


def test_a_called_flow_may_do_something_first() -> None:
    paper = Paper(QUEUE)
    assert paper.begin("visit") == "Your code?"
    assert paper.says("four eight two nine") == "Thank you. Which day?"
    assert paper.last.news == ("Thank you.",), "only what came of the action must not be lost"
    assert paper.slots() == {"code": "4829"}


def test_what_the_called_flow_is_refused_ends_the_whole() -> None:
    def hand(request: Request) -> tuple[bool, str, Mapping[str, Any]]:
        return False, "wrong", {}

    paper = Paper(QUEUE, hand)
    paper.begin("visit")
    assert paper.says("four eight two nine") == "That is wrong."
    assert not paper.state.forms


def test_another_errand_below_goes_on_after_a_refusal() -> None:
    def hand(request: Request) -> tuple[bool, str, Mapping[str, Any]]:
        return request.action != "people.verify", "wrong", {}

    paper = Paper(BOOK + QUEUE, hand)
    paper.begin("book")
    paper.begin("visit")
    assert paper.says("four eight two nine") == "That is wrong. Which day?"
    assert [form.flow for form in paper.state.forms] == ["book"]


MENU = """
[flow.book]
phrases = ["book"]
ask = [{call="who"}, {slot="day", type="date", prompt="Which day?"}]
do = {action="calendar.book", confirm="{day}?", done="Booked."}
[flow.who]
[[flow.who.ask]]
slot = "kind"
type = "choice"
options = ["guest", "member"]
goto = {guest = "guest"}
prompt = "Guest or member?"
[flow.guest]
ask = [{slot="name", type="name", prompt="Your name?"}]
"""


def test_a_called_menu_that_leads_on_still_comes_back() -> None:
    paper = Paper(MENU)
    assert paper.begin("book") == "Guest or member?"
    assert paper.says("guest") == "Your name?"
    assert paper.says("Ann Smith") == "Which day?"
    assert paper.slots() == {"kind": "guest", "name": "Ann Smith"}


@pytest.mark.parametrize(
    ("flows", "wrong"),
    [
        ('[flow.a]\nask=[{call="a"}]', "line 3: flow.a.ask calls itself: a calls a; leave one"),
        (
            '[flow.a]\nask=[{call="b"}]\n[flow.b]\nask=[{call="c"}]\n[flow.c]\nask=[{call="a"}]',
            "line 3: flow.a.ask calls itself: a calls b calls c calls a",
        ),
        ('[flow.a]\nask=[{call="nobody"}]', "line 3: flow.a.ask.1 calls nobody; there is no such flow"),
        (
            '[flow.a]\nask=[{call="b", slot="day"}]\n[flow.b]',
            "line 3: flow.a.ask.1 calls b and asks for day",
        ),
        (
            '[flow.a]\n[[flow.a.ask]]\nslot="day"\ntype="date"\nprompt="?"\n[[flow.a.ask]]\ncall="b"\n'
            '[flow.b]\nask=[{slot="day", type="date", prompt="?"}]',
            "line 7: flow.a.ask.2 asks for day a second time",
        ),
    ],
)
def test_calls_that_cannot_be_are_told_with_their_line(flows: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as error:
        desk(flows)
    assert wrong in str(error.value)
