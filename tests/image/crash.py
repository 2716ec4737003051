"""What a card holds after the power went: any beginning of all that was written to it, and of what was not
yet flushed any part.

QEMU's blklogwrites notes down each write and flush of the disk, in the kernel's format of dm-log-writes. A
state is made of them on the card as it was before, looked at, and taken back.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import sqlite3
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from tests.image.emulator import Firmware, Machine, Partition
from tests.image.pc import Pc
from tests.image.scripts import load

bootslot = load("bootslot")

MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
LOG_SECTOR = 512
MEGABYTE = 1 << 20
IN_MEMORY = Path("/dev/shm")
RUNS = ("boot-a", "system-a")
"""The system from before."""

WITNESS = Path(__file__).with_name("witness.py")
UNIT = """\
[Unit]
RequiresMountsFor=/var/lib/appliance
[Service]
ExecStart=/usr/bin/python3 /run/credentials/@system/witness.py /var/lib/appliance/witness.db /dev/{console}
"""
COMMITTED = "is healthy, and committed"


@dataclass(frozen=True)
class Entry:
    at: int
    """Where on the disk, bytes."""
    size: int
    """Bytes."""
    flags: int
    data: int
    """Where in the log its bytes lie."""
    end: int
    """Where in the log the next one begins."""


def entries(log: Path) -> Iterator[Entry]:
    """All that were noted down to their end."""
    length = log.stat().st_size
    with log.open("rb") as file:
        magic, _, _, sector = struct.unpack("<QQQI", file.read(28))
        assert (magic, sector) == (MAGIC, LOG_SECTOR)
        here = LOG_SECTOR
        while here + LOG_SECTOR <= length:
            file.seek(here)
            at, count, flags, _ = struct.unpack("<QQQQ", file.read(32))
            if not count and not flags & FLUSH:
                return
            size = count * LOG_SECTOR
            data = here + LOG_SECTOR
            here = data + (0 if flags & DISCARD else size)
            if here > length:
                return
            yield Entry(at * LOG_SECTOR, size, flags, data, here)


@dataclass
class Found:
    states: int = 0
    writes: int = 0
    flushes: int = 0
    unbootable: int = 0
    lost: int = 0
    promised: int = 0
    """Rows in the last state."""
    committed_b: int = 0
    """States in which the new system was the one to be started."""
    touched: set[str] = field(default_factory=set)
    """Parts of the system from before to which anything was written."""


class Crashes:
    def __init__(
        self, card: Path, work: Path, watched: str, console: str = "ttyAMA0", make: type[Machine] = Machine
    ) -> None:
        """`watched` stands on the kernel's command line; on the `console`, of a machine of the kind `make`,
        rows are promised."""
        self.work = work
        work.mkdir(parents=True, exist_ok=True)
        self.logs = work / "first.log", work / "second.log"
        """Of the start with the update, and of the one with the commit: QEMU begins one anew each time."""
        self.samples: tuple[list[tuple[int, int]], list[tuple[int, int]]] = [], []
        """For each: (length of the log, rows that had been promised before it was so long)"""
        unit, self._before = work / "witness.service", work / "before.img"
        unit.write_text(UNIT.format(console=console))
        credentials = {"systemd.extra-unit.witness.service": unit, "witness.py": WITNESS}
        self._machine = make(
            card, work / "machine", extra=f"{watched} systemd.wants=witness.service", credentials=credentials
        )
        subprocess.run(["cp", "--sparse=always", card, self._before], check=True)

    def record(self, stick: Path, within: float = 900.0) -> None:
        """From power on, over an update from a stick, to the commit of the new system and some more. Each
        step is `within` so many seconds."""
        machine = self._machine
        if isinstance(machine, Pc):
            machine.plug(stick, "cut")
        machine.log = self.logs[0]
        machine.power_on()
        self._watch("promised 20\r\n", within)
        if not isinstance(machine, Pc):
            machine.plug(stick, "cut")
        self._watch(None, within)
        machine.until_down(5)
        assert machine.tryboot, machine.tail()
        machine.unplug("cut")
        machine.log = self.logs[1]
        machine.power_on()
        assert machine.partition == 3
        self._watch(COMMITTED, within)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            self._sample()
            time.sleep(0.05)
        machine.cut()

    def _watch(self, said: str | None, within: float) -> None:
        """Until the console has said this, or it is down."""
        machine = self._machine
        began = time.monotonic()
        while machine.up if said is None else said.encode() not in machine.console.read_bytes():
            self._sample()
            assert machine.up or said is None, machine.tail()
            assert time.monotonic() - began < within, machine.tail()
            time.sleep(0.05)

    def _sample(self) -> None:
        """The rows first, then the log: what was promised by now had been written by then."""
        promised = re.findall(rb"promised (\d+)\r?\n", self._machine.console.read_bytes()[-4000:])
        if promised and self._machine.log and self._machine.log.exists():
            now = self._machine.log.stat().st_size, int(promised[-1])
            self.samples[self.logs.index(self._machine.log)].append(now)

    def replay(self, states: int) -> Found:
        """Half of the states lie in the first start, with the update; half in the second, with the commit."""
        found = Found()
        chance = random.Random(7)
        before = 0
        for log, samples in zip(self.logs, self.samples, strict=True):
            self._replay(log, [(0, before), *samples], (states + 1) // 2, chance, found)
            before = max(rows for _, rows in [(0, before), *samples])
        return found

    def _replay(
        self, log: Path, samples: list[tuple[int, int]], states: int, chance: random.Random, found: Found
    ) -> None:
        written = list(entries(log))
        points = set(chance.sample(range(len(written)), min(states, len(written))))
        # Besides, around every write to the partition with the choice of the system.
        box = Firmware(self._before).partitions()["box"]
        points |= {
            index + around
            for index, entry in enumerate(written)
            if entry.size and box.start <= entry.at < box.start + box.size
            for around in (0, 1)
            if index + around < len(written)
        }
        with log.open("rb") as source, self._before.open("r+b") as card:
            unflushed: list[Entry] = []
            for index, entry in enumerate(written):
                if index in points:
                    promised = max(rows for length, rows in samples if length <= entry.data - LOG_SECTOR)
                    kept = [one for one in unflushed if chance.random() < 0.5]
                    self._state(source, card, kept, promised, found)
                if entry.flags & FLUSH:
                    found.flushes += 1
                    for one in unflushed:
                        _apply(source, card, one)
                    unflushed = []
                if entry.size:
                    found.writes += 1
                    found.touched |= {name for name in RUNS if self._in(entry, name)}
                    if entry.flags & FUA:
                        _apply(source, card, entry)
                    else:
                        unflushed.append(entry)
            for one in unflushed:
                _apply(source, card, one)

    def _state(
        self, source: BinaryIO, card: BinaryIO, kept: list[Entry], promised: int, found: Found
    ) -> None:
        undo = []
        for one in kept:
            card.seek(one.at)
            undo.append((one.at, card.read(one.size)))
            _apply(source, card, one)
        card.flush()
        found.states += 1
        try:
            if not self._bootable(Firmware(self._before), found):
                found.unbootable += 1
            rows = self._rows(Firmware(self._before))
        except (subprocess.CalledProcessError, sqlite3.DatabaseError, KeyError) as trouble:
            print(f"state {found.states}: {trouble}", flush=True)
            rows = -1
        found.promised = rows
        if rows < promised:
            found.lost += 1
            print(f"state {found.states}: {rows} rows of {promised}", flush=True)
        for at, content in reversed(undo):
            card.seek(at)
            card.write(content)
        card.flush()

    def _bootable(self, firmware: Firmware, found: Found) -> bool:
        """Whether the choice can be read, by the firmware and by bootslot, and what it chooses is whole."""
        try:
            content = firmware.read("box", "autoboot.txt")
            committed = bootslot.Autoboot.read(content).committed
            chosen = firmware.choose(tryboot=False)
        except (subprocess.CalledProcessError, bootslot.Unreadable, UnicodeDecodeError, KeyError) as trouble:
            print(f"state {found.states}: {trouble}", flush=True)
            return False
        if chosen != bootslot.PARTITIONS[committed]:
            return False
        if committed == "a":
            return not found.touched
        found.committed_b += 1
        return all(self._whole(firmware, name) for name in self.whole)

    whole: dict[str, tuple[int, str]]
    """How long each part of the new system is, and its digest."""

    def expect(self, system: Path, boot: Path) -> None:
        parts = {"system-b": system, "boot-b": boot}
        self.whole = {
            name: (path.stat().st_size, _digest(path, 0, path.stat().st_size)) for name, path in parts.items()
        }

    def _whole(self, firmware: Firmware, name: str) -> bool:
        size, digest = self.whole[name]
        return _digest(self._before, firmware.partitions()[name].start, size) == digest

    def _in(self, entry: Entry, name: str) -> bool:
        partition = self._partitions[name]
        return entry.at < partition.start + partition.size and entry.at + entry.size > partition.start

    @cached_property
    def _partitions(self) -> dict[str, Partition]:
        """All but the last are where they are for ever."""
        return Firmware(self._before).partitions()

    def _rows(self, firmware: Firmware) -> int:
        """How many rows are there, once the file system was brought in order as at a start: in a copy, for
        the next state is made of this one. -1 where it cannot be."""
        partition = firmware.partitions()["data"]
        data = IN_MEMORY / f"{self.work.parent.name}-data.img"
        try:
            _copy(self._before, partition.start, partition.size, data)
            return self._counted(str(data)) if _in_order(data) else -1
        finally:
            data.unlink(missing_ok=True)

    def _counted(self, data: str) -> int:
        for name in ("witness.db", "witness.db-wal"):
            (self.work / name).unlink(missing_ok=True)
            taken = f"dump /appliance/{name} {self.work / name}"
            subprocess.run(["debugfs", "-R", taken, data], capture_output=True, check=True)
        file = self.work / "witness.db"
        if not file.exists() or not file.stat().st_size:
            return 0
        with contextlib.closing(sqlite3.connect(file)) as db:
            if db.execute("pragma integrity_check").fetchone() != ("ok",):
                return -1
            try:
                (rows,) = db.execute("select count(*) from promised").fetchone()
            except sqlite3.OperationalError:  # Before its first row.
                return 0
        return int(rows)


def _in_order(data: Path) -> bool:
    """Whether the file system is whole after what a start does to it, and where that may not, the emergency
    which follows."""
    if _checked("-p", data) >= 4:
        _checked("-y", data)
    return _checked("-p", data) < 4 and _checked("-fn", data) == 0


def _checked(how: str, data: Path) -> int:
    done = subprocess.run(["e2fsck", how, str(data)], capture_output=True, text=True, check=False)
    if done.returncode >= 4:
        print(f"e2fsck {how}: {done.stdout[-500:]}", flush=True)
    return done.returncode


def _apply(source: BinaryIO, card: BinaryIO, entry: Entry) -> None:
    card.seek(entry.at)
    if entry.flags & DISCARD:
        return  # A disk may do nothing then.
    source.seek(entry.data)
    left = entry.size
    while left:
        part = source.read(min(left, MEGABYTE))
        card.write(part)
        left -= len(part)


def _copy(source: Path, start: int, size: int, there: Path) -> None:
    """Only what is there: a card has many holes."""
    with source.open("rb") as file, there.open("wb") as made:
        made.truncate(size)
        at = start
        while at < start + size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # Nothing comes any more.
                return
            end = min(os.lseek(file.fileno(), at, os.SEEK_HOLE), start + size)
            while at < end:
                piece = os.pread(file.fileno(), min(MEGABYTE, end - at), at)
                os.pwrite(made.fileno(), piece, at - start)
                at += len(piece)


def _digest(path: Path, start: int, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        while size:
            part = file.read(min(size, MEGABYTE))
            digest.update(part)
            size -= len(part)
    return digest.hexdigest()
