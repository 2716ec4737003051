from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import spoken


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("five nine nine three four one", "599341"),
        ("599-341-5111", "5993415111"),
        ("double five oh, triple one", "550111"),
        ("oh two oh, seven nine four six", "0207946"),
        ("forty two", "42"),
        ("my number is forty-two seventeen", "4217"),
        ("eight hundred five five five", "800555"),
        ("eight hundred and fifty", "850"),
        ("two thousand twenty six", "2026"),
        ("1,200", "1200"),
        ("5 o 7", "507"),
        ("extension 7, please", "7"),
        ("I have no number", ""),
        ("", ""),
    ],
)
def test_digits_are_found_however_they_are_said(said: str, digits: str) -> None:
    assert spoken.digits(said) == digits


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("H O U S E R", "houser"),
        ("H-O-U-S-E-R.", "houser"),
        ("h. o. u. s. e. r.", "houser"),
        ("HOUSER", "houser"),
        ("aitch oh you ess ee are", "houser"),
        ("b as in bravo, e, n", "ben"),
        ("m for mother, a, x", "max"),
        ("h a double l", "hall"),
        ("a b 5 2", "ab52"),
        ("Anna", "anna"),
    ],
)
def test_letters_are_found_however_they_are_spelled(said: str, name: str) -> None:
    assert spoken.letters(said) == name


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Room 42, H-O-U", "room forty two h o u"),
        ("October 25th", "october twenty fifth"),
        ("I'm sorry, I can't.", "i am sorry i can not"),
        ("GFTU1332", "g f t u one three three two"),
        ("16 oz", "sixteen ounce"),
        ("press #", "press pound"),
        ("ok", "okay"),
        ("12 Elm St.", "twelve elm street"),
    ],
)
def test_two_ways_to_write_the_same_words_are_one(written: str, said: str) -> None:
    assert spoken.words(written) == spoken.words(said)


def test_a_common_word_is_no_letter() -> None:
    assert spoken.words("see you there") == ["see", "you", "there"]


@given(st.text(alphabet="0123456789", max_size=20))
def test_what_is_said_of_digits_is_heard_as_the_same_digits(number: str) -> None:
    assert spoken.digits(spoken.say_digits(number)) == number


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=12))
def test_what_is_spelled_is_heard_as_the_same_letters(name: str) -> None:
    assert spoken.letters(", ".join(name.upper())) == name


@given(st.text(max_size=200))
def test_any_text_has_its_words(text: str) -> None:
    found = spoken.words(text)
    assert all(word == word.lower() and word.split() == [word] for word in found)
    assert spoken.digits(text).isdigit() or not spoken.digits(text)
    spoken.letters(text)


def test_digits_are_grouped_so_that_a_voice_pauses() -> None:
    assert spoken.say_digits("5993415111") == "five nine nine, three four one, five one one one"
    assert spoken.say_digits("42") == "four two"
