"""A box as a process of its own that becomes one thing after another, to be killed at any moment."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from appliance.config.given import Given, Shelf
from appliance.system.writing import write
from appliance.telemetry.bundle import Manifest, Piece
from appliance.telemetry.pantry import Pantry

PART = 3_000


def content(version: int, kind: str) -> bytes:
    """Every piece of a version tells which it is of."""
    return (
        f"# {kind} of {version}\n".encode()
        + random.Random(f"{kind} {version}").randbytes(20_000).hex().encode()
    )


def manifest(version: int) -> Manifest:
    pieces = [
        Piece(kind, name, len(content(version, kind)), hashlib.sha256(content(version, kind)).hexdigest())
        for kind, name in (("desk", "desk.toml"), ("settings", "settings.toml"), ("model", "own/voice.onnx"))
    ]  # fmt: skip
    return Manifest("box", version, 0, version, "", tuple(pieces))  # type: ignore[arg-type]


def box(folder: str) -> None:
    """Fetch the next version, become it, start anew; for ever."""
    data = Path(folder)
    shelf, pantry = Shelf(data), Pantry(data / "pieces", free=lambda _: 1 << 40)
    while True:
        shelf.starting(data / "desk.toml")
        shelf.settled()
        current = shelf.current
        wish = manifest(current.version + 1)
        pantry.make_room(wish, current.pieces)
        for piece in pantry.missing(wish):
            whole = content(wish.version, piece.kind)
            while not pantry.put(piece, at := pantry.at(piece), whole[at : at + PART]):
                pass
        given = Given(
            wish.version, wish.serial, wish.hash, "", tuple(piece.sha256 for piece in wish.pieces),
            True, True, "desk.toml", trial=True,
        )  # fmt: skip
        desk, settings, model = (pantry.path(piece) for piece in wish.pieces)
        before = (data / "desk.toml").read_text() if (data / "desk.toml").exists() else ""
        shelf.lay(
            given,
            {
                "desk.toml": desk.read_text(),
                "before.toml": before,
                "settings.toml": settings,
                "models/own/voice.onnx": model,
            },
            data / "models",
        )
        write(data / "reached.txt", str(wish.version))
        shelf.commit(given)
