"""Backups that the box makes by itself: each night, to the place that box.toml names, where that is there. A
stick that is put in is written to within minutes, the first time."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.config.box import Box
from appliance.errors import ApplianceError, StorageError
from appliance.memory.store import Store
from appliance.observe.backup import folder_of, snapshots

log = logging.getLogger(__name__)

LOOK = 300.0
"""Seconds between two looks whether one is due."""

NIGHT = range(2, 5)
"""Hours of the day, on the wall."""

DAILY, MISSED = timedelta(hours=20), timedelta(hours=44)
"""How old the last one is when the next is due by night, and when it is due at any hour: a box that is off by
night makes its backups, too."""

OLD = timedelta(days=3)
"""How old the last one may be before that is a fault."""

AGAIN = timedelta(hours=1)
"""Until one that failed is tried again."""

LONGEST = 3600.0
"""Seconds that one may take."""

GENTLE = "15"
"""By how much it gives way to the desk (nice)."""

WRONG = "appliance: "
"""How a program of ours begins to tell what is wrong."""

Make = Callable[[Path, int], Awaitable[None]]
"""Makes one, in a place, of which so many are kept; ApplianceError where it cannot."""


class Safekeeping:
    """Of one box."""

    def __init__(self, box: Box, store: Store, make: Make, quiet: Callable[[], Awaitable[None]]) -> None:
        """`quiet` waits until nobody calls."""
        self._settings = box.backup
        self._data = box.data
        self._store = store
        self._make = make
        self._quiet = quiet
        self._last: datetime | None = None
        self._there = False
        self._failed: datetime | None = None
        self._why = ""
        self._done: datetime | None = None
        """When this program made the last."""

    @property
    def state(self) -> tuple[bool, str] | None:
        """Whether they are made, and what is to be known of them; None where there never was a place."""
        if not self._settings.nightly or not (self._there or self._last):
            return None
        if self._why:
            return False, self._why
        if self._last is None:
            return True, "the first is to be made"
        told = f"the last of {self._last.astimezone():%Y-%m-%d %H:%M}"
        if self._store.now() - self._last < OLD:
            return True, told
        return False, f"{told}; there is no stick" if not self._there else told

    async def serve(self) -> None:
        """Until cancelled."""
        while self._settings.nightly:
            try:
                await self.look()
            except Exception:
                log.exception("whether a backup is due could not be found out")
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Make one where it is due."""
        self._there, last = await asyncio.to_thread(self._seen)
        self._last = last or self._last
        if not self._there or not self._due(last):
            return
        await self._quiet()
        try:
            await self._make(self._settings.place, self._settings.keep)
        except ApplianceError as error:
            log.error("no backup was made: %s", error)
            self._failed, self._why = self._store.now(), str(error)
            return
        self._failed, self._why, self._done = None, "", self._store.now()
        self._there, self._last = await asyncio.to_thread(self._seen)
        log.info("a backup was made in %s", self._settings.place)

    def _seen(self) -> tuple[bool, datetime | None]:
        """Whether the place is there, and when the last backup in it was made."""
        place = self._settings.place
        try:
            # An empty folder, where a stick is not in, lies on the disk that is to be outlived.
            if not place.is_dir() or place.stat().st_dev == self._data.stat().st_dev:
                return False, None
            folder = folder_of(self._store, place)
            made = snapshots(folder) if folder else []
            return True, _made(made[-1]) if made else None
        except OSError as error:
            raise StorageError(f"{place} cannot be read ({error})", "put in another stick") from error

    def _due(self, last: datetime | None) -> bool:
        now = self._store.now()
        if self._failed and abs(now - self._failed) < AGAIN:  # A clock may be set back meanwhile.
            return False
        if last is None:
            return True
        if last > now:  # A clock that was wrong then, or is now.
            return self._done is None or abs(now - self._done) >= DAILY
        return now - last >= (DAILY if now.hour in NIGHT else MISSED)


def by_program(files: tuple[Path, Path]) -> Make:
    """By `appliance backup`, as a program of its own that gives way: whoever calls meanwhile notices nothing.
    `files`: box.toml and desk.toml."""

    async def make(place: Path, keep: int) -> None:
        box, desk = files
        program = await asyncio.create_subprocess_exec(
            *("nice", "-n", GENTLE, sys.executable, "-m", "appliance", "backup", str(place)),
            *("--keep", str(keep), "--box", str(box), "--desk", str(desk)),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(LONGEST):
                _, told = await program.communicate()
        except TimeoutError:
            raise StorageError(f"{place} took longer than an hour", "take another stick") from None
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
        if program.returncode:
            lines = told.decode(errors="replace").splitlines()
            wrong = [line.removeprefix(WRONG) for line in lines if line.startswith(WRONG)]
            raise StorageError(wrong[-1] if wrong else f"the backup ended with {program.returncode}")

    return make


def _made(snapshot: Path) -> datetime:
    return datetime.strptime(snapshot.stem, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
