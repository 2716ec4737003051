"""Who is the caller, and who only talks near by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.channels.recorded import Saying
from appliance.engines.fake import FakeVad
from appliance.messages import samples, seconds
from appliance.turns.foreground import Foreground
from tests.desk import DESK, call, voice

WINDOW = samples(0.032)


def softer(decibels: float, lasting: float) -> bytes:
    sound = np.frombuffer(voice(lasting), dtype="<i2") * 10 ** (-decibels / 20)
    return bytes(sound.astype("<i2").tobytes())


def quiet(lasting: float) -> bytes:
    return bytes(2 * samples(lasting))


def heard(*sounds: bytes) -> Iterator[tuple[float, bool]]:
    """The end of each window of voice, in seconds, and whether it is taken for the caller's."""
    sound, foreground = b"".join(sounds), Foreground()
    for at in range(0, len(sound) - 2 * WINDOW + 1, 2 * WINDOW):
        window = sound[at : at + 2 * WINDOW]
        probability = 0.9 if any(window) else 0.0
        taken = foreground.step(probability, window)
        if probability:
            yield seconds(at // 2 + WINDOW), taken == probability


def lost(*sounds: bytes) -> list[float]:
    return [at for at, taken in heard(*sounds) if not taken]


def test_a_voice_far_below_the_callers_is_soon_nobodys() -> None:
    radio = lost(voice(2.0), softer(20, 5.0))
    assert 2.55 < radio[0] < 2.8
    assert radio[-1] > 6.9


def test_who_speaks_again_is_the_caller_at_once() -> None:
    assert max(lost(voice(2.0), softer(20, 5.0), voice(2.0))) < 7.2


def test_soft_words_among_louder_ones_are_the_callers() -> None:
    assert not lost(*[voice(0.4), softer(20, 0.5)] * 5)


def test_who_walks_away_is_heard_to_the_end() -> None:
    assert not lost(*[softer(6 * step, 1.0) for step in range(5)])


@pytest.mark.parametrize("below", [0, 6, 12])
def test_another_voice_about_as_loud_is_heard(below: float) -> None:
    assert not lost(voice(2.0), quiet(0.5), softer(below, 3.0))


def test_somebody_farther_off_is_heard_a_while_later() -> None:
    assert lost(voice(2.0), quiet(0.5), softer(18, 3.0))
    assert not lost(voice(2.0), quiet(6.0), softer(18, 3.0))


def test_a_bang_is_no_voice_that_others_are_held_against() -> None:
    bang = (np.ones(samples(0.03)) * 30000).astype("<i2").tobytes()
    assert not lost(bang, softer(6, 3.0))


async def test_a_question_is_answered_though_a_radio_talks_on(tmp_path: Path) -> None:
    asks = Saying(voice(1.5) + softer(20, 12.0))
    vad = FakeVad()
    result = await call(tmp_path, ["when are you open"], [asks], vad=vad, linger=1.0)
    assert result.turns[1].spoken.text.startswith(DESK.fact["hours"].say[:10])
    assert result.turns[1].spoken.start < result.caller.now() - samples(8.0)
