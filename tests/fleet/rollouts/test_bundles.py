"""The pieces that bundles are made of, as they are kept."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from appliance.errors import ApplianceError, StorageError
from appliance.fleet.rollouts.bundles import Pieces


def test_pieces_that_are_kept_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    pieces = Pieces(tmp_path / "pieces")
    contents = [bytes([n]) * 300_000 for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda content: pieces.keep("desk", "desk.toml", content), contents))
    for piece, content in zip(kept, contents, strict=True):
        assert pieces.part(piece.sha256, 0, 400_000) == content
        assert piece.sha256 == hashlib.sha256(content).hexdigest()
    assert sorted(path.name for path in (tmp_path / "pieces").iterdir()) == sorted(
        each.sha256 for each in kept
    )


def test_what_cannot_be_kept_leaves_nothing_behind(tmp_path: Path) -> None:
    pieces = Pieces(tmp_path / "pieces")
    with pytest.raises(ApplianceError, match="is empty"):
        pieces.keep("desk", "desk.toml", b"")
    with pytest.raises(StorageError, match=r"system\.raucb cannot be kept"):
        pieces.keep("system", "system.raucb", tmp_path / "not there")
    assert list((tmp_path / "pieces").iterdir()) == []
