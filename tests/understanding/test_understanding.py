from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.engines.minilm import MiniLM
from appliance.understanding import Understanding
from tests.understanding.conftest import CLINIC

BESIDE = [
    "who won the football last night",
    "tell me a joke",
    "how tall is the Eiffel tower",
    "play some jazz",
    "translate good night into Spanish",
    "what is fifteen times twelve",
    "order me a large pizza",
    "is it going to rain tomorrow",
]


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("could I get an appointment with a doctor soon", "book"),
        ("I won't be able to come, please cancel it", "cancel"),
        ("what time do you open in the morning", "hours"),
        ("is there somewhere to put the car", "parking"),
        ("did the results of my blood test come in", "results"),
    ],
)
def test_what_is_said_in_other_words_is_understood(clinic: Understanding, said: str, intent: str) -> None:
    understood = clinic.understand(said)
    assert understood.how == "meaning"
    assert understood.verdict in ("accept", "ask")
    assert understood.candidates[0].intent == intent


def test_a_phrase_is_accepted_and_its_slots_are_told(clinic: Understanding) -> None:
    understood = clinic.understand("Make an appointment for Monday the 3rd!")
    assert (understood.verdict, understood.how) == ("accept", "phrase")
    assert [each.intent for each in understood.candidates] == ["book"]
    assert understood.slots == {"day": "Monday the 3rd"}


@pytest.mark.parametrize("said", BESIDE)
def test_what_is_beside_the_matter_is_not_acted_on(clinic: Understanding, said: str) -> None:
    assert clinic.understand(said).verdict != "accept"


@pytest.mark.parametrize("said", ["", "  ", "...", "?", "\n"])
def test_nothing_means_nothing(clinic: Understanding, said: str) -> None:
    understood = clinic.understand(said)
    assert understood.verdict == "reject"
    assert understood.candidates == ()


def test_what_two_intents_share_is_asked(minilm: MiniLM) -> None:
    shared = {name: [*phrases, "it is about my appointment"] for name, phrases in CLINIC.items()}
    desk = Understanding({name: shared[name] for name in ("book", "cancel")}, minilm)
    understood = desk.understand("It is about my appointment.")
    assert understood.verdict == "ask"
    assert {each.intent for each in understood.candidates} == {"book", "cancel"}


def test_what_was_told_to_be_outside_is_less_likely(minilm: MiniLM) -> None:
    said = "can you wash my car"
    outside = ["wash my car", "clean my windows"]
    before = Understanding(CLINIC, minilm).rank(said)[0]
    after = Understanding(CLINIC, minilm, outside).rank(said)[0]
    assert before.intent == "parking"
    assert after.score < before.score / 2
    assert Understanding(CLINIC, minilm, outside).understand(said).verdict != "accept"


def test_what_is_told_to_be_outside_and_is_near_a_phrase_is_left_out(minilm: MiniLM) -> None:
    said, outside = "where may I park my car", ["where can I leave my car to park"]
    before, after = (Understanding(CLINIC, minilm, each).rank(said)[0] for each in ((), outside))
    assert after == before


@pytest.mark.parametrize("phrases", [1, 2, 3])
@pytest.mark.parametrize("intents", [1, 2, 5])
def test_a_desk_with_few_phrases_is_careful(minilm: MiniLM, intents: int, phrases: int) -> None:
    few = {name: CLINIC[name][:phrases] for name in list(CLINIC)[-intents:]}
    desk = Understanding(few, minilm)
    assert not any(desk.understand(said).verdict == "accept" for said in BESIDE)
    assert desk.understand("are my test results there?").candidates[0].intent == "results"
    assert desk.understand("are my test results there?").verdict == "accept"


def test_a_desk_that_knows_nothing_understands_nothing(minilm: MiniLM) -> None:
    for desk in (Understanding({}, minilm), Understanding({}, minilm, ["hello"])):
        assert desk.understand("book an appointment").verdict == "reject"


def test_an_intent_is_known_by_its_name_alone(minilm: MiniLM) -> None:
    desk = Understanding({"lost_and_found": [], **CLINIC}, minilm)
    assert desk.rank("I am looking for something that I lost")[0].intent == "lost_and_found"


def test_the_same_desk_understands_the_same(minilm: MiniLM, clinic: Understanding) -> None:
    again = Understanding(CLINIC, minilm)
    for said in BESIDE:
        assert again.rank(said) == clinic.rank(said)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=300))
def test_any_text_can_be_understood(clinic: Understanding, text: str) -> None:
    understood = clinic.understand(text)
    assert len(understood.candidates) <= 4
    scores = [each.score for each in understood.candidates]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert sum(scores) <= 1 + 1e-6
    assert understood.candidates or understood.verdict == "reject"


def test_a_bad_phrase_is_refused_before_anything_is_learned(minilm: MiniLM) -> None:
    with pytest.raises(ValueError, match=r'the phrase "book \(an appointment"'):
        Understanding({"book": ["book (an appointment"]}, minilm)


def test_a_desk_of_thirty_intents_learns_and_answers_quickly(minilm: MiniLM) -> None:
    many = {
        f"{name} {number}": [f"{phrase} at desk number {number}" for phrase in CLINIC[name] * 2]
        for name in CLINIC
        for number in range(6)
    }
    before = time.perf_counter()
    desk = Understanding(many, minilm)
    learned = time.perf_counter() - before
    before = time.perf_counter()
    for said in BESIDE:
        desk.understand(said)
    assert learned < 10
    assert (time.perf_counter() - before) / len(BESIDE) < 0.2
