"""What a rewording may and may not do to a fact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.guard import same

HOURS = "We are open Monday to Friday from nine to five thirty, closed on Sunday."


def passes(reworded: str, fact: str = HOURS) -> bool:
    return same(reworded, fact)


def test_the_line_itself_passes() -> None:
    assert passes(HOURS)


@pytest.mark.parametrize(
    "reworded",
    [
        "Sure, we're open from Monday to Friday, nine to five thirty, and closed on Sunday.",
        "We are open Monday to Friday from 9 to 5:30, closed on Sunday!",
    ],
)
def test_the_same_in_other_words_passes(reworded: str) -> None:
    assert passes(reworded)


@pytest.mark.parametrize(
    "reworded",
    [
        "We are open Monday to Friday from nine to six thirty, closed on Sunday.",
        "We are open Monday to Saturday from nine to five thirty, closed on Sunday.",
        "We are open Monday to Friday from five thirty to nine, closed on Sunday.",
        "We are open Monday to Friday from nine to five thirty.",
        "We are closed Monday to Friday from nine to five thirty, open on Sunday.",
        "We are not open Monday to Friday from nine to five thirty, closed on Sunday.",
        "We are open Monday to Friday from nine to five thirty, closed on Sunday and holidays.",
        "We are open Monday to Friday from nine to five thirty with free parking, closed on Sunday.",
        "",
    ],
)
def test_a_changed_fact_is_refused(reworded: str) -> None:
    assert not passes(reworded)


@pytest.mark.parametrize(
    ("reworded", "fact"),
    [
        ("Visitors park for two hours.", "Visitors park free for two hours."),
        ("Two hours.", "Visitors park free for two hours."),
        ("Staff enter by the side door.", "Staff and visitors enter by the side door."),
        ("Is there free wifi?", "There is free wifi."),
        ("Is there free wifi", "There is free wifi."),
    ],
)
def test_what_is_dropped_or_asked_back_is_refused(reworded: str, fact: str) -> None:
    assert not passes(reworded, fact)


def test_a_name_must_stay() -> None:
    fact = "Please ask for Doctor Okafor in room 12."
    assert passes("Please ask in room 12 for Doctor Okafor.", fact)
    assert not passes("Please ask for the doctor in room 12.", fact)


@given(st.text(max_size=200))
def test_any_text_can_be_judged(text: str) -> None:
    assert passes(text) in (True, False)


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_another_number_never_passes(said: int, meant: int) -> None:
    assert passes(f"The room is {said}.", f"The room is {meant}.") is (said == meant)
