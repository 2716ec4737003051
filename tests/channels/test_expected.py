"""What comes back of the desk's voice is expected, so that somebody else's stands out."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.bench.turns.recordings import Sound
from appliance.channels.echo import STANDS_OUT
from appliance.channels.expected import ExpectedEcho
from appliance.messages import FRAME, RATE, samples


def voice(seconds: float, seed: int, level: float = 0.1) -> Sound:
    """Syllables of noise, each coloured in its own way."""
    rng = np.random.default_rng(seed)
    syllables = []
    for _ in range(round(seconds / 0.2)):
        spectrum = np.fft.rfft(rng.normal(0, 1, samples(0.2)))
        hertz = np.fft.rfftfreq(samples(0.2), 1 / RATE)
        peak = rng.uniform(200, 4000)
        sound = np.fft.irfft(spectrum / (1 + ((hertz - peak) / 300) ** 2)) * np.hanning(samples(0.2))
        syllables.append(level * sound / np.sqrt((sound**2).mean()))
    made: Sound = np.asarray(np.concatenate(syllables), dtype=np.float32)
    return made


def room(desk: Sound, level: float, delay: float, tail: float, seed: int = 3) -> Sound:
    """The desk's voice as it comes back, `level` in dB, dying away within `tail` seconds."""
    at = np.arange(samples(tail)) / RATE
    response = np.random.default_rng(seed).normal(0, 1, len(at)) * 10 ** (-3 * at / tail)
    response *= 10 ** (level / 20) / np.sqrt((response**2).sum())
    size = 1 << (len(desk) + len(response)).bit_length()
    heard = np.fft.irfft(np.fft.rfft(desk, size) * np.fft.rfft(response, size), size)
    return np.concatenate([np.zeros(samples(delay)), heard])[: len(desk)].astype(np.float32)


def surplus(played: Sound, heard: Sound) -> list[float | None]:
    expected = ExpectedEcho()
    frames = range(0, len(played) - FRAME + 1, FRAME)
    pcm = [(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes() for sound in (played, heard)]
    return [expected.surplus(*(each[2 * at : 2 * (at + FRAME)] for each in pcm)) for at in frames]


def moments(values: list[float | None]) -> Sound:
    """Means over three frames, as the canceller judges by."""
    known = np.array([value or 0.0 for value in values], dtype=np.float32)
    means: Sound = np.convolve(known, np.ones(3, dtype=np.float32) / 3, "valid")
    return means


@pytest.mark.parametrize(("level", "delay", "tail"), [(0, 0.02, 0.1), (-10, 0.1, 0.4), (-20, 0.15, 0.2)])
def test_the_desk_alone_does_not_stand_out_from_its_first_word_in_a_strange_room(
    level: float, delay: float, tail: float
) -> None:
    desk = voice(5, seed=1)
    alone = moments(surplus(desk, room(desk, level, delay, tail)))
    assert np.mean(alone < STANDS_OUT) >= 0.98


@pytest.mark.parametrize("level", [0, -10])
def test_who_speaks_over_it_stands_out_within_a_moment(level: float) -> None:
    desk, caller = voice(5, seed=1), voice(1, seed=7)
    heard = room(desk, level, 0.05, 0.2)
    heard[3 * RATE : 4 * RATE] += caller
    told = moments(surplus(desk, heard))[3 * RATE // FRAME : 4 * RATE // FRAME]
    assert np.flatnonzero(told >= STANDS_OUT)[0] <= 5
    assert np.mean(told >= STANDS_OUT) > 0.6


def test_the_noise_of_the_place_is_nobody() -> None:
    noise = np.random.default_rng(5).normal(0, 0.003, 8 * RATE).astype(np.float32)
    desk = np.concatenate([np.zeros(3 * RATE, dtype=np.float32), voice(5, seed=1)])
    told = moments(surplus(desk, noise + room(desk, -20, 0.05, 0.2)))[3 * RATE // FRAME :]
    assert np.mean(told < STANDS_OUT) >= 0.95


def test_where_nothing_is_played_there_is_no_echo_to_expect() -> None:
    quiet = np.zeros(RATE, dtype=np.float32)
    assert set(surplus(quiet, voice(1, seed=7))) == {None}
