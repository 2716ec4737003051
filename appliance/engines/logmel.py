"""The log-mel spectrogram that Whisper was trained on: 80 bands up to 8 kHz, windows of 25 ms every 10 ms."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from appliance.messages import RATE

BANDS = 80
HOP = 160
WINDOW = 400

FRAMES_PER_SECOND = RATE // HOP


def log_mel(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of sound from -1 to 1 at 16 kHz, shape (samples,), at least 201 of them: shape (80, samples // 160)."""
    padded = np.pad(sound, WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: len(sound) // HOP * HOP : HOP]
    power = np.abs(np.fft.rfft(frames * _hann(), axis=1)) ** 2
    log = np.log10(np.maximum(_filters() @ power.T.astype(np.float32), 1e-10))
    # Nothing lies more than 80 dB below the loudest.
    scaled: NDArray[np.float32] = ((np.maximum(log, log.max() - 8.0) + 4.0) / 4.0).astype(np.float32)
    return scaled


@cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


@cache
def _filters() -> NDArray[np.float32]:
    """Triangles, evenly spaced on Slaney's mel scale (linear to 1 kHz, then logarithmic), of equal area."""
    mels = np.linspace(0.0, 15.0 + 27.0 * np.log(8.0) / np.log(6.4), BANDS + 2)
    edges = np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * 6.4 ** ((mels - 15.0) / 27.0))
    bins = np.fft.rfftfreq(WINDOW, 1.0 / RATE)
    low, peak, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.maximum(0.0, np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak)))
    filters: NDArray[np.float32] = (triangles * 2.0 / (high - low)).astype(np.float32)
    return filters
