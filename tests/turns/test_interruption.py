"""What takes the turn from a desk that speaks, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.turns.interruption import CALM, WARY, Act, Evidence, Verdict, judge

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


@pytest.mark.parametrize("heard", ["Oh.", "O", "K.", "M, M"])
def test_a_letter_or_a_nought_that_goes_on_with_others_is_no_agreement(heard: str) -> None:
    line = "What is your telephone number?"
    assert judge(heard, line) is Verdict.ASIDE
    assert judge(heard, line, dictated=True) is Verdict.TURN


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


def acts(*probabilities: float, near: float | None = None) -> list[Act]:
    evidence = Evidence()
    return [act for each in probabilities if (act := evidence.step(each, WINDOW, near))]


QUIET = [0.0] * (CALM // WINDOW + 1)


def test_the_first_sign_lowers_the_voice_and_the_second_stops_it() -> None:
    assert acts(0.0, 0.7) == [Act.LOWER]
    assert acts(0.0, 0.7, 0.9) == [Act.LOWER, Act.STOP]


def test_a_word_that_begins_softly_stops_it_before_it_is_speech_by_itself() -> None:
    assert acts(0.05, 0.3, 0.2) == [Act.STOP]
    assert acts(0.15, 0.4) == [Act.STOP]
    assert acts(*[0.12] * 20) == []
    assert acts(0.25, 0.04, 0.25) == []


def test_it_stops_once_for_one_stretch_of_speech() -> None:
    assert acts(*[0.9] * 50) == [Act.LOWER, Act.STOP]
    assert acts(0.9, 0.9, *QUIET, 0.9, 0.9) == [Act.LOWER, Act.STOP] * 2


def test_single_windows_among_quiet_never_stop_it() -> None:
    assert Act.STOP not in acts(*[0.9, 0.0] * 50)


def test_what_does_not_stand_out_of_its_own_echo_is_nobody() -> None:
    assert acts(*[0.9] * 50, near=1.5) == []


@pytest.mark.parametrize(("near", "probability"), [(5.0, 0.0), (3.0, 0.1), (2.2, 0.6)])
def test_what_stands_out_of_it_needs_the_less_to_sound_like_speech(near: float, probability: float) -> None:
    assert Act.STOP in acts(probability, probability, near=near)
    assert Act.STOP not in acts(probability / 3, probability / 3, near=near / 2)


def test_having_stopped_for_nothing_it_asks_for_more_for_a_while() -> None:
    evidence = Evidence()
    evidence.mistaken()
    soft, loud = (0.2, 0.25), (0.6, 0.9)
    assert not any(evidence.step(each, WINDOW) for each in soft)
    for _ in range(WARY // WINDOW + 1):
        evidence.step(0.0, WINDOW)
    assert [evidence.step(each, WINDOW) for each in soft] == [None, Act.STOP]
    evidence = Evidence()
    evidence.mistaken()
    assert [evidence.step(each, WINDOW) for each in loud] == [Act.LOWER, Act.STOP]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.none() | st.floats(-1, 15)), max_size=60),
    st.sampled_from([320, 512]),
)
def test_whatever_is_heard_it_is_calm_after_quiet_and_acts_anew(
    heard: list[tuple[float, float | None]], window: int
) -> None:
    evidence = Evidence()
    for each, near in heard:
        evidence.step(each, window, near)
    for _ in range(CALM // window + 1):
        assert evidence.step(0.0, window) is None
    assert evidence.calm
    assert evidence.step(0.9, window) is Act.LOWER
