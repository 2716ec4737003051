"""The instrument is measured itself: recordings of which everything is known must come out as they are."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.bench.turns import figures
from appliance.bench.turns.figures import Figure
from appliance.bench.turns.instrument import Measured, Recording, alone, goes_on, measure, place, steady
from appliance.bench.turns.recordings import Sound
from appliance.bench.turns.room import Said
from appliance.bench.turns.scenes import Kind, Saying
from appliance.messages import RATE, samples

WITHIN = 0.01
"""Seconds by which a measurement may be off."""


def voice(seconds: float, seed: int = 1) -> Sound:
    """Something like speech: noise in syllables of 200 ms, with 30 ms between them."""
    rng = np.random.default_rng(seed)
    at = np.arange(samples(seconds))
    loud = (at % samples(0.23)) < samples(0.2)
    return (0.1 * rng.normal(0, 1, len(at)).clip(-3, 3) * loud).astype(np.float32)


def desk(length: float, *parts: tuple[float, Sound]) -> Recording:
    """A recording of so many seconds in which the desk makes sounds at the given seconds."""
    sound = np.zeros(samples(length), dtype=np.float32)
    for start, part in parts:
        sound[samples(start) : samples(start) + len(part)] += part
    return Recording.of(sound)


def said(kind: Kind, start: float, end: float) -> Said:
    return Said(Saying(voice(end - start, seed=9), kind), samples(start))


def one(recording: Recording, what: Said, reference: Sound | None = None) -> Measured:
    return measure(recording, [what], reference)[0]


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 4.0), st.floats(0.3, 3.0))
def test_the_wait_for_an_answer_is_told_to_ten_milliseconds(latency: float, length: float) -> None:
    measured = one(desk(10, (1 + length + latency, voice(1))), said("turn", 1, 1 + length))
    assert measured.cut_off is False
    assert measured.latency == pytest.approx(latency, abs=WITHIN)


def test_it_reads_the_desk_from_the_right_channel_of_a_recording(tmp_path: Path) -> None:
    desk_side = np.zeros(4 * RATE, dtype=np.float32)
    desk_side[samples(2.3) : samples(3.3)] = voice(1)
    caller = np.zeros_like(desk_side)
    caller[samples(1) : samples(2)] = voice(1, seed=9)
    soundfile.write(tmp_path / "call.wav", np.stack([caller, desk_side], axis=1), RATE)
    measured = one(Recording.read(tmp_path / "call.wav"), said("turn", 1, 2))
    assert measured.latency == pytest.approx(0.3, abs=WITHIN)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 1.9))
def test_a_caller_who_is_cut_off_is_found_and_has_no_wait(into: float) -> None:
    measured = one(desk(8, (1 + into, voice(0.5)), (4, voice(1))), said("turn", 1, 3))
    assert measured.cut_off is True
    assert measured.latency is None


def test_how_long_the_desk_spoke_into_a_turn_is_told() -> None:
    cut = one(desk(8, (1.5, voice(0.2)), (2.8, voice(1))), said("turn", 1, 3))
    assert cut.spoke == pytest.approx(0.4, abs=2 * WITHIN)
    assert one(desk(8, (3.5, voice(1))), said("turn", 1, 3)).spoke is None


def test_an_answer_upon_the_last_sound_cuts_nobody_off() -> None:
    measured = one(desk(8, (2.97, voice(1))), said("turn", 1, 3))
    assert measured.cut_off is False
    assert measured.latency == pytest.approx(-0.03, abs=WITHIN)


def test_a_desk_that_never_answers_is_counted_as_that_and_not_left_out() -> None:
    silent = one(desk(20), said("turn", 1, 2))
    assert silent.latency == math.inf
    answered = [Measured("turn", 0.4, False)] * 9
    median, p95 = figures.latency("fixed", [*answered, silent], 500, 900)
    assert median.value == pytest.approx(400)
    assert median.met is True
    assert p95.told() == "never"
    assert p95.met is False
    assert p95.count == 10
    assert "1 never answered" in p95.note


def test_each_turn_has_its_own_answer() -> None:
    recording = desk(20, (3.5, voice(1)), (11, voice(1)))
    first, second, third = measure(recording, [said("turn", 1, 3), said("turn", 6, 8), said("turn", 9, 10.2)])
    assert first.latency == pytest.approx(0.5, abs=WITHIN)
    assert second.latency == math.inf
    assert third.latency == pytest.approx(0.8, abs=WITHIN)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.06, 1.2))
def test_how_soon_the_desk_stops_is_told_to_ten_milliseconds(after: float) -> None:
    talk = voice(2 + after)
    talk[-samples(0.05) :] = 0.1  # Sounds up to its last sample.
    measured = one(desk(9, (0.5, talk), (6, voice(1))), said("interruption", 2.5, 5))
    assert measured.stop == pytest.approx(after, abs=WITHIN)
    assert measured.latency == pytest.approx(1.0, abs=WITHIN)


def test_a_pause_between_two_words_is_no_stop() -> None:
    recording = desk(12, (0.5, voice(2.3)), (3.2, voice(6)))
    stopped = one(recording, said("interruption", 2.5, 3))
    assert stopped.stop == pytest.approx(6.7, abs=0.05)


def test_a_desk_that_was_silent_could_not_be_interrupted() -> None:
    assert one(desk(9, (6, voice(1))), said("interruption", 2.5, 3)).stop is None
    (_, p95) = figures.stops("interruptions", [Measured("interruption")], 150)
    assert p95.value is None
    assert p95.met is False
    assert "1 not counted" in p95.note


ANSWER = voice(8)


def with_gap(at: float, gap: float, goes_on_at: float | None = None, then: Sound = ANSWER) -> Recording:
    """The answer from second 0.5 on, silent at second `at` of it for a while, then on from another second."""
    rest = then[samples(at if goes_on_at is None else goes_on_at) :]
    return desk(16, (0.5, ANSWER[: samples(at)]), (0.5 + at + gap, rest))


def test_a_desk_that_stops_at_one_word_and_answers_at_once_has_stopped_at_the_word() -> None:
    stopped = one(with_gap(3.1, 0.5, goes_on_at=0), said("interruption", 3.5, 3.8), ANSWER)
    assert stopped.stop == pytest.approx(0.1, abs=0.05)


def test_a_desk_that_goes_on_in_its_answer_at_the_word_has_not_stopped() -> None:
    went_on = one(with_gap(3.1, 0.5), said("interruption", 3.5, 3.8), ANSWER)
    assert went_on.stop == pytest.approx(5.5, abs=0.05)


def test_a_desk_that_talks_on_through_a_cough_was_not_interrupted() -> None:
    measured = one(desk(12, (0.5, ANSWER)), said("cough", 3, 3.4), ANSWER)
    assert measured.taken is False
    assert measured.held == 0.0


@settings(max_examples=20, deadline=None)
@given(st.floats(0.25, 0.95))
def test_a_desk_that_goes_on_at_the_word_was_only_held(gap: float) -> None:
    recording = with_gap(at=2.9, gap=gap, goes_on_at=2.6)
    measured = one(recording, said("cough", 3.2, 3.6), ANSWER)
    assert measured.taken is False
    assert measured.held == pytest.approx(gap, abs=0.05)


@pytest.mark.parametrize(
    ("recording", "why"),
    [
        (with_gap(2.9, 1.4), "it was silent for too long"),
        (with_gap(2.9, 0.5, goes_on_at=0.0), "it began anew"),
        (with_gap(2.9, 0.5, goes_on_at=5.0), "it left words out"),
        (with_gap(2.9, 0.5, then=voice(8, seed=5)), "it said something else"),
        (desk(16, (0.5, ANSWER[: samples(2.9)])), "it never went on"),
    ],
)
def test_a_cough_that_was_taken_for_an_interruption_is_found(recording: Recording, why: str) -> None:
    assert one(recording, said("cough", 3.2, 3.6), ANSWER).taken is True, why


def test_an_answer_that_was_over_anyway_was_not_cut_by_a_cough() -> None:
    measured = one(desk(16, (0.5, ANSWER)), said("cough", 8.2, 8.4), ANSWER)
    assert measured.taken is False


def test_a_place_in_an_answer_is_found_whatever_its_loudness() -> None:
    snippet = ANSWER[samples(3) : samples(3.4)]
    assert place(0.3 * snippet, ANSWER) == samples(3)
    assert place(voice(0.4, seed=7), ANSWER) is None
    assert place(np.zeros(samples(0.4), dtype=np.float32), ANSWER) is None
    recording = with_gap(2.9, 0.5, goes_on_at=2.7)
    quiet = recording.quiet_after(samples(3.3))[0]
    assert goes_on(recording.desk, quiet, ANSWER)


def test_an_answer_that_nobody_disturbed_is_whole() -> None:
    found = alone(desk(12, (0.5, ANSWER)), ANSWER)
    assert (found.answered, found.stopped, found.failed) == (True, False, False)
    assert found.held == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    ("recording", "why"),
    [
        (desk(12, (0.5, ANSWER[: samples(3)])), "it fell silent for good"),
        (with_gap(3, 1.5), "it fell silent for long"),
        (desk(12, (0.5, ANSWER), (9.5, voice(2, seed=4))), "it answered itself"),
        (desk(12), "it was never heard"),
    ],
)
def test_a_desk_that_interrupts_itself_is_found(recording: Recording, why: str) -> None:
    assert alone(recording, ANSWER).failed, why


def test_a_desk_that_hesitates_is_told_apart_from_one_that_stops() -> None:
    found = alone(with_gap(3, 0.5, goes_on_at=2.8), ANSWER)
    assert not found.failed
    assert found.held == pytest.approx(0.5, abs=0.06)


def test_short_silences_beside_a_pause_that_it_always_makes_are_told_and_are_no_stop() -> None:
    always = np.concatenate(
        [ANSWER[: samples(2.07)], np.zeros(samples(0.5), np.float32), ANSWER[samples(2.07) :]]
    )
    at = samples(5.1)
    gap, again = np.zeros(samples(0.3), np.float32), always[at - samples(0.3) :]
    found = alone(desk(16, (0.5, np.concatenate([always[:at], gap, again]))), always)
    assert not found.failed
    assert found.held == pytest.approx(0.3, abs=0.06)
    assert alone(desk(16, (0.5, np.concatenate([always, ANSWER[: samples(1.8)]]))), always).failed


def test_only_what_comes_before_somebody_speaks_is_the_desks_own_fault() -> None:
    cut_by_caller = desk(12, (0.5, ANSWER[: samples(3)]))
    assert not alone(cut_by_caller, ANSWER, until=samples(3.4)).failed
    assert alone(cut_by_caller, ANSWER, until=samples(5)).failed


def test_an_answer_that_breaks_off_is_not_steady() -> None:
    assert steady(desk(12, (0.5, voice(1)), (4, voice(5))), samples(2))
    assert not steady(desk(12, (4, voice(2)), (7, voice(2))), samples(2))


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert figures.percentile([0.1, 0.2, 0.3, 0.4], 50) == pytest.approx(200)
    assert figures.percentile([0.1, 0.2, 0.3, math.inf], 95) == math.inf
    assert figures.percentile([], 50) is None


def test_what_could_not_be_measured_meets_no_mark() -> None:
    assert Figure("x", "y", None, mark=5).met is False
    assert Figure("x", "y", None).met is None
    assert Figure("x", "y", None).told() == "not measured"
    assert Figure("x", "y", 5.0, "%", 5).met is True


def test_ratios_say_how_many_times_as_long() -> None:
    assert figures.ratio("x", "y", 1200, 400).value == pytest.approx(3)
    assert figures.ratio("x", "y", None, 400).value is None
    assert figures.ratio("x", "y", 1200, math.inf).value is None
