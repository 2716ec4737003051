"""How loud the desk's own echo may be expected in the microphone, band by band."""

from __future__ import annotations

import numpy as np

from appliance.messages import FRAME, RATE

BANDS = 14
LOWEST, HIGHEST = 150.0, 7000.0
"""Hz."""

TAIL = 30
"""Frames that an echo lasts at most, the way to the microphone included: 0.6 s."""

EARLY = 8
"""Frames within which it is loudest in a room that nobody knows yet ..."""

FADES = 1.0
"""... and dB by which it then fades, frame by frame."""

PACE = 0.2
"""Share of the error that is learnt from each frame."""

DOWN, UP = -20.0, 6.0
"""dB of error that one frame may tell of. Less upwards: it may be a person."""

MOST = 15.0
"""dB by which a band can stand out."""

PLAYED = 1e-4
"""Power in a band from which an echo may be learnt from it."""

FAINTEST = 1e-6
"""Power in a band of the quietest microphone."""

RISES = 0.002
"""Share by which the room's noise is learnt where it grows; people speak too. At first it is learnt at once,
as the mean of what is heard. Where it falls: `FALLS`."""

FALLS = 0.2


class ExpectedEcho:
    """Learns from what is played and heard how the power in each band comes back, up to 0.6 s later;
    which sample, and with which phase, it need not know. So it knows a room within a second, and its long
    tails, where a canceller of samples takes many. A room not heard yet is taken to be a loud one."""

    def __init__(self) -> None:
        hertz = np.fft.rfftfreq(2 * FRAME, 1 / RATE)
        self._edges = np.searchsorted(hertz, np.geomspace(LOWEST, HIGHEST, BANDS + 1))
        self._window = np.hanning(2 * FRAME)
        fading = FADES * np.maximum(np.arange(TAIL) - EARLY, 0)
        self._gains = np.tile(10 ** (-fading / 10) / 6, (BANDS, 1))
        """By band and frames since."""
        self._played = np.zeros((BANDS, TAIL))
        """Power of the last frames, the latest first."""
        self._room = np.full(BANDS, FAINTEST)
        self._quiet_frames = 0
        self._before = np.zeros((2, FRAME))

    def surplus(self, played: bytes, heard: bytes) -> float | None:
        """dB, the mean of all bands, by which a frame stands out of the echo and the room's noise: near 0 for
        the desk alone, above 1 where somebody speaks as well. None where no echo is expected."""
        now = np.stack([np.frombuffer(pcm, dtype="<i2") / 32768 for pcm in (played, heard)])
        power = np.abs(np.fft.rfft(np.hstack([self._before, now]) * self._window)) ** 2
        self._before = now
        reference, sound = np.add.reduceat(power, self._edges, axis=1)[:, :-1] / (2 * FRAME)
        self._played = np.hstack([reference[:, np.newaxis], self._played[:, :-1]])
        if self._played.max() < PLAYED:
            self._quiet_frames += 1
            rises = max(RISES, 1 / (1 + self._quiet_frames))
            self._room += (sound - self._room) * np.where(sound < self._room, FALLS, rises)
            self._room = np.maximum(self._room, FAINTEST)
            return None
        echoes = self._gains * self._played
        expected = echoes.sum(axis=1) + self._room
        above = 10 * np.log10((sound + FAINTEST) / expected)
        share = echoes / expected[:, np.newaxis]
        self._gains *= 10 ** (PACE * share * np.clip(above, DOWN, UP)[:, np.newaxis] / 10)
        return float(np.clip(above, 0, MOST).mean())
