from __future__ import annotations

import pytest

from appliance.bench.scoring import Score, score

ORDER = '{"intent": "orderDrink", "slots": {"size": "twelve ounce", "roast": "dark roast", "milk": " milk"}}'


@pytest.mark.parametrize(
    ("heard", "wrong"),
    [
        ("Enter 4-51.", 0),
        ("enter four fifty one", 0),
        ("enter four fifty", 1),
        ("", 4),
        ("please enter four fifty one", 1),
    ],
)
def test_words_are_counted_as_they_are_said(heard: str, wrong: int) -> None:
    assert score("words", "enter four fifty one", heard) == Score(wrong, 4, int(not wrong), 1)


def test_a_phone_number_is_right_or_wrong_as_a_whole() -> None:
    assert score("digits", "5993415111", "599 341 5111").right == 1
    assert score("digits", "5993415111", "It's 599-341-511, thanks") == Score(1, 10, 0, 1)


def test_a_spelled_name_is_its_letters() -> None:
    assert score("letters", "Zane Robles", "Z-A-N-E R-O-B-L-E-S.").exact == 1
    assert score("letters", "Zane Robles", "Z-A-N-E R-O-P-L-E-S").wrong == 1


def test_a_slot_is_found_where_its_words_stand_together() -> None:
    assert score("slots", ORDER, "A 12-ounce dark-roast coffee with milk").wrong == 0
    assert score("slots", ORDER, "a 20 ounce dark rose coffee with milk") == Score(2, 3, 0, 1)


def test_where_nobody_speaks_every_word_is_wrong() -> None:
    assert score("nothing", "", "") == Score(0, 0, 1, 1)
    assert score("nothing", "", "thank you") == Score(2, 0, 0, 1)


def test_scores_add_up() -> None:
    total = score("words", "one two", "one two") + score("words", "one two", "one")
    assert total.error == 0.25
    assert total.right == 0.5
    assert Score().error == Score().right == 0
