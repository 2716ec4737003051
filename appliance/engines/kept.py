"""What a desk's phrases mean, kept on the disk: a desk that starts again need not work it out again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.engines import Embed

PROBE = "when are you open"
"""What tells whether the rows in the file are of the model that is asked now."""

MOST = 4096
"""Texts that are kept; what was asked for longest ago goes first."""

ALIKE = 1e-4
"""What a number of the same model may differ by: another processor, or a newer library, adds up in another
order."""

Row = NDArray[np.float32]


class KeptEmbed:
    """An `Embed` that looks texts up in a file before it asks the engine, until it has `learned`. From then
    on it asks the engine only, and keeps nothing: what callers say is not for the disk. A file that is
    missing, broken or of another model is made anew; one that cannot be written is done without."""

    def __init__(self, embed: Embed, path: Path) -> None:
        self.dimensions = embed.dimensions
        self._embed = embed
        self._path = path
        self._probe = embed.embed([PROBE])[0]
        self._rows: dict[bytes, Row] | None = self._read()
        self._new = False

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = self._rows
        if rows is None:
            return self._embed.embed(texts)
        keys = [_key(text) for text in texts]
        unknown = {key: text for key, text in zip(keys, texts, strict=True) if key not in rows}
        if unknown:
            self._new = True
            rows.update(zip(unknown, self._embed.embed(list(unknown.values())), strict=True))
        for key in keys:
            rows[key] = rows.pop(key)  # The last that were asked for come last.
        return np.stack([rows[key] for key in keys]) if keys else self._embed.embed([])

    def learned(self) -> None:
        """All that the desk file says was asked for."""
        rows, self._rows = self._rows, None
        if not rows or not self._new:
            return
        kept = dict(list(rows.items())[-MOST:])
        new = self._path.with_suffix(".new")
        with suppress(OSError):
            with new.open("wb") as file:
                np.savez(file, probe=self._probe, keys=list(kept), rows=np.stack(list(kept.values())))
            new.replace(self._path)

    def _read(self) -> dict[bytes, Row]:
        try:
            with np.load(self._path) as file:
                probe, keys, rows = file["probe"], file["keys"], file["rows"]
        except Exception:  # Whatever a broken file makes of numpy.
            return {}
        same = probe.shape == self._probe.shape and np.allclose(probe, self._probe, rtol=0, atol=ALIKE)
        if not same or len(keys) != len(rows):
            return {}
        return {bytes(key).ljust(LENGTH, b"\0"): row for key, row in zip(keys, rows, strict=True)}


LENGTH = 16


def _key(text: str) -> bytes:
    return sha256(text.encode()).digest()[:LENGTH]
