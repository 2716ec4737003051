"""Keys heard in the sound of a call, where the line does not tell them apart from it (ITU-T Q.23, Q.24)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from appliance.messages import RATE, Audio, samples

LOW = (697.0, 770.0, 852.0, 941.0)
HIGH = (1209.0, 1336.0, 1477.0, 1633.0)
KEYS = ("123A", "456B", "789C", "*0#D")
"""By low and high tone."""

TWICE = samples(1.0)
"""For which a key that was heard in the sound is the same as one that the line tells."""

WINDOW = samples(0.025)
HOP = samples(0.01)

LOUD = 150.0
"""RMS of a window under which it holds no key."""

SHARE = 0.7
"""Share of a window's energy that its two tones must hold. A voice has harmonics and holds less."""

ABOVE = 4.0
"""How much stronger a tone must be than the next of its group: 6 dB."""

TWIST = (10**0.6, 10**0.9)
"""How much stronger the high tone may be than the low one (6 dB), and the low than the high (9 dB)."""

LEAST = 3
"""Windows in a row, 45 ms in all, that make a key: Q.24 has keys of 40 ms and no speech so long."""

GAP = 3
"""Windows without it that end a key."""


def _basis() -> np.ndarray[tuple[int, int], np.dtype[np.complex128]]:
    moments = np.arange(WINDOW) / RATE
    # A Hann window keeps a tone's energy out of its neighbours' bins.
    return np.asarray(np.hanning(WINDOW) * np.exp(-2j * np.pi * np.outer((*LOW, *HIGH), moments)))


BASIS = _basis()
SCALE = 2 / np.hanning(WINDOW).sum()


class DtmfListener:
    """Feed it the caller's sound, s16le mono 16 kHz, cut anywhere; it tells each key once, when sure."""

    def __init__(self) -> None:
        self._sound = np.zeros(0)
        self._held = ""
        self._candidate = ""
        self._count = 0
        self._missed = 0
        self._rest = b""

    @property
    def sounds(self) -> bool:
        """Whether a key is in the sound now."""
        return bool(self._held)

    def push(self, pcm: bytes) -> str:
        """The keys that became sure, in order; mostly none."""
        pcm = self._rest + pcm
        whole = len(pcm) // 2 * 2
        self._rest = pcm[whole:]
        self._sound = np.concatenate([self._sound, np.frombuffer(pcm[:whole], dtype="<i2")])
        keys, at = "", 0
        while len(self._sound) - at >= WINDOW:
            keys += self._step(key(self._sound[at : at + WINDOW]))
            at += HOP
        self._sound = self._sound[at:]
        return keys

    def _step(self, heard: str) -> str:
        if heard and heard == self._held:
            self._missed = 0
            return ""
        if self._held:
            self._missed += 1
            if self._missed >= GAP:
                self._held = ""
        self._count = self._count + 1 if heard and heard == self._candidate else int(bool(heard))
        self._candidate = heard
        if self._count < LEAST or (self._held and not self._missed):
            return ""
        self._held, self._missed = heard, 0
        return heard


class Keys:
    """What a caller presses, each key once: as the line tells it, and from its sound on lines that tell none.
    Where a line does both, its word counts."""

    def __init__(self) -> None:
        self._listener: DtmfListener | None = DtmfListener()
        self._told = ""
        self._heard = ("", 0)
        """The latest key from the sound, and when."""
        self._now = 0

    def told(self, key: str) -> None:
        """The line says that a key was pressed."""
        latest, at = self._heard
        twice = key == latest and self._now - at < TWICE
        self._heard, self._listener = ("", 0), None
        if not twice:
            self._told += key

    def hear(self, frame: Audio) -> Audio:
        """The frame with the keys that were pressed by now. A key's sound is no speech: it is taken out."""
        self._now = frame.end
        keys, self._told = self._told, ""
        if not self._listener:
            return replace(frame, keys=keys) if keys else frame
        for key in self._listener.push(frame.pcm):
            keys += key
            self._heard = key, frame.end
        quiet = bytes(len(frame.pcm)) if self._listener.sounds else frame.pcm
        return replace(frame, keys=keys, pcm=quiet) if keys or quiet is not frame.pcm else frame


def key(sound: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    """The key of one window; none where it holds something else."""
    energy = float((sound**2).mean())
    if energy < LOUD**2:
        return ""
    power = np.abs(BASIS @ sound * SCALE) ** 2 / 2
    low, high = power[:4], power[4:]
    row, column = int(low.argmax()), int(high.argmax())
    weak, strong = low[row], high[column]
    if strong > TWIST[0] * weak or weak > TWIST[1] * strong:
        return ""
    if weak < ABOVE * np.delete(low, row).max() or strong < ABOVE * np.delete(high, column).max():
        return ""
    # Where a key begins or ends within the window, the energy outside of the Hann window is not its own.
    return KEYS[row][column] if weak + strong >= SHARE * energy else ""
