"""Backups that the box makes by itself: by night, to a stick that is in, and never onto the disk itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from appliance.config import Box, read_box
from appliance.config.box import Backups
from appliance.errors import ConfigError, StorageError
from appliance.memory.store import Store
from appliance.observe.backup import snapshots
from appliance.observe.calls import Calls
from appliance.observe.restoring import chosen, restore
from appliance.safekeeping import Safekeeping, by_program
from tests.observe.lived import lived, opened
from tests.observe.test_backup import backups

EVENING = datetime(2026, 11, 27, 18, 0).astimezone()
ELSEWHERE = Path("/dev/shm")

pytestmark = pytest.mark.skipif(
    not ELSEWHERE.is_dir() or ELSEWHERE.stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev,
    reason="there is no second disk here: /dev/shm",
)


@pytest.fixture
def stick() -> Iterator[Path]:
    """Where a stick is mounted."""
    with tempfile.TemporaryDirectory(dir=ELSEWHERE) as folder:
        yield Path(folder)


class Kept:
    """A box's backups, at a time that is told."""

    def __init__(self, folder: Path, place: Path, keep: int = 7) -> None:
        self.store, self.calls, _ = opened(folder)
        self.now = EVENING
        self.store.now = lambda: self.now
        self.waited = 0
        self.broken = ""
        settings = Backups(place=place, keep=keep)
        self.safe = Safekeeping(Box(folder, backup=settings), self.store, self._make, self._quiet)

    async def _quiet(self) -> None:
        self.waited += 1

    async def _make(self, place: Path, keep: int) -> None:
        if self.broken:
            raise StorageError(self.broken)
        with backups(self.store.path.parent) as (store, backup):
            store.now = lambda: self.now
            backup.write(place, keep=keep)

    async def look(self, *, after: float = 0.0) -> int:
        """How many were made by now, at a look so many hours later."""
        self.now += timedelta(hours=after)
        await self.safe.look()
        folders = list(self.safe._settings.place.glob("appliance-*"))
        return len(snapshots(folders[0])) if folders else 0

    def close(self) -> None:
        self.calls.close()
        self.store.close()


async def test_one_a_night_and_a_new_stick_at_once(tmp_path: Path, stick: Path) -> None:
    kept = Kept(tmp_path, stick)
    assert await kept.look() == 1
    assert kept.waited == 1
    assert await kept.look(after=1) == 1
    assert await kept.look(after=7) == 1  # Two in the night, but that of the evening is young.
    assert await kept.look(after=24) == 2
    assert await kept.look(after=1) == 2
    assert await kept.look(after=23) == 3
    assert kept.safe.state == (True, "the last of 2026-11-30 02:00")
    kept.close()


async def test_a_box_that_is_off_by_night_makes_them_by_day(tmp_path: Path, stick: Path) -> None:
    kept = Kept(tmp_path, stick)
    assert await kept.look() == 1
    assert await kept.look(after=24) == 1
    assert await kept.look(after=21) == 2
    kept.close()


async def test_a_clock_that_went_back_makes_one_a_day_and_keeps_the_newest(
    tmp_path: Path, stick: Path
) -> None:
    kept = Kept(tmp_path, stick, keep=2)
    assert [await kept.look(after=48) for _ in range(2)] == [1, 2]
    kept.now -= timedelta(days=400)
    assert await kept.look() == 3  # It is the oldest by its name, and stays.
    assert await kept.look(after=0.1) == 3
    kept.close()


async def test_so_many_are_kept(tmp_path: Path, stick: Path) -> None:
    kept = Kept(tmp_path, stick, keep=2)
    assert [await kept.look(after=48) for _ in range(4)] == [1, 2, 2, 2]
    kept.close()


async def test_without_a_stick_none_is_made_and_after_some_days_that_is_told(
    tmp_path: Path, stick: Path
) -> None:
    kept = Kept(tmp_path, stick / "in")
    assert await kept.look() == 0
    assert kept.safe.state is None  # Nobody asked for any.
    (stick / "in").mkdir()
    assert await kept.look() == 1
    (stick / "in").rename(stick / "drawer")
    assert await kept.look(after=24) == 0
    assert kept.safe.state == (True, "the last of 2026-11-27 18:00")
    await kept.look(after=72)
    assert kept.safe.state == (False, "the last of 2026-11-27 18:00; there is no stick")
    kept.close()


async def test_never_onto_the_disk_that_is_to_be_outlived(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()  # Where the stick that is not in would be mounted.
    kept = Kept(tmp_path, tmp_path / "empty")
    assert await kept.look() == 0
    assert list((tmp_path / "empty").iterdir()) == []
    kept.close()


async def test_one_that_failed_before_the_clock_was_set_right_is_tried_again(
    tmp_path: Path, stick: Path
) -> None:
    kept = Kept(tmp_path, stick)
    kept.broken = "the stick is full"
    assert await kept.look() == 0
    kept.broken = ""
    assert await kept.look(after=-24 * 365) == 1
    kept.close()


async def test_one_that_fails_is_told_and_tried_again_an_hour_later(tmp_path: Path, stick: Path) -> None:
    kept = Kept(tmp_path, stick)
    kept.broken = "the stick is full"
    assert await kept.look() == 0
    assert kept.safe.state == (False, "the stick is full")
    kept.broken = ""
    assert await kept.look(after=0.5) == 0
    assert await kept.look(after=1) == 1
    assert kept.safe.state == (True, "the last of 2026-11-27 19:30")
    kept.close()


async def test_the_program_makes_one_beside_the_desk_and_it_can_be_restored(
    tmp_path: Path, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lived(tmp_path)
    (tmp_path / "box.toml").write_text("")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(("/", str(Path(__file__).parents[1]))))
    make = by_program((tmp_path / "box.toml", tmp_path / "desk.toml"))
    await make(stick, 3)
    with backups(tmp_path / "var") as (_, backup):
        _, identity = backup.identity()
    restore(chosen(stick), identity, tmp_path / "new")
    restored = Calls(tmp_path / "new")
    assert len(restored.page()) == 3
    restored.close()
    with pytest.raises(StorageError, match="is no folder"):
        await make(stick / "gone", 3)


def test_what_cannot_be_kept_is_told(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    path.write_text("[backup]\nkeep = 0\n")
    with pytest.raises(ConfigError, match="keep = 0"):
        read_box(path)
    path.write_text('[backup]\nplace = "/media/other"\nkeep = 3\n')
    assert read_box(path)[0].backup == Backups(True, Path("/media/other"), 3)


async def test_where_none_are_wanted_none_are_made(tmp_path: Path, stick: Path) -> None:
    store = Store(tmp_path / "desk.db")

    async def never(*_: object) -> None:
        pytest.fail("a backup was made")

    box = Box(tmp_path, backup=Backups(nightly=False, place=stick))
    safe = Safekeeping(box, store, never, never)
    await safe.serve()
    assert safe.state is None
    store.close()
