"""Whether the desk's own voice always comes back as late."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.channels.delay import EchoDelay
from appliance.channels.echo import Canceller
from appliance.channels.kiosk import Kiosk
from appliance.channels.soundcard import SoundCard
from appliance.engines.fake import FakeEcho, FakeVad
from appliance.messages import FRAME, RATE, samples

Sound = NDArray[np.float64]


def voice(length: int) -> Sound:
    """Of all pitches, as loud as speech."""
    return np.random.default_rng(1).normal(0, 0.1, length)


PLAYED = voice(RATE * 12)


def late(sound: Sound, delays: Sequence[float]) -> Sound:
    """As it comes back: with each of these delays, in seconds, for as long."""
    each = len(sound) // len(delays)
    shifted = [np.concatenate([np.zeros(samples(delay)), sound]) for delay in delays]
    return np.concatenate([sound[at * each : (at + 1) * each] for at, sound in enumerate(shifted)])


def pieces(*sounds: Sound) -> list[tuple[bytes, ...]]:
    pcm = [(np.clip(sound, -1, 1) * 32767).astype("<i2") for sound in sounds]
    ends = range(0, min(map(len, pcm)) - FRAME + 1, FRAME)
    return [tuple(each[at : at + FRAME].tobytes() for each in pcm) for at in ends]


def unsteady(heard: Sound) -> bool:
    delay = EchoDelay()
    for piece in pieces(PLAYED, heard):
        delay.step(*piece)
    return delay.unsteady


def test_an_echo_that_is_always_as_late_is_steady() -> None:
    assert not unsteady(0.3 * late(PLAYED, [0.06]))


def test_one_whose_delay_changes_again_and_again_is_not() -> None:
    assert unsteady(0.3 * late(PLAYED, [0.06, 0.21, 0.1, 0.3]))


def test_a_device_that_settles_once_is_steady() -> None:
    assert not unsteady(0.3 * late(PLAYED, [0.2, 0.06]))


def test_a_room_whose_walls_are_as_loud_as_the_way_straight_on_is_steady() -> None:
    straight, wall = late(PLAYED, [0.06]), late(PLAYED, [0.11])
    loudest = np.arange(len(straight)) // RATE % 2
    assert not unsteady(np.where(loudest, 0.3 * straight + 0.28 * wall[: len(straight)], 0))


@pytest.mark.parametrize("level", [0.0, 0.2])
def test_where_nothing_comes_back_nothing_jumps(level: float) -> None:
    somebody = np.random.default_rng(2).normal(0, 1, RATE * 12)
    assert not unsteady(level * somebody)


def test_a_kiosk_with_such_a_sound_card_is_half_duplex_and_says_why() -> None:
    card = SoundCard(echo=FakeEcho(gain=0.3).stream())
    card.on, card.why = True, "listening"
    kiosk = Kiosk(card, FakeVad(), echo="cancel")
    assert isinstance(card.echo, Canceller)
    heard_back = 0.3 * late(PLAYED, [0.06, 0.21, 0.1, 0.3])
    frames = pieces(PLAYED, heard_back)
    card.echo.playing(b"".join(said for said, _ in frames), 0)  # It is told before it is heard.
    for at, (_, heard) in enumerate(frames):
        card.echo.clean(heard, at * FRAME)
    assert kiosk.half_duplex
    assert "now sooner, now later" in kiosk.state[1]
    card.echo.forget()
    assert not kiosk.half_duplex
