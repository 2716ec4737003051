"""A recording as a picture of it: how loud each side was, moment by moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from appliance.errors import AudioError
from appliance.messages import samples
from appliance.observe.locked import opened

COLUMNS = 1600
"""Moments that a picture has."""

LOUD = 100
"""The height of the loudest sound there can be."""


def waveform(path: Path, columns: int = COLUMNS) -> tuple[list[list[int]], int]:
    """The peaks of the caller and of the desk, each 0 to `LOUD`, evenly from first to last sample, and
    how many samples of 16 kHz those are. It is read piece by piece: a long call is not held in memory.
    AudioError where it is no recording."""
    try:
        with opened(path) as content, soundfile.SoundFile(content) as file:
            edges = np.linspace(0, file.frames, min(columns, max(1, file.frames)) + 1).astype(int)
            peaks = [_peak(file.read(count, "int16", always_2d=True)) for count in np.diff(edges)]
            length = samples(file.frames / file.samplerate)
    except (OSError, RuntimeError) as error:
        raise AudioError(f"{path.name} cannot be read as sound ({error})", "it may be gone") from error
    return [[pair[side] for pair in peaks] for side in (0, 1)], length


def _peak(sound: np.ndarray[tuple[int, int], np.dtype[np.int16]]) -> tuple[int, int]:
    if not len(sound):
        return 0, 0
    loudest = np.abs(sound.astype(np.int32)).max(axis=0) * LOUD // 32768
    return int(loudest[0]), int(loudest[-1])
