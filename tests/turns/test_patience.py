"""How much quiet ends a turn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.messages import Expect
from appliance.turns.patience import MANNERS, NEUTRAL, WORDLESS, Manner, Pause

NORMAL = MANNERS["normal"]

kinds = st.sampled_from(["any", "yes_no", "digits", "spelled", "name", "message"])
words = st.lists(
    st.sampled_from(
        "I'd like to book a room for and um because the 5 five Tuesday seven B please yes".split()
    ),
    max_size=14,
).map(" ".join)
texts = st.one_of(words, st.text(max_size=60))
pauses = st.builds(
    Pause,
    texts,
    st.builds(Expect, kinds, digits=st.one_of(st.none(), st.integers(1, 20))),
    st.one_of(st.none(), st.floats(0, 1)),
    st.booleans(),
)


def wait(text: str, finished: float | None = 0.2, **expect: object) -> float:
    return NORMAL(Pause(text, Expect(**expect), finished))  # type: ignore[arg-type]


@given(pauses, st.floats(0, 1), st.floats(0, 1), st.sampled_from(list(MANNERS.values())))
def test_the_more_finished_a_voice_sounds_the_shorter_the_wait(
    pause: Pause, one: float, other: float, manner: Manner
) -> None:
    less, more = sorted((one, other))
    assert manner(replace(pause, finished=more)) <= manner(replace(pause, finished=less))


@given(pauses, st.sampled_from(list(MANNERS.values())))
def test_a_wait_lies_between_the_shortest_and_the_longest(pause: Pause, manner: Manner) -> None:
    assert manner.shortest <= manner(pause) <= manner.longest


@given(pauses)
def test_brisk_never_waits_longer_than_normal_nor_normal_than_patient(pause: Pause) -> None:
    assert MANNERS["brisk"](pause) <= NORMAL(pause) <= MANNERS["patient"](pause)


@given(pauses)
def test_enough_is_never_waited_for_longer(pause: Pause) -> None:
    assert NORMAL(replace(pause, enough=True)) <= NORMAL(replace(pause, enough=False))


@pytest.mark.parametrize(
    "end",
    [
        "and",
        "um",
        "because",
        "my name is",
        "with",
        "for the",
        "I would like",
        "or...",
        "please, uh",
        "every",
        "with Dr.",
        "at gmail dot",
        "but I can't",
        "if we're",
    ],
)
def test_words_with_which_nobody_ends_are_waited_for(end: str) -> None:
    assert wait(f"can I book a room {end}") > 2 * wait("can I book a room there")


@pytest.mark.parametrize("filler", ["um", "uh", "Hmm.", "M."])
def test_who_keeps_the_turn_with_an_um_is_waited_for_however_the_voice_sounds(filler: str) -> None:
    assert wait(f"can I book a room {filler}", 0.95) > 0.7 > wait("can I book a room", 0.95)


@pytest.mark.parametrize("said", ["yes", "No.", "no thank you", "yes please", "goodbye", "yes it is"])
def test_a_short_answer_that_is_whole_is_not_waited_for(said: str) -> None:
    assert wait(said) < 0.3
    assert wait(said, kind="yes_no") <= 0.25


@pytest.mark.parametrize("end", ["and", "but", "um", "or the", "because my"])
@pytest.mark.parametrize("said", ["yes", "no", "Tuesday"])
def test_a_whole_answer_with_a_word_that_links_it_to_more_is_not_whole(said: str, end: str) -> None:
    """Though the slot is filled, and though it begins with a yes."""
    for kind in ("any", "yes_no"):
        known = NORMAL(Pause(f"{said} {end}", Expect(kind), 0.2, enough=True))
        assert known == wait(f"{said} {end}", kind=kind)
        assert known > 2 * wait("yes", kind=kind)


@pytest.mark.parametrize("said", ["a double", "plan A", "size M", "come in"])
def test_what_hangs_in_other_sentences_may_be_all_that_was_asked_for(said: str) -> None:
    assert NORMAL(Pause(said, Expect(), 0.9, enough=True)) == NORMAL.shortest


@pytest.mark.parametrize(
    "said", ["Excuse me.", "Sorry,", "I'm sorry", "Okay.", "I am", "I have", "it is", "I don't"]
)
def test_with_what_people_begin_they_have_not_answered_unless_a_yes_is_awaited(said: str) -> None:
    assert wait(said, 0.9) >= NORMAL.least > NORMAL.shortest == wait("no thank you", 0.9)
    if said.startswith(("Okay", "I have", "it is", "I don't")):
        assert wait(said, 0.9, kind="yes_no") == NORMAL.shortest


@pytest.mark.parametrize("said", ["tomorrow at 9 a.m.", "at 3 p.m", "10 AM", "at nine a.m.", "at 9 p. m."])
def test_half_of_the_day_ends_a_time_and_is_no_um(said: str) -> None:
    assert wait(said, 0.9) == wait("tomorrow at nine", 0.9)


def test_the_desks_own_phrase_is_enough() -> None:
    assert NORMAL(Pause("parking", Expect(), 0.5, enough=True)) < 0.3


@pytest.mark.parametrize("kind", ["digits", "spelled"])
def test_signs_are_counted_where_the_desk_knows_how_many_there_are(kind: str) -> None:
    said = "5 5 5 1 2 3" if kind == "digits" else "b a 5 5 1 2"
    assert wait(said, 0.9, kind=kind, digits=8) > 1.5
    assert wait(said, 0.9, kind=kind, digits=6) <= 0.25


def test_half_a_telephone_number_is_waited_for_and_a_whole_one_is_not() -> None:
    half, whole = "five five five", "five five five one two three four five six seven"
    assert wait(half, 0.9, kind="digits") > 4 * wait(whole, 0.9, kind="digits")


def test_who_says_something_else_than_the_number_is_not_waited_for_as_if() -> None:
    sentence = "I don't have the number here with me today"
    assert wait(sentence, 0.9, kind="digits") == wait(sentence, 0.9)


def test_a_slots_own_patience_holds_until_the_answer_is_whole() -> None:
    expect = Expect("digits", patience=2.2, digits=4)
    assert NORMAL(Pause("1 2", expect, 0.99)) == 2.2
    assert NORMAL(Pause("1 2 3 4", expect, 0.9)) < 0.3


def test_a_letter_that_recognition_misses_is_given_time_to_be_followed_by_the_next() -> None:
    assert wait("", kind="spelled") == wait(" ... ") == WORDLESS


def test_a_noise_while_the_desk_speaks_keeps_nobody_waiting() -> None:
    assert NORMAL(Pause("", Expect(), 0.5, enough=True)) == NORMAL.shortest


def test_the_longer_a_spelled_name_the_less_it_is_waited_for() -> None:
    waits = [wait("b e a t r i z k i m"[: 2 * letters - 1], kind="spelled") for letters in (2, 4, 7, 10)]
    assert waits == sorted(waits, reverse=True)
    assert waits[-1] < 1.0 < waits[1]


def test_one_of_the_names_that_are_expected_is_whole() -> None:
    assert wait("Sales.", kind="name", words=("sales", "support")) < 0.3
    assert wait("sales and", kind="name", words=("sales", "support")) > NEUTRAL
