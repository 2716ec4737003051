"""A reference may be said in pieces: each that is a proper beginning is kept until it is whole."""

from __future__ import annotations

import pytest

from appliance.config import Ask
from appliance.flows.pieces import together
from tests.flows.forms import Paper

CANCEL = """
[flow.cancel]
phrases = ["cancel"]
ask = [
  {slot="reference", type="code", prompt="Which reference?", reprompt=["One by one."], length=5},
  {slot="name", type="name", prompt="Your name?"},
]
do = {action="calendar.cancel", confirm="Cancel {reference}?", done="Done."}
"""
REST, AGAIN = "And the rest?", "One by one."
REFERENCE = Ask("reference", "code", "?", length=5)


def cancel(*said: str) -> tuple[Paper, str]:
    paper, answer = Paper(CANCEL), ""
    paper.begin("cancel")
    for text in said:
        answer = paper.says(text)
    return paper, answer


@pytest.mark.parametrize(
    "said",
    [
        ("it's A B four", "seven nine"),
        ("A B", "four seven", "nine"),
        ("alpha bravo four", "and then seven nine please"),
        ("it starts with A B", "four seven nine"),
        ("A B four", "A B four seven nine"),
        ("A B four", "no wait, A B", "four seven nine"),
        ("A B five", "no, A B four", "seven nine"),
        ("eight one", "A B four seven nine"),
    ],
)
def test_pieces_make_a_whole(said: tuple[str, ...]) -> None:
    paper, answer = cancel(*said)
    assert answer == "Your name?"
    assert paper.slots() == {"reference": "AB479"}


def test_a_piece_is_asked_for_its_rest_and_so_many_signs_are_waited_for() -> None:
    paper, answer = cancel("A B four")
    assert answer == REST
    assert paper.last.expect.digits == 2
    assert not paper.last.whole
    assert paper.last.understood


@pytest.mark.parametrize("text", ["banana", "the four of us", "I will come at nine", "A B C D E F G"])
def test_what_is_no_beginning_is_none(text: str) -> None:
    assert cancel(text)[1] == AGAIN


def test_what_is_too_long_in_all_is_said_anew() -> None:
    paper, answer = cancel("A B four seven", "nine one two")
    assert answer == AGAIN
    assert paper.says("nine one") == REST
    assert paper.form.begun == "91"


def test_silence_keeps_what_there_is() -> None:
    paper, _ = cancel("A B four")
    paper._do(paper.forms.quiet(paper.state, paper.now))
    assert paper.says("seven nine") == "Your name?"


def test_a_code_of_no_known_length_has_no_pieces() -> None:
    assert together(Ask("reference", "code", "?"), "", "A B four") == ""
    assert together(Ask("room", "number", "?"), "", "four") == ""
    assert together(REFERENCE, "", "A B four") == "AB4"
    assert together(REFERENCE, "AB4", "seven nine") == "AB479"
