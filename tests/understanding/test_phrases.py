from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.understanding.phrases import LONGEST, Match, Phrases

DESK = Phrases(
    {
        "book": ["(book|make) [an] appointment [for {day}]", "I'd like to see Dr. {who} on {day}"],
        "cancel": ["cancel [my] appointment [(on|for) {day}]", "never mind"],
        "sign": ["sign ((me|us) in; please)"],
    }
)

WORDS = st.text("abcdeé'-0123456789", min_size=1, max_size=6).filter(lambda w: any(c.isalnum() for c in w))


@st.composite
def templates(draw: st.DrawFn, depth: int = 2) -> str:
    """Templates that a person could write: words, alternatives, optional parts, and a slot at the end."""

    def part(depth: int) -> str:
        kind = draw(st.sampled_from(["word", "any", "maybe"])) if depth else "word"
        if kind == "word":
            return draw(WORDS)
        inside = " ".join(part(depth - 1) for _ in range(draw(st.integers(1, 2))))
        if kind == "maybe":
            return f"[{inside}]"
        return f"({inside}|{part(depth - 1)})"

    parts = [draw(WORDS), *(part(depth) for _ in range(draw(st.integers(0, 3)))), draw(WORDS)]
    return " ".join(parts) + draw(st.sampled_from(["", " {day}", " [{day}]", "?", "!"]))


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ("Book an appointment.", Match("book", {})),
        ("MAKE APPOINTMENT", Match("book", {})),
        ("book an appointment for next Tuesday, please", Match("book", {"day": "next Tuesday, please"})),
        ("I'd like to see Dr O'Brien on Friday!", Match("book", {"who": "O'Brien", "day": "Friday"})),
        ("I’d like to see dr. Kim on the 3rd", Match("book", {"who": "Kim", "day": "the 3rd"})),
        ("cancel my appointment on 14.5.", Match("cancel", {"day": "14.5"})),
        ("  Never -- mind ", Match("cancel", {})),
        ("sign please us in", Match("sign", {})),
        ("I want to book an appointment", None),
        ("booking appointment", None),
        ("", None),
        ("?!", None),
    ],
)
def test_phrases_match_word_for_word_whatever_the_case_and_punctuation(
    said: str, match: Match | None
) -> None:
    assert DESK.match(said) == match


def test_where_two_intents_share_a_phrase_neither_is_meant() -> None:
    desk = Phrases({"room": ["I need a room"], "meeting": ["I need a (room|table)"]})
    assert desk.match("I need a room") is None
    assert desk.match("I need a table") == Match("meeting", {})


def test_the_phrase_that_says_more_wins() -> None:
    desk = Phrases({"call": ["call {who}"], "taxi": ["call a taxi [to {place}]"]})
    assert desk.match("call a taxi") == Match("taxi", {})
    assert desk.match("call a taxi to Hill Road") == Match("taxi", {"place": "Hill Road"})
    assert desk.match("call Anna") == Match("call", {"who": "Anna"})


@pytest.mark.parametrize(
    "phrase",
    [
        "book (an appointment", "book an] appointment", "book {an appointment", "book {}", "book ()",
        "book {the day}", "book {1..5:day}", "call <name>", "{day}", "[book] [{day}]", "", "...",
    "see {who} {day}", "a" + "[b] " * 12, "(" * 2000 + "a" + ")" * 2000,
    ],
)  # fmt: skip
def test_a_phrase_that_cannot_be_read_is_named_with_its_mend(phrase: str) -> None:
    with pytest.raises(ValueError, match="the phrase") as caught:
        Phrases({"book": ["book", phrase]})
    wrong, mend = caught.value.args
    assert f'"{phrase}"' in wrong
    assert mend


@pytest.mark.parametrize(
    "phrase", ["what does (it|that) cost? $5?", "is it 50% off *now*", r"a+ .* \d ^x$", "book\\"]
)
def test_other_signs_are_only_signs(phrase: str) -> None:
    (_, samples), *_ = Phrases({"cost": [phrase]}).samples()
    for sample in samples:
        assert Phrases({"cost": [phrase]}).match(sample)


def test_samples_leave_out_and_keep_what_may_be_left_out() -> None:
    samples = dict(Phrases({"book": ["(book|make) [an] appointment [for {the_day}]"]}).samples())["book"]
    assert len(samples) <= 6
    assert {"an" in sample.split() for sample in samples} == {True, False}
    assert {sample.split()[0] for sample in samples} == {"book", "make"}
    assert any(sample.endswith("for the day") for sample in samples)


@given(templates())
def test_the_sentences_of_a_template_match_it(template: str) -> None:
    phrases = Phrases({"it": [template]})
    for _, samples in phrases.samples():
        for sample in samples:
            match = phrases.match(sample)
            assert match is not None
            assert match.intent == "it"


@given(st.text(max_size=60))
def test_any_phrase_is_read_or_refused_in_plain_words(phrase: str) -> None:
    try:
        phrases = Phrases({"it": [phrase]})
    except ValueError as error:
        assert len(error.args) == 2
        return
    for _, samples in phrases.samples():
        assert all(phrases.match(sample) for sample in samples if len(sample) <= LONGEST)


@given(st.text(max_size=200))
def test_any_text_may_be_said(text: str) -> None:
    match = DESK.match(text)
    assert match is None or all(value in " ".join(text.split()) or text for value in match.slots.values())


def test_a_long_text_takes_no_long_time() -> None:
    desk = Phrases({"tell": ["tell {who} that {what} [and {more}] [at {time}]"]})
    before = time.process_time()
    desk.match("tell " + "that and at " * 33)
    desk.match("tell " + "that and at " * 3000)
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    "text",
    [
        "I'm here to see Tom", "I am here to see Tom", "hi there, I'm uh here to see Tom",
        "um so I’ve come to see Tom",
        "Good morning, I am here to see Tom", "yes please, I'm here to see Tom, thank you",
    ],
)  # fmt: skip
def test_what_is_drawn_together_and_said_around_a_phrase_is_no_matter(text: str) -> None:
    phrases = Phrases({"visit": ["(I am|I've come) [here] to see {host}"]})
    match = phrases.match(text)
    assert match
    assert match.slots["host"].startswith("Tom")


def test_what_is_only_said_around_phrases_is_none() -> None:
    assert Phrases({"visit": ["to see {host}"]}).match("um, hello, please") is None
