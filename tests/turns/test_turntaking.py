"""When a turn begins, pauses and ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.messages import samples
from appliance.turns.turntaking import LONGEST, ONSET, PAUSE, UNJUDGED, Change, TurnTaking

WINDOW = 512


def follow(
    turn: TurnTaking, *stretches: tuple[float, float], patience: float | None = 0.7, at: int = 0
) -> list[tuple[Change, int]]:
    """Feed stretches of (probability, seconds); what changed, and at which clock it was known. Each pause is
    judged as soon as it is known, to take so many seconds of quiet; with None it is not."""
    changes = []
    for probability, lasting in stretches:
        for _ in range(round(samples(lasting) / WINDOW)):
            change = turn.step(probability, at, WINDOW)
            at += WINDOW
            if change:
                changes.append((change, at))
            if change is Change.PAUSED and patience is not None:
                turn.judge(samples(patience))
    return changes


def kinds(changes: list[tuple[Change, int]]) -> list[Change]:
    return [change for change, _ in changes]


def test_a_turn_begins_pauses_and_ends() -> None:
    changes = follow(TurnTaking(), (0.0, 1.0), (0.9, 2.0), (0.0, 2.0))
    assert kinds(changes) == [Change.STARTED, Change.PAUSED, Change.ENDED]


def test_the_span_holds_the_speech_and_not_the_quiet_around_it() -> None:
    turn = TurnTaking()
    follow(turn, (0.0, 1.0), (0.9, 2.0), (0.0, 2.0))
    assert abs(turn.span.start - samples(1.0)) <= WINDOW
    assert abs(turn.span.end - samples(3.0)) <= WINDOW


def test_a_click_is_not_a_turn() -> None:
    assert follow(TurnTaking(), (0.0, 1.0), (1.0, 0.064), (0.0, 1.0)) == []


def test_a_pause_for_thought_does_not_end_the_turn() -> None:
    changes = follow(TurnTaking(), (0.9, 1.0), (0.0, 0.5), (0.9, 1.0), (0.0, 1.0))
    assert kinds(changes) == [Change.STARTED, Change.PAUSED, Change.RESUMED, Change.PAUSED, Change.ENDED]


def test_a_click_in_a_pause_does_not_put_off_the_end_for_long() -> None:
    changes = follow(TurnTaking(), (0.9, 1.0), (0.0, 0.4), (0.9, 0.032), (0.0, 1.0))
    assert kinds(changes) == [Change.STARTED, Change.PAUSED, Change.ENDED]


def test_the_quiet_that_it_was_judged_to_take_ends_a_turn() -> None:
    for patience in (0.2, 0.5, 1.5):
        turn = TurnTaking()
        ended = follow(turn, (0.9, 1.0), (0.0, 3.0), patience=patience)[-1][1]
        assert 0 <= ended - turn.span.end - samples(patience) <= WINDOW


def test_what_was_judged_of_one_pause_does_not_hold_for_the_next() -> None:
    turn = TurnTaking()
    follow(turn, (0.9, 1.0), (0.0, 0.3), (0.9, 1.0), patience=0.5)
    ended = follow(turn, (0.0, 4.0), patience=None, at=samples(10))[-1][1]
    assert ended - turn.span.end >= UNJUDGED


def test_speech_without_a_pause_is_cut_into_turns() -> None:
    changes = follow(TurnTaking(), (0.9, 150.0))
    ends = [at for change, at in changes if change is Change.ENDED]
    assert len(ends) == 2
    assert all(abs(b - a - LONGEST) < samples(0.5) for a, b in zip([0, *ends], ends, strict=False))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.0, 3.0)), max_size=400))
def test_whatever_the_vad_says_changes_come_in_order(windows: list[tuple[float, float]]) -> None:
    """And never does a turn end while speech goes on, or before the quiet that it was judged to take."""
    turn, before, at, patience = TurnTaking(), Change.ENDED, 0, UNJUDGED
    follows = {
        Change.ENDED: {Change.STARTED},
        Change.STARTED: {Change.PAUSED, Change.ENDED},
        Change.PAUSED: {Change.RESUMED, Change.ENDED},
        Change.RESUMED: {Change.PAUSED, Change.ENDED},
    }
    for probability, judged in windows:
        change = turn.step(probability, at, WINDOW)
        at += WINDOW
        if change:
            assert change in follows[before]
            assert turn.in_turn is (change is not Change.ENDED)
            assert 0 <= turn.span.start < turn.span.end <= at
            if change is Change.STARTED:
                assert turn.span.end - turn.span.start >= ONSET
            if change is Change.ENDED and turn.span.end - turn.span.start < LONGEST:
                assert not turn.speech
                assert at - turn.span.end >= max(patience, PAUSE)
            before = change
        if before is Change.PAUSED:
            patience = samples(judged)
            turn.judge(patience)
