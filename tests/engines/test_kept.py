"""What was learned once is not worked out again; what callers say is not kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.engines.fake import FakeEmbed
from appliance.engines.kept import PROBE, KeptEmbed

PHRASES = [f"phrase {number}" for number in range(50)]


class Counting(FakeEmbed):
    """Tells what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += [text for text in texts if text != PROBE]
        return super().embed(texts)


def learned(path: Path, phrases: Sequence[str] = PHRASES) -> Counting:
    engine = Counting()
    kept = KeptEmbed(engine, path)
    assert np.array_equal(kept.embed(phrases), FakeEmbed().embed(phrases))
    kept.learned()
    return engine


def test_the_second_time_the_engine_is_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "meanings.npz"
    assert learned(path).asked == PHRASES
    written = path.stat().st_mtime_ns
    assert learned(path).asked == []
    assert path.stat().st_mtime_ns == written
    assert learned(path, [*PHRASES, "a new one"]).asked == ["a new one"]


def test_what_is_asked_afterwards_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "meanings.npz"
    kept = KeptEmbed(Counting(), path)
    kept.embed(PHRASES)
    kept.learned()
    before = path.read_bytes()
    kept.embed(["my name is Ann Smith"])
    kept.learned()
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
def test_a_broken_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "meanings.npz"
    path.write_bytes(content)
    assert learned(path).asked == PHRASES
    assert learned(path).asked == []


def test_rows_of_another_model_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "meanings.npz"
    learned(path)
    with np.load(path) as file:
        kept = dict(file)
    np.savez(path, **{**kept, "probe": kept["probe"][::-1]})
    assert learned(path).asked == PHRASES


def test_rows_of_the_same_model_by_another_processor_are(tmp_path: Path) -> None:
    path = tmp_path / "meanings.npz"
    learned(path)
    with np.load(path) as file:
        kept = dict(file)
    np.savez(path, **{**kept, "probe": kept["probe"] + np.float32(1e-6)})
    assert learned(path).asked == []


def test_a_disk_that_is_full_or_gone_is_done_without(tmp_path: Path) -> None:
    assert learned(tmp_path / "no folder" / "meanings.npz").asked == PHRASES
