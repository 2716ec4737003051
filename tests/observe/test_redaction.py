"""What is private is left out of what is kept, however it is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.app import App
from appliance.bench import redaction as bench
from appliance.bench.sentences import PLAIN, sentences
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Ask, Box, DeskFile, Flow, read_desk
from appliance.memory.events import Event
from appliance.messages import Word
from appliance.observe.calls import Calls
from appliance.observe.redaction import find, luhn, redact, tells_card, without
from appliance.serving.books import private
from tests.observe.lived import found
from tests.regulars import DESK
from tests.test_app import ENGINES

CARD = "4111 1111 1111 1111"


def words(text: str) -> list[Word]:
    return [Word(word, at, at + 1) for at, word in enumerate(text.split())]


def kept(text: str, **more: str) -> str:
    return " ".join(word.text for word in redact(words(text), **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f"my card is {CARD} thanks", "my card is [card] thanks"),
        ("it's four one one one " + "one " * 12 + "okay", "it's [card] okay"),
        ("3782-822463-10005", "[card]"),
        (
            "four double one double one um double one double one double one double one double one one",
            "[card]",
        ),
        ("the code is 123 on the back", "the code is [card] on the back"),
        ("call 212-555-0142 please", "call [phone] please"),
        ("it's two one two, five five five, oh one four two", "it's [phone]"),
        ("plus four four seven seven double oh nine hundred one two three", "[phone]"),
        ("five five five to one four two", "[phone]"),
        ("my reference is four eight two nine one three", "my reference is [number]"),
        ("write to ann.smith@example.com now", "write to [e-mail] now"),
        ("j dot smith at gmail dot com", "[e-mail]"),
        ("my name is Annika Lindqvist and I am late", "my name is [name] and I am late"),
        ("this is john okafor speaking", "this is [name] speaking"),
        ("Could you tell Maria Lind that I'm late?", "Could you tell [name] that I'm late?"),
        ("that is L I N D Q V I S T", "that is [name]"),
        ("I live at 34 Elm Street 568", "I live at [address]"),
    ],
)
def test_what_is_private_is_left_out(said: str, left: str) -> None:
    assert kept(said) == left


@pytest.mark.parametrize(
    "said",
    [
        *PLAIN,
        "room 206 for 2 nights",
        "at twenty past ten",
        "anything else on Saturdays?",
        "at ten thirty on the third of May 2026",
    ],
)
def test_what_is_not_stays(said: str) -> None:
    assert kept(said) == said


def test_what_was_asked_for_is_a_name_whatever_it_looks_like() -> None:
    assert kept("hajo vasilyev") == "hajo vasilyev"
    assert " ".join(word.text for word in redact(words("hajo vasilyev"), asked_name=True)) == "[name]"


def test_what_turned_out_to_be_private_is_left_out_everywhere_and_what_is_public_nowhere() -> None:
    said = words("tell udyati that Doctor Marsh is at 555 0142")
    left = redact(said, known=["Udyati Rao"], public="Doctor Marsh is in. Our number is 555 0142.")
    assert " ".join(word.text for word in left) == "tell [name] that Doctor Marsh is at 555 0142"


def test_what_is_left_out_keeps_its_place_in_the_sound() -> None:
    left = redact(words(f"card {CARD} please"))
    assert left == [Word("card", 0, 1), Word("[card]", 1, 5), Word("please", 5, 6)]


def test_of_a_long_text_all_is_read() -> None:
    text = f"{'so it goes on and on ' * 60}{CARD} {'and on and on ' * 60}"
    assert "4111" not in without(text)
    assert without(text).count("[card]") == 1


def test_only_some_kinds_are_left_out_where_they_are_named() -> None:
    assert without(f"Ann Smith, {CARD}, 212 555 0142", "card") == "Ann Smith, [card], 212 555 0142"


@given(st.text(max_size=300))
def test_whatever_is_said_is_read_and_what_is_found_lies_in_it(text: str) -> None:
    found = find(text)
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@given(st.text("0123456789", min_size=11, max_size=18))
def test_every_number_with_a_check_digit_is_a_card_and_no_digit_of_it_stays(start: str) -> None:
    number = next(start + last for last in "0123456789" if luhn(start + last))
    for said in (number, " ".join(number), f"{number[:4]}-{number[4:]}"):
        assert kept(f"it is {said}") == "it is [card]"


@pytest.mark.parametrize(
    ("said", "tells"),
    [
        (CARD, True),
        ("four one one one " + "one " * 12, True),
        ("4111 1111 1111 1112", False),
        ("+4111 1111 1111 1111", False),
        ("212 555 0142", False),
        ("Can I pay by card?", False),
    ],
)
def test_the_desk_refuses_what_is_surely_a_card(said: str, tells: bool) -> None:
    assert tells_card(said) is tells


def test_made_up_sentences_are_the_same_each_time_and_all_marks_are_met() -> None:
    assert list(sentences(30)) == list(sentences(30))
    tallies, _, _ = bench.generated(600, 1)
    for kind, tally in tallies.items():
        assert tally.recall >= bench.MARKS[kind], tally.missed


def test_what_a_number_is_read_out_with_is_not_private_everywhere() -> None:
    desk = DeskFile("A", flow={"x": Flow(ask=(Ask("phone", "phone", "Number?"), Ask("who", "name", "Who?")))})
    at = datetime(2026, 11, 23, tzinfo=UTC)
    told = [
        {"slot": "phone", "value": "+12125550142", "spoken": "two one two, five five five ..."},
        {"slot": "who", "value": "Udyati Rao", "spoken": "Udyati Rao"},
    ]
    known = private(desk, [Event(1, "one", at, "slot.filled", data) for data in told])
    left = redact(words("for two nights Udyati and five guests"), known=known)
    assert " ".join(word.text for word in left) == "for two nights [name] and five guests"


async def test_a_call_is_kept_without_what_is_private_and_a_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(DESK)
    desk, _ = read_desk(tmp_path / "desk.toml")
    says = (
        f"my card number is {CARD}", "book an appointment", "next Thursday", "half past ten",
        "hajo vasilyev", "212 555 0142", "yes", "no", "can xyzzy plugh call 212 555 0143", "yes",
        f"hajo here, 212 555 0142, card {CARD[:-1]}2",
    )  # fmt: skip
    async with App(Box(tmp_path, engines=ENGINES), desk) as app:
        await app.chat(ScriptedCaller(says, "one"))
        [unanswered] = app.place.notebook.questions()
        [message] = app.place.notebook.messages()
    calls = Calls(tmp_path)
    turns = calls.turns(1)
    calls.close()
    assert turns[1]["decision"]["intent"] == "card"
    assert " ".join(word for word, *_ in turns[1]["heard"]["words"]) == "my card number is [card]"
    text = json.dumps(turns).lower()
    for secret in ("4111", "vasilyev", "hajo", "0142", "zero one four two"):
        assert secret not in text, secret
    assert unanswered[2] == "can xyzzy plugh call [phone]"
    assert message[2] == "hajo here, 212 555 0142, card [card]"
    assert found(tmp_path, ("4111",)) == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("could you tell leocadio rajagopalan that i'm running late", "leocadio rajagopalan"),
        ("it's for my wife, édouard", "édouard"),
        ("is mitesh cal in today", "mitesh cal"),
        ("hello, leandro king here", "leandro king"),
        ("ciro wilson told me to call you", "ciro wilson"),
        ("i spoke with gertraude yesterday", "gertraude"),
        ("Dawn Henderson.", "Dawn Henderson"),
    ],
)
def test_a_name_is_found_by_what_stands_around_it(text: str, name: str) -> None:
    (found,) = find(text)
    assert (found.kind, text[found.start : found.end]) == ("name", name)


@pytest.mark.parametrize(
    "text",
    [
        "could you tell somebody that i'm running late",
        "is breakfast in today",
        "i spoke with reception yesterday",
        "my wife lost her key",
        "please book it for tuesday",
        "somebody told me to call you",
        "please tell me that again",
    ],
)
def test_what_stands_where_a_name_does_is_not_always_one(text: str) -> None:
    assert not find(text)
