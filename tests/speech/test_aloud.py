from __future__ import annotations

import re
import time
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import slots, spoken
from appliance.slots import Context
from appliance.speech.aloud import ELLIPSIS, SLOWER, Aloud

NOW = datetime(2026, 3, 2, 9, 0)


def said(text: str) -> str:
    return " ".join(saying.text for saying in Aloud().sayings(text))


@pytest.mark.parametrize(
    ("written", "aloud"),
    [
        ("Our number is 555 0142.", "Our number is five five five, zero one four two."),
        (
            "Call +44 20 7946 0958.",
            "Call plus four four, two zero, seven nine four six, zero nine five eight.",
        ),
        (
            "(212) 555-0142 ext. 7",
            "two one two, five five five, zero one four two, extension seven",
        ),
        ("Room 42, extension 401", "Room forty two, extension four zero one"),
        ("Your code is A4B7X.", "Your code is A, four, B, seven, X."),
        ("Gate B12", "Gate B twelve"),
        ("Write to j.smith@alder-house.com now.", "Write to J dot smith at alder dash house dot com now."),
        ("See www.alder.org/visit.", "See w w w dot alder dot org slash visit."),
    ],
)
def test_what_people_write_down(written: str, aloud: str) -> None:
    assert said(written) == aloud


@pytest.mark.parametrize(
    ("written", "aloud"),
    [
        ("We open at 9:00 and close at 17:30.", "We open at nine o'clock and close at five thirty P M."),
        ("at 9.30 a.m. on Monday", "at nine thirty A M on Monday"),
        ("Come at 10 a.m. Bring a coat.", "Come at ten A M. Bring a coat."),
        ("from 12:00 to 0:00", "from noon to midnight"),
        ("Mon-Fri, 10am-1pm", "Monday to Friday, ten A M to one P M"),
        ("Open 9–17.", "Open nine to seventeen."),
        ("24/7", "twenty four seven"),
        ("On March 3rd, 2026 we close.", "On March third, twenty twenty six we close."),
        ("the 3 Mar. 2026", "the third of March twenty twenty six"),
        ("2026-03-12", "the twelfth of March twenty twenty six"),
        ("1990-2005", "nineteen ninety to two thousand and five"),
        ("in 1998", "in nineteen ninety eight"),
        ("I may go in May.", "I may go in May."),
    ],
)
def test_days_and_times(written: str, aloud: str) -> None:
    assert said(written) == aloud


@pytest.mark.parametrize(
    ("written", "aloud"),
    [
        ("It costs $12.50.", "It costs twelve dollars and fifty cents."),
        ("£1,000 or 3 EUR", "one thousand pounds or three euros"),
        ("$1.5 million", "one point five million dollars"),
        ("1,000,000 and 3.14", "one million and three point one four"),
        ("20 % off", "twenty percent off"),
        ("20°C", "twenty degrees Celsius"),
        ("1 km or 5kg", "one kilometre or five kilograms"),
        ("the 21st floor", "the twenty first floor"),
        ("No. 5, #7", "number five, number seven"),
        ("badge 007", "badge zero zero seven"),
    ],
)
def test_numbers_money_and_measures(written: str, aloud: str) -> None:
    assert said(written) == aloud


@pytest.mark.parametrize(
    ("written", "aloud"),
    [
        ("Dr. Smith and Mrs Jones", "Doctor Smith and Missus Jones"),
        (
            "Dr. Lind is at 12 Elm St. near St. Mary's.",
            "Doctor Lind is at twelve Elm Street near Saint Mary's.",
        ),
        ("We are in Mill Rd. Come in.", "We are in Mill Road. Come in."),
        ("tea, e.g. green & black", "tea, for example green and black"),
        ("We are open — come in", "We are open, come in"),
        ("the lift (at the back).", "the lift, at the back."),
        ("a well-known voice", "a well-known voice"),
        ("😀 Hello [[h@loU]]\x07", "Hello h at loU"),
        ("There are no changes.", "There are no changes."),
    ],
)
def test_abbreviations_and_signs(written: str, aloud: str) -> None:
    assert said(written) == aloud


def test_a_voice_rests_between_sentences_and_longer_at_three_dots() -> None:
    first, second, third = Aloud(pause=0.2).sayings("Please wait... I am looking. Here it is.")
    assert (first.text, first.pause) == ("Please wait.", ELLIPSIS)
    assert (second.pause, third.pause) == (0.2, 0.0)


def test_what_is_noted_down_is_said_slowly_and_nothing_else() -> None:
    hello, number = Aloud().sayings("Hello there. The number is 555 0142.")
    assert (hello.pace, number.pace) == (1.0, SLOWER)


SOUNDS = Aloud(
    {
        "Nguyen": "win",
        "Siobhan": "/ʃɪˈvɔːn/",
        "Reading": "redding",
        "wifi": "why fye",
        "St. Gallen": "Sankt Gallen",
    }
)


@pytest.mark.parametrize(
    ("written", "aloud"),
    [
        ("Mr. Nguyen's room", "Mister win's room"),
        ("NGUYEN", "win"),
        ("Nguyens", "Nguyens"),
        ("Reading is fun", "redding is fun"),
        ("I like reading", "I like reading"),
        ("Wifi and WIFI and wifi", "why fye and why fye and why fye"),
        ("Siobhan, hello.", "[[ʃɪˈvɔːn]], hello."),
        ("Siobhan's car", "[[ʃɪˈvɔːnz]] car"),
        ("in St. Gallen.", "in Sankt Gallen."),
        ("Dr Siobhan", "Doctor [[ʃɪˈvɔːn]]"),
    ],
)  # fmt: skip
def test_names_sound_as_the_desk_file_says(written: str, aloud: str) -> None:
    assert " ".join(saying.text for saying in SOUNDS.sayings(written)) == aloud


@settings(deadline=None)
@given(st.text("0123456789", min_size=7, max_size=12), st.sampled_from(["{}", "{} {}", "({}) {}", "{}-{}"]))
def test_a_telephone_number_is_heard_as_it_was_written(number: str, shape: str) -> None:
    half = len(number) // 2
    written = shape.format(number) if shape == "{}" else shape.format(number[:half], number[half:])
    if re.fullmatch(r"(1[6-9]|20)\d\d ?-? ?(1[6-9]|20)\d\d", written):
        return
    assert spoken.digits(said(f"Our number is {written}.")) == number


@settings(deadline=None)
@given(st.times())
def test_a_time_is_heard_as_it_was_written(clock: datetime) -> None:
    written = clock.strftime("%I:%M %p").lower()
    heard = slots.parse("time", said(f"at {written}"), Context(NOW))
    assert heard is not None
    assert heard.value == clock.strftime("%H:%M")


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_a_number_is_heard_as_it_was_written(number: int) -> None:
    heard = slots.parse("number", said(f"{number:,} people"), Context(NOW))
    assert heard is not None
    assert heard.value == number


@settings(deadline=None)
@given(st.integers(1, 99_999), st.integers(0, 99))
def test_a_sum_is_heard_as_it_was_written(dollars: int, cents: int) -> None:
    heard = slots.parse("money", said(f"${dollars:,}.{cents:02}"), Context(NOW))
    assert heard is not None
    assert float(str(heard.value).split()[0]) == pytest.approx(dollars + cents / 100)


@settings(deadline=None)
@given(st.dates(datetime(2026, 3, 3).date(), datetime(2026, 12, 30).date()))
def test_a_date_is_heard_as_it_was_written(day: datetime) -> None:
    for written in (day.isoformat(), f"{day:%B} {day.day}, {day.year}", f"{day.day} {day:%b} {day.year}"):
        heard = slots.parse("date", said(written), Context(NOW))
        assert heard is not None
        assert heard.value == day.isoformat()


@settings(deadline=None)
@given(st.text(max_size=300))
def test_whatever_is_written_can_be_said(text: str) -> None:
    for saying in SOUNDS.sayings(text):
        assert any(c.isalnum() for c in saying.text)
        assert not re.search(r"[\ue000-\uf8ff]", saying.text)
        assert re.sub(r"\[\[ʃɪˈvɔːnz?\]\]", "", saying.text).count("[") == 0


PARTS = "Call 555 0142 , at 9:30 . Nguyen $5 (x) — ... Mon-Fri 3rd No. a@b.co 2026 10-12".split(" ")


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=30))
def test_common_figures_are_never_left_to_the_voice(parts: list[str]) -> None:
    assert not re.search(r"\d", " ".join(saying.text for saying in SOUNDS.sayings(" ".join(parts))))


@pytest.mark.parametrize("unit", ["555 ", "1-", "a.b", "Nguyen ", "($", "We open at nine. ", "a@", "x"])
def test_a_long_text_is_read_quickly(unit: str) -> None:
    begun = time.thread_time()
    SOUNDS.sayings(unit * (20_000 // len(unit)))
    assert time.thread_time() - begun < 4


def test_a_long_text_loses_nothing() -> None:
    text = " ".join(f"This is sentence {spoken.say_digits(str(n))}." for n in range(200))
    assert said(text) == text
