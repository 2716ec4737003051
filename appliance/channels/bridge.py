"""Two calls joined: each hears the other, frame by frame, on the clock of its own line."""

from __future__ import annotations

from collections.abc import Callable

from appliance.channels import AudioChannel, Playout
from appliance.channels.phone import PhoneCall, loudness
from appliance.messages import FRAME, Audio

CROWDED = 4 * FRAME
"""Samples that may wait on their way across. Two lines' clocks differ; more would be heard ever later."""

SOFT = 200
"""Loudness (RMS) of a frame that nobody misses."""

FULL = 10 * FRAME
"""Samples beyond which even loud frames are left out."""


def onto(person: PhoneCall) -> Callable[[Audio], None]:
    """Takes a caller's frames to the person, keys included."""

    def take(frame: Audio) -> None:
        person.dial_keys(frame.keys)
        cross(frame, person.playout)

    return take


async def carry(one: AudioChannel, other: Playout) -> None:
    """Take what one side says to the other, until the one hangs up."""
    async for frame in one.microphone():
        cross(frame, other)


def cross(frame: Audio, to: Playout) -> None:
    if to.queued > FULL or (to.queued > CROWDED and loudness(frame.pcm) < SOFT):
        return
    to.add(frame.pcm)
