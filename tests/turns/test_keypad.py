"""Keys on a telephone are answers: whole at once, or digit by digit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.channels.dtmf import Keys
from appliance.messages import FRAME, Audio, Event, Expect, Heard, SpeechStarted
from appliance.turns.keypad import ENOUGH, WAITS, Keypad
from tests.channels.test_dtmf import pressed

SHORTCUTS = {"*": "say that again", "0": "I want to speak to a person"}


def said(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Heard)]


def typed(keypad: Keypad, keys: str, every: int = FRAME * 10, wait: int = 2 * WAITS) -> list[Event]:
    events: list[Event] = []
    clock = 0
    for key in keys:
        events += keypad.step(key, clock)
        clock += every
    for at in range(clock, clock + wait, FRAME):
        events += keypad.step("", at)
    return events


def test_the_first_key_interrupts_and_the_rest_is_one_answer() -> None:
    events = typed(Keypad(), "5550142")
    assert isinstance(events[0], SpeechStarted)
    assert said(events) == ["5 5 5 0 1 4 2"]
    assert len(events) == 2


def test_the_hash_key_ends_it_at_once() -> None:
    keypad = Keypad()
    assert said([event for key in "42#" for event in keypad.step(key, 100)]) == ["4 2"]


def test_it_ends_soon_where_no_more_digits_are_wanted() -> None:
    keypad = Keypad()
    keypad.expect(Expect("digits", digits=4))
    assert said(typed(keypad, "1234", wait=ENOUGH + FRAME)) == ["1 2 3 4"]
    assert said(typed(keypad, "12345", wait=ENOUGH + FRAME)) == ["1 2 3 4 5"]


def test_a_number_of_any_length_is_waited_for() -> None:
    keypad = Keypad()
    keypad.expect(Expect("digits", digits=1))
    assert said(typed(keypad, "12", every=WAITS - FRAME)) == ["1 2"]


def test_two_seconds_without_a_key_end_it() -> None:
    keypad = Keypad()
    keypad.step("7", 0)
    assert keypad.step("", WAITS - 1) == []
    assert said(keypad.step("", WAITS)) == ["7"]
    assert keypad.step("", 2 * WAITS) == []


def test_a_key_of_a_menu_is_a_whole_answer() -> None:
    keypad = Keypad(SHORTCUTS)
    keypad.expect(Expect(keys={"1": "appointments", "2": "prescriptions"}))
    assert said(keypad.step("2", 100)) == ["prescriptions"]
    assert said(keypad.step("*", 200)) == ["say that again"]


def test_yes_and_no_have_keys() -> None:
    keypad = Keypad()
    keypad.expect(Expect("yes_no"))
    assert said(keypad.step("1", 100) + keypad.step("2", 200)) == ["yes", "no"]


def test_zero_is_a_person_but_not_where_digits_are_asked_for() -> None:
    keypad = Keypad(SHORTCUTS)
    assert said(keypad.step("0", 0)) == ["I want to speak to a person"]
    keypad.expect(Expect("digits"))
    assert said(typed(keypad, "0117#")) == ["0 1 1 7"]


def test_the_star_begins_the_digits_anew() -> None:
    keypad = Keypad(SHORTCUTS)
    keypad.expect(Expect("digits"))
    assert said(typed(keypad, "55*42#")) == ["4 2"]


def test_a_key_that_means_nothing_interrupts_nobody() -> None:
    assert typed(Keypad(), "#A*") == []


@given(st.text("0123456789*#ABCD", max_size=30), st.integers(0, WAITS), st.sampled_from([None, 1, 4]))
def test_whatever_is_pressed_every_interruption_is_answered_or_taken_back(
    keys: str, every: int, digits: int | None
) -> None:
    keypad = Keypad(SHORTCUTS)
    keypad.expect(Expect("digits" if digits else "any", digits=digits))
    events = typed(keypad, keys, every)
    heard = [event for event in events if isinstance(event, Heard)]
    assert all(event.text for event in heard)
    assert all(event.start <= event.end <= event.decided for event in heard)
    begun = sum(isinstance(event, SpeechStarted) for event in events)
    assert len(heard) <= begun <= len(heard) + keys.count("*")


def frames(sound: bytes) -> list[Audio]:
    size = 2 * FRAME
    pieces = [sound[at : at + size].ljust(size, b"\0") for at in range(0, len(sound), size)]
    return [Audio(piece, number * FRAME) for number, piece in enumerate(pieces)]


def test_keys_in_the_sound_count_where_the_line_tells_none_and_are_no_speech() -> None:
    keys = Keys()
    heard = [keys.hear(frame) for frame in frames(pressed("42#"))]
    assert "".join(frame.keys for frame in heard) == "42#"
    before = sum(any(frame.pcm) for frame in frames(pressed("42#")))
    assert sum(any(frame.pcm) for frame in heard) < before * 0.75


def test_a_line_that_does_both_presses_no_key_twice() -> None:
    keys, told = Keys(), ""
    for number, frame in enumerate(frames(pressed("557"))):
        if number in (6, 14, 20):
            keys.told("557"[(6, 14, 20).index(number)])
        told += keys.hear(frame).keys
    assert told == "557"
