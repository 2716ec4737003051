"""The desk's own voice, taken out of what its microphone hears."""

from __future__ import annotations

import math
import threading
from collections import deque
from statistics import median

import numpy as np

from appliance.channels.delay import EchoDelay
from appliance.channels.expected import ExpectedEcho
from appliance.engines import EchoStream
from appliance.messages import RATE, Audio, samples

AUDIBLE = -50.0
"""dBFS above which the desk's voice, or what comes back of it, is worth judging by."""

ABOVE_ROOM = 6.0
"""dB by which an echo stands out of the room's own noise, or it is none."""

ENOUGH = 6.0
"""dB by which an echo must be lessened; below this nothing was removed but by chance."""

STANDS_OUT = 1.0
"""dB by which a moment stands out of the expected echo that is not only that."""

SURELY = 3.5
"""dB by which a moment stands out in which somebody speaks for sure. A canceller takes much of a voice that
comes with an echo, and short words whole: of such moments half of what is given is the sound as it was."""

WORD = 8
"""Frames after such a moment in which the same word may go on."""

HUSH = 0.01
"""What remains of the sound of a moment that is."""

MOMENT = 3
"""Frames over which that is judged."""

JUDGED = 10
"""Seconds of the desk's voice after which it is known how well its echo is removed."""

REMEMBERED = 30
"""Seconds of the desk's voice that are judged by."""


class Canceller:
    """Removes what is played from what is heard, by the one clock of both.

    `playing` is told what will be played and when, from the speaker's thread; `clean` takes what was heard,
    from the microphone's. An echo that is heard up to `lead` seconds before the clock says that it was
    played is found all the same, where what is played is known that early. Some lead is worth having in any
    case: of an echo that comes at once WebRTC's canceller removes 6 dB instead of 30.
    """

    def __init__(self, stream: EchoStream, lead: float = 0.0) -> None:
        self._stream = stream
        self._lead = samples(lead)
        self._lock = threading.Lock()
        self._played: deque[tuple[int, bytes]] = deque()
        self._seconds: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self._expected = ExpectedEcho()
        self._delay = EchoDelay()
        self._moment: deque[float] = deque(maxlen=MOMENT)
        self._word = 0
        """Frames for which somebody speaks still."""
        self._room = AUDIBLE
        self._loud: list[tuple[float, float]] = []

    def playing(self, pcm: bytes, at: int) -> None:
        """`pcm` will be played, or just was, from clock `at` on."""
        with self._lock:
            self._played.append((at, pcm))

    def clean(self, pcm: bytes, at: int) -> Audio:
        """What was heard from clock `at` on, whole blocks of 10 ms, without the echo."""
        reference = self._reference(at + self._lead, len(pcm) // 2)
        cleaned = self._stream.remove(reference, pcm)
        self._judge(_level(reference), _level(pcm), _level(cleaned))
        self._delay.step(reference, pcm)
        near = self._stands_out(self._expected.surplus(reference, pcm))
        return Audio(self._given(pcm, cleaned, near), at, near=near)

    def forget(self) -> None:
        """Other devices are there: how well it went with the ones before tells nothing of them."""
        self._seconds.clear()
        self._expected = ExpectedEcho()
        self._delay = EchoDelay()

    @property
    def removed(self) -> float | None:
        """dB by which the echo was lessened (median over the last seconds); None where there was too little
        echo to tell."""
        judged = tuple(self._seconds)  # At one go: the microphone's thread adds to them meanwhile.
        told = [heard - left for heard, left in judged if heard > max(AUDIBLE, self._room + ABOVE_ROOM)]
        return median(told) if len(told) >= JUDGED else None

    @property
    def unsteady(self) -> bool:
        """Whether the echo comes now sooner, now later. Each time the canceller must learn it anew, and what
        it lets through until then may sound like somebody."""
        return self._delay.unsteady

    @property
    def fails(self) -> bool:
        """Whether there is an echo and it stays, or comes back again and again."""
        removed = self.removed
        return self.unsteady or (removed is not None and removed < ENOUGH)

    def _reference(self, start: int, count: int) -> bytes:
        """What is played in those samples; silence where nothing is."""
        reference = np.zeros(count, dtype="<i2")
        with self._lock:
            while self._played and self._played[0][0] + len(self._played[0][1]) // 2 <= start:
                self._played.popleft()
            pieces = list(self._played)
        for at, pcm in pieces:
            sound = np.frombuffer(pcm, dtype="<i2")
            first, last = max(at, start), min(at + len(sound), start + count)
            if first < last:
                reference[first - start : last - start] = sound[first - at : last - at]
        return reference.tobytes()

    def _stands_out(self, surplus: float | None) -> float | None:
        """By how much what was heard in the last moment is more than an echo."""
        if surplus is None:
            self._moment.clear()
            return None
        self._moment.append(surplus)
        return sum(self._moment) / len(self._moment)

    def _given(self, heard: bytes, cleaned: bytes, near: float | None) -> bytes:
        """What is passed on of a frame. Of what is only the rest of an echo nearly nothing: in a room that is
        not learnt yet it may still sound like speech."""
        if near is None:
            self._word = 0
            return cleaned
        self._word = WORD if near >= SURELY else max(0, self._word - 1)
        if self._word:
            both = np.frombuffer(heard, dtype="<i2").astype(np.int32) + np.frombuffer(cleaned, dtype="<i2")
            return bytes((both // 2).astype("<i2").tobytes())
        if near < STANDS_OUT:
            return bytes((np.frombuffer(cleaned, dtype="<i2") * HUSH).astype("<i2").tobytes())
        return cleaned

    def _judge(self, played: float, heard: float, left: float) -> None:
        if played < AUDIBLE:
            # Follows what is quiet at once, what is loud slowly: people speak too.
            self._room += (heard - self._room) * (0.2 if heard < self._room else 0.05)
            return
        self._loud.append((heard, left))
        if len(self._loud) * samples(0.02) >= RATE:
            self._seconds.append((median(h for h, _ in self._loud), median(at for _, at in self._loud)))
            self._loud.clear()


def _level(pcm: bytes) -> float:
    """dBFS."""
    sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
    return 10 * math.log10(float(np.mean(sound**2)) + 1e-10)
