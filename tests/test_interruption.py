"""What takes the turn from a desk that speaks, and what does not."""

from __future__ import annotations

import pytest

from appliance.interruption import CALM, STOP, Act, Evidence, Verdict, judge

WINDOW = 512
LINE = "We are open Monday to Friday from nine to five thirty, and on Saturday from ten to one."


@pytest.mark.parametrize(
    "heard",
    ["Yeah.", "Mhm.", "Okay.", "Uh-huh.", "Mm-hmm.", "Right.", "I see.", "Yeah, okay.", "Oh, great.",
     "Thank you.", "Ha ha ha.", "Got it."],
)  # fmt: skip
def test_who_agrees_does_not_want_the_turn(heard: str) -> None:
    assert judge(heard, LINE) is Verdict.ASIDE


@pytest.mark.parametrize(
    "heard",
    ["No.", "Stop.", "Wait a minute.", "Yes, but what about Sunday?", "Excuse me.", "Hello?", "I don't",
     "Okay, and where are you?", "What?", "Sorry, who is this?", "And parking?", "it is"],
)  # fmt: skip
def test_who_says_something_does(heard: str) -> None:
    assert judge(heard, LINE) is Verdict.TURN


@pytest.mark.parametrize("heard", ["", "...", " ♪ "])
def test_what_holds_no_words_is_nothing(heard: str) -> None:
    assert judge(heard, LINE) is Verdict.NOTHING


@pytest.mark.parametrize(
    ("heard", "played"),
    [
        ("from nine to five thirty", "to Friday from nine to five thirty, and"),
        ("from 9 to 530", "to Friday from nine to five thirty, and"),
        ("Monday the Friday", "open Monday to Friday from"),
        ("and on Saturday for men", "thirty, and on Saturday from ten to"),
        ("open", "We are open"),
    ],
)
def test_what_the_desk_says_is_its_echo_though_misheard(heard: str, played: str) -> None:
    assert judge(heard, played) is Verdict.ECHO


@pytest.mark.parametrize(
    ("heard", "played"),
    [
        ("Are you open on Sunday?", "We are open Monday"),
        ("stop", "at the top of the stairs"),
        ("from nine to five thirty", ""),
        ("no", "We know the way"),
        ("can I speak to a person please", "and on Saturday"),
    ],
)
def test_what_only_shares_a_word_with_it_is_not(heard: str, played: str) -> None:
    assert judge(heard, played) is Verdict.TURN


def acts(*probabilities: float) -> list[Act]:
    evidence = Evidence()
    return [act for each in probabilities if (act := evidence.step(each, WINDOW))]


def test_the_first_sign_lowers_the_voice_and_the_second_stops_it() -> None:
    assert acts(0.1, 0.7) == [Act.LOWER]
    assert acts(0.1, 0.7, 0.9) == [Act.LOWER, Act.STOP]
    assert 2 * WINDOW >= STOP > WINDOW


def test_a_word_that_begins_softly_stops_it_as_soon_as_it_is_speech() -> None:
    assert acts(0.3, 0.7) == [Act.STOP]
    assert acts(0.3, 0.4, 0.3, 0.4) == []
    assert acts(0.3, 0.1, 0.7) == [Act.LOWER]


def test_it_stops_once_for_one_stretch_of_speech() -> None:
    assert acts(*[0.9] * 50) == [Act.LOWER, Act.STOP]
    quiet = [0.0] * (CALM // WINDOW + 1)
    assert acts(0.9, 0.9, *quiet, 0.9, 0.9) == [Act.LOWER, Act.STOP] * 2


def test_single_windows_among_quiet_never_stop_it() -> None:
    assert Act.STOP not in acts(*[0.9, 0.0] * 50)
