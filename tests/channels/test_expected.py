"""What comes back of the desk's voice is expected, so that somebody else's stands out."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.bench.turns.recordings import Sound
from appliance.channels.echo import STANDS_OUT
from appliance.channels.expected import ExpectedEcho
from appliance.messages import FRAME, RATE, samples
from tests.audio_server import person


def voice(seconds: float, level: float, *names: str) -> Sound:
    """Somebody who reads aloud, at a root mean square."""
    sound = np.resize(person(*names), samples(seconds)).astype(np.float32)
    made: Sound = sound * np.float32(level / np.sqrt((sound**2).mean()))
    return made


def desk_voice() -> Sound:
    return voice(5, 0.1, "cards/001.wav", "cards/002.wav", "cards/003.wav")


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
    means: Sound = np.asarray(np.convolve(known, np.ones(3) / 3, "valid"), dtype=np.float32)
    return means


@pytest.mark.parametrize(
    ("level", "delay", "tail", "share"),
    [(0, 0.02, 0.1, 0.75), (-10, 0.1, 0.4, 0.95), (-20, 0.15, 0.2, 0.98)],
)
def test_the_desk_alone_hardly_stands_out_from_its_first_word_in_a_strange_room(
    level: float, delay: float, tail: float, share: float
) -> None:
    desk = desk_voice()
    alone = moments(surplus(desk, room(desk, level, delay, tail)))
    assert np.mean(alone < STANDS_OUT) >= share


@pytest.mark.parametrize("level", [0, -10])
def test_who_speaks_over_it_stands_out_within_a_moment(level: float) -> None:
    desk, caller = desk_voice(), voice(1, 0.05, "cards/005.wav")
    heard = room(desk, level, 0.05, 0.2)
    heard[3 * RATE : 4 * RATE] += caller
    told = moments(surplus(desk, heard))[3 * RATE // FRAME : 4 * RATE // FRAME]
    # The recording begins with 160 ms of quiet.
    assert np.flatnonzero(told >= STANDS_OUT)[0] <= 10
    assert np.mean(told >= STANDS_OUT) > 0.5


def test_the_noise_of_the_place_is_nobody() -> None:
    noise = np.random.default_rng(5).normal(0, 0.003, 8 * RATE).astype(np.float32)
    desk = np.concatenate([np.zeros(3 * RATE, dtype=np.float32), desk_voice()])
    told = moments(surplus(desk, noise + room(desk, -20, 0.05, 0.2)))[3 * RATE // FRAME :]
    assert np.mean(told < STANDS_OUT) >= 0.85


def test_where_nothing_is_played_there_is_no_echo_to_expect() -> None:
    quiet = np.zeros(RATE, dtype=np.float32)
    assert set(surplus(quiet, voice(1, 0.05, "cards/005.wav"))) == {None}
