from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.channels.clock import SETTLING, SampleClock
from appliance.messages import FRAME, RATE, samples


class Microphone:
    """A scripted one: its crystal is off by `ppm`, its callbacks are late by up to `jitter` seconds."""

    def __init__(self, ppm: float = 0, jitter: float = 0.0) -> None:
        self.clock = SampleClock()
        self.count = 0
        self.moment = 1000.0
        self._step = FRAME / RATE * (1 + ppm / 1e6)
        self._jitter = jitter
        self._random = random.Random(0)
        self.clock._zero = self.moment

    def runs(self, seconds: float) -> int:
        """Returns the samples that the clock says were lost."""
        lost = 0
        for _ in range(round(seconds / self._step)):
            late = self._random.uniform(0, self._jitter)
            missing = self.clock.follow(self.count, self.moment + late)
            lost += missing
            self.count += FRAME + missing
            self.moment += self._step
        return lost

    def loses(self, seconds: float, told: bool) -> int:
        self.moment += seconds
        lost = self.clock.follow(self.count, self.moment, overflow=told)
        self.count += lost + FRAME
        self.moment += self._step
        return lost

    @property
    def error(self) -> float:
        """Seconds by which the clock is off."""
        return self.clock.at(self.moment) / RATE - self.count / RATE


@settings(deadline=None, max_examples=20)
@given(ppm=st.floats(-300, 300), jitter=st.floats(0, 0.015))
def test_a_crystal_that_is_off_neither_loses_sound_nor_shifts_the_clock(ppm: float, jitter: float) -> None:
    microphone = Microphone(ppm, jitter)
    for _ in range(10):
        assert microphone.runs(60) == 0
        assert abs(microphone.error) < 0.016


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("gap", [0.05, 0.5, 3.0])
def test_lost_sound_is_found_with_and_without_an_overflow_flag(gap: float, told: bool) -> None:
    microphone = Microphone(jitter=0.002)
    microphone.runs(10)
    lost = microphone.loses(gap, told)
    lost += microphone.runs(2)
    assert lost == pytest.approx(samples(gap), abs=samples(0.004))
    assert abs(microphone.error) < 0.005


def test_a_callback_that_is_late_once_loses_nothing() -> None:
    microphone = Microphone()
    microphone.runs(10)
    assert microphone.clock.follow(microphone.count, microphone.moment + 0.4) == 0
    microphone.count += FRAME
    microphone.moment += FRAME / RATE
    assert microphone.runs(5) == 0
    assert abs(microphone.error) < 0.002


def test_an_audio_server_that_tells_nonsense_at_first_is_forgiven() -> None:
    microphone = Microphone()
    for number in range(SETTLING // 2):
        nonsense = -0.12 * (1 - number / SETTLING)
        assert microphone.clock.follow(microphone.count, microphone.moment + nonsense) == 0
        microphone.count += FRAME
        microphone.moment += FRAME / RATE
    assert microphone.runs(5) == 0
    assert abs(microphone.error) < 0.002
