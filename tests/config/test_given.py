"""What the fleet has given a box is whole whenever it is looked at, and goes back where it is no good."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from appliance.config.given import TRIES, Given, Shelf, merged, over
from appliance.errors import ApplianceError, ConfigError, StorageError
from appliance.telemetry.bundle import Forged, Piece
from appliance.telemetry.pantry import Pantry
from tests.config import killed_given
from tests.config.killed_given import content, manifest

ROUNDS = int(os.environ.get("ROUNDS", "300"))

STEPS = 24
"""Changes that are seen of a box at the most before it is killed; a version takes about as many."""


def versions(data: Path) -> set[str]:
    """Of what version each thing is that the box has, once it has started."""
    shelf = Shelf(data)
    shelf.starting(data / "desk.toml")
    shelf.settled()
    current = shelf.current
    if not current.version:
        return {"0"}
    paths = [shelf.of(current) / name for name in ("settings.toml", "models/own/voice.onnx")]
    whole = [data / "desk.toml", *paths]
    for path, kind in zip(whole, ("desk", "settings", "model"), strict=True):
        assert path.read_bytes() == content(current.version, kind)
    return {path.read_text().split("\n")[0].rpartition(" ")[2] for path in whole}


def touched(data: Path) -> list[tuple[str, int]]:
    return [(path.name, path.stat().st_mtime_ns) for path in [data, *data.glob("*")] if path.exists()]


def kill_often(data: Path, rounds: int, chance: random.Random) -> tuple[int, set[int]]:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.config.killed_given"])
    last, seen = 0, set()
    for _ in range(rounds):
        process = processes.Process(target=killed_given.box, args=(str(data),), daemon=True)
        process.start()
        # It is killed after some steps of its own, however slow the machine is.
        for _ in range(chance.randint(1, STEPS)):
            before, until = touched(data), time.monotonic() + 10
            while touched(data) == before and time.monotonic() < until:
                time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.02))
        process.kill()
        process.join()
        [version] = versions(data)
        assert int(version) >= last
        last = int(version)
        seen.add(last)
    return last, seen


def test_a_box_that_is_killed_has_the_older_or_the_newer_whole(tmp_path: Path) -> None:
    last, _ = kill_often(tmp_path, 10, random.Random(1))
    assert last > 0
    assert len([path for path in (tmp_path / "given").iterdir() if path.is_dir()]) <= 4


@pytest.mark.slow
def test_very_many_kills(tmp_path: Path) -> None:
    """ROUNDS of them."""
    last, seen = kill_often(tmp_path, ROUNDS, random.Random(2))
    assert last > ROUNDS / 10
    print(f"{ROUNDS} kills: {last} versions, {len(seen)} of them looked at, each whole")


def given(version: int, **more: object) -> Given:
    return Given(version, version, settings=True, **more)  # type: ignore[arg-type]


def test_a_box_that_does_not_come_up_goes_back_by_itself(tmp_path: Path) -> None:
    shelf, desk = Shelf(tmp_path), tmp_path / "desk.toml"
    desk.write_text("old")
    shelf.lay(given(1), {"settings.toml": "recordings = true\n"}, tmp_path)
    shelf.commit(given(1))
    shelf.settled()
    shelf.lay(given(2), {"settings.toml": "x", "desk.toml": "new", "before.toml": "old"}, tmp_path)
    shelf.commit(given(2, desk="desk.toml", trial=True))
    for _ in range(TRIES):
        assert shelf.starting(desk) == ""
        assert desk.read_text() == "new"
    assert "did not come up" in shelf.starting(desk)
    assert (shelf.current.version, desk.read_text()) == (1, "old")
    assert over(tmp_path) == ({"recordings": True}, None)
    assert shelf.starting(desk) == ""


def test_settings_lie_over_the_file_and_may_not_be_of_everything() -> None:
    own = {"recordings": False, "engines": {"tts": {"engine": "piper"}, "asr": {"engine": "none"}}}
    assert merged(own, {"engines": {"tts": {"model": "own"}}}) == {
        "recordings": False,
        "engines": {"tts": {"engine": "piper", "model": "own"}, "asr": {"engine": "none"}},
    }
    for table in ("fleet", "data", "models"):
        with pytest.raises(ConfigError, match="cannot set"):
            merged(own, {table: {}})


def test_a_file_that_is_broken_counts_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "current.json").write_text("{")
    assert Shelf(tmp_path).current == Given()


def test_a_piece_that_came_whole_before_a_kill_is_taken_when_nothing_more_comes(tmp_path: Path) -> None:
    piece = manifest(1).pieces[0]
    whole, pantry = content(1, piece.kind), Pantry(tmp_path)
    pantry.put(piece, 0, whole[:-1])
    with next(tmp_path.iterdir()).open("ab") as part:
        part.write(whole[-1:])
    assert pantry.put(piece, pantry.at(piece), b"")
    assert pantry.path(piece).read_bytes() == whole


def test_a_fetch_goes_on_where_it_was_cut_off_and_what_is_forged_begins_anew(tmp_path: Path) -> None:
    wish = manifest(1)
    pantry = Pantry(tmp_path, free=lambda _: 1 << 40)
    pantry.make_room(wish)
    piece = wish.pieces[0]
    whole = content(1, "desk")
    assert not pantry.put(piece, 0, whole[:5_000])
    assert not pantry.put(piece, 9_000, whole[9_000:])  # Not the next.
    again = Pantry(tmp_path, free=lambda _: 1 << 40)
    again.make_room(wish)
    assert again.at(piece) == 5_000
    with pytest.raises(Forged):
        again.put(piece, 5_000, bytes(len(whole) - 5_000))
    assert again.at(piece) == 0
    assert again.put(piece, 0, whole)
    assert piece not in again.missing(wish)


def test_what_has_no_room_is_not_fetched_and_what_nobody_needs_goes(tmp_path: Path) -> None:
    wish = manifest(1)
    for room, free, why in ((10, 1 << 40, "more than is kept"), (1 << 40, 1 << 20, "no room")):
        with pytest.raises(StorageError, match=why):
            Pantry(tmp_path, room, lambda _, free=free: free).make_room(wish)
    pantry = Pantry(tmp_path, free=lambda _: 1 << 40)
    for piece in wish.pieces:
        pantry.put(piece, 0, content(1, piece.kind))
    pantry.make_room(manifest(2), [wish.pieces[0].sha256])
    assert [path.name for path in tmp_path.iterdir()] == [wish.pieces[0].sha256]
    shutil.rmtree(tmp_path)


def test_a_text_that_is_none_is_told(tmp_path: Path) -> None:
    pantry = Pantry(tmp_path, free=lambda _: 1 << 40)
    pantry.make_room(manifest(1))
    piece = manifest(1).pieces[0]
    (tmp_path / piece.sha256).write_bytes(b"\xff")
    with pytest.raises(ApplianceError, match="no UTF-8"):
        pantry.text(manifest(1), "desk")
    assert isinstance(piece, Piece)
