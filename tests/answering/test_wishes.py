"""One sentence may ask for several things, be a question, or swear."""

from __future__ import annotations

import asyncio

import pytest

from appliance.answering.knowing import Knowing, anew, parts
from appliance.answering.knowledge import Knowledge
from appliance.answering.language import asks, foreign, unsworn
from appliance.config import DeskFile
from appliance.engines.fake import FakeEmbed
from appliance.engines.inline import InlineThread
from tests.flows.forms import desk

DESK = """
[fact.hours]
ask = ["when are you open"]
say = "From nine to five."
[fact.fire]
label = "a fire"
ask = ["there is a fire", "fire"]
urgent = true
say = "Leave by the green doors."
[flow.taxi]
phrases = ["get me a taxi [at {time}]"]
ask = [{slot="time", type="time", prompt="When?"}]
[flow.wake]
phrases = ["wake me [at {time}]"]
ask = [{slot="time", type="time", prompt="When?"}]
"""


@pytest.fixture(scope="module")
def knowing() -> Knowing:
    read: DeskFile = desk(DESK)
    knowledge = Knowledge(read, FakeEmbed(), InlineThread())
    asyncio.run(knowledge.load())
    return Knowing(knowledge, None)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("wake me at six and get me a cab", ["wake me at six", "get me a cab"]),
        ("yes, and also wake me", ["yes", "wake me"]),
        ("it's fine but where are you", ["it's fine", "where are you"]),
        ("I don't want a table, I want a taxi", ["I want a taxi"]),
        ("wake me at six", []),
        ("I want bread", []),
    ],
)
def test_the_parts_of_a_sentence_are_told_apart(text: str, pieces: list[str]) -> None:
    assert parts(text) == pieces


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("wake me at six and get me a taxi at seven", ["wake", "taxi"]),
        ("get me a taxi and when are you open", ["hours", "taxi"]),
        ("get me a taxi, get me a taxi at nine", []),
        ("get me a taxi at nine", []),
    ],
)
async def test_several_wishes_come_facts_first(knowing: Knowing, text: str, intents: list[str]) -> None:
    assert [each.found.intent for each in await knowing.wishes(text)] == intents


@pytest.mark.parametrize(
    ("text", "wish"),
    [("wake me, no wait, call me a taxi", "call me a taxi"), ("no wait", "no wait"), ("no taxi", "no taxi")],
)
def test_a_wish_that_is_taken_back_is_none(text: str, wish: str) -> None:
    assert anew(text) == wish


async def test_besides_a_flow_only_another_is_wished_for(knowing: Knowing) -> None:
    assert [each.text for each in await knowing.besides("yes and wake me at six", "taxi")] == [
        "wake me at six"
    ]
    assert await knowing.besides("yes and get me a taxi", "taxi") == ()


@pytest.mark.parametrize(("text", "urgent"), [("there is a fire", True), ("there is no fire", False)])
async def test_what_cannot_wait_may_be_denied(knowing: Knowing, text: str, urgent: bool) -> None:
    answer = await knowing.urgent(text, closed=False, anything=False)
    assert (answer is not None) == urgent
    assert answer is None or answer.then == "urgent"


@pytest.mark.parametrize(
    "text", ["how much is it", "are there high chairs?", "so can I pay by card", "Green?"]
)
def test_a_question_is_known(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", ["Thursday", "Will Smith", "may", "Ann Which", "I know where it is", "is"])
def test_what_is_no_question_is_none(text: str) -> None:
    assert not asks(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("for fuck's sake book me a damn table", "book me a table"),
        ("let me the fuck in", "let me in"),
        ("where the hell are you", "where are you"),
        ("a bloody appointment", "a appointment"),
        ("fuck", "fuck"),
        ("the Hell Gate bridge", "the Hell Gate bridge"),
    ],
)
def test_swearing_says_nothing(text: str, plain: str) -> None:
    assert unsworn(text) == plain


def test_who_asks_for_another_language_is_told_which_one_is_spoken() -> None:
    assert foreign("do you speak Spanish?")
    assert foreign("can anybody speak some German")
    assert not foreign("may I speak to Mister German")
