"""G.711 mu-law: a byte for each sample at 8 kHz (ITU-T G.711, table 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BIAS = 132


def _meant() -> NDArray[np.int16]:
    """What each of the 256 bytes stands for."""
    byte = ~np.arange(256, dtype=np.uint8)
    step, within = (byte >> 4) & 7, (byte & 15).astype(np.int32)
    size = (((within << 3) + BIAS) << step) - BIAS
    return np.where(byte & 0x80, -size, size).astype(np.int16)


MEANT = _meant()


def _nearest() -> NDArray[np.uint8]:
    """The byte nearest to each of the 65,536 samples, -32768 first."""
    order = np.argsort(MEANT, kind="stable")
    values = MEANT[order].astype(np.int32)
    edges = (values[1:] + values[:-1]) / 2
    return order[np.searchsorted(edges, np.arange(-32_768, 32_768))].astype(np.uint8)


NEAREST = _nearest()


def encode(pcm: bytes) -> bytes:
    """s16le to mu-law."""
    return NEAREST[np.frombuffer(pcm, dtype="<i2").astype(np.int32) + 32_768].tobytes()


def decode(coded: bytes) -> bytes:
    """Mu-law to s16le."""
    return MEANT[np.frombuffer(coded, dtype=np.uint8)].astype("<i2").tobytes()
