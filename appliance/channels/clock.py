"""Sound on one clock, though microphone, speaker and computer each have a crystal of their own."""

from __future__ import annotations

import time

from appliance.messages import RATE, samples

SETTLING = 150
"""Callbacks after opening in which an audio server still learns its own delay: 3 s."""

TOLERANCE = 0.02
"""Seconds by which a callback's time may be off before something is wrong."""

PERSISTENT = 25
"""Callbacks in a row that must be off before sound counts as lost, where no overflow was told: 0.5 s."""


class SampleClock:
    """Where the microphone's sample count stands at any moment of `time.monotonic`.

    The count is the call's time. It follows the microphone's crystal by small steps and makes a jump only
    where sound was lost. Fed from the microphone's thread, read from any.
    """

    def __init__(self) -> None:
        self._zero = time.monotonic()
        self._settling = SETTLING
        self._off: list[float] = []

    def at(self, moment: float) -> int:
        """The count at a moment of `time.monotonic`."""
        return round((moment - self._zero) * RATE)

    def now(self) -> int:
        return self.at(time.monotonic())

    def settle(self) -> None:
        """The microphone was opened anew: what it tells of time is not to be trusted for a while."""
        self._settling = SETTLING
        self._off.clear()

    def follow(self, count: int, moment: float, overflow: bool = False) -> int:
        """Sample `count` was at the microphone at `moment`. Returns how many samples were lost before it;
        the caller adds them to its count."""
        error = moment - count / RATE - self._zero
        if self._settling:
            self._settling -= 1
            self._zero += error / 10
            return 0
        if abs(error) < TOLERANCE:
            self._zero += error / 50
            self._off.clear()
            return 0
        self._off.append(error)
        if not overflow and len(self._off) < PERSISTENT:
            return 0
        error = min(self._off, key=abs)
        self._off.clear()
        if error > 0:
            return samples(error)
        self._zero += error
        return 0
