"""What a card holds after the power went: any beginning of all that was written to it, and of what was not
yet flushed any part.

QEMU's blklogwrites notes down each write and flush of the disk, in the kernel's format of dm-log-writes. A
state is made of them on the card as it was before, looked at, and taken back.
"""

from __future__ import annotations

import hashlib
import random
import re
import sqlite3
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.image.emulator import Firmware, Machine
from tests.image.scripts import load

bootslot = load("bootslot")

MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
LOG_SECTOR = 512
MEGABYTE = 1 << 20
WITNESS = Path(__file__).with_name("witness.py")
UNIT = """\
[Unit]
RequiresMountsFor=/var/lib/appliance
[Service]
ExecStart=/usr/bin/python3 /run/credentials/@system/witness.py /var/lib/appliance/witness.db /dev/ttyAMA0
"""


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


class Crashes:
    def __init__(self, card: Path, work: Path, watched: str) -> None:
        self.card = card
        self.work = work
        work.mkdir(parents=True, exist_ok=True)
        self.log = work / "writes.log"
        self.samples: list[tuple[int, int]] = []
        """(length of the log, rows that had been promised before it was so long)"""
        unit, before = work / "witness.service", work / "before.img"
        unit.write_text(UNIT)
        credentials = {"systemd.extra-unit.witness.service": unit, "witness.py": WITNESS}
        self._machine = Machine(
            card, work / "machine", extra=f"{watched} systemd.wants=witness.service", log=self.log,
            credentials=credentials,
        )  # fmt: skip
        subprocess.run(["cp", "--sparse=always", card, before], check=True)
        self._before = before

    def record(self, stick: Path, first: float = 900.0, then: float = 900.0) -> None:
        """From power on, over an update from a stick, to the commit of the new system and some more."""
        machine = self._machine
        machine.power_on()
        self._watch("promised 20\r\n", first)
        machine.plug(stick, "cut")
        self._watch(None, then)
        machine.until_down(5)
        assert machine.tryboot
        # QEMU begins its log anew with each start.
        self._second = self.work / "second.log"
        machine.log = self._second
        self.boundary = len(self.samples)
        machine.power_on()
        assert machine.partition == 3
        self._watch("is healthy, and committed", first)
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
            self.samples.append((self._machine.log.stat().st_size, int(promised[-1])))

    def replay(self, states: int) -> Found:
        """Half of the states lie in the first start, with the update; half in the second, with the commit."""
        found = Found()
        chance = random.Random(7)
        for log, samples in (
            (self.log, self.samples[: self.boundary]),
            (self._second, self.samples[self.boundary :]),
        ):
            self._replay(log, samples, states // 2, chance, found)
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
                    promised = max(
                        (rows for length, rows in samples if length <= entry.data - LOG_SECTOR), default=0
                    )
                    kept = [one for one in unflushed if chance.random() < 0.5]
                    self._state(source, card, kept, promised, found)
                if entry.flags & FLUSH:
                    found.flushes += 1
                    for one in unflushed:
                        _apply(source, card, one)
                    unflushed = []
                if entry.size:
                    found.writes += 1
                    if entry.flags & FUA:
                        _apply(source, card, entry)
                    else:
                        unflushed.append(entry)
            for one in unflushed:
                _apply(source, card, one)

    def _state(self, source, card, kept: list[Entry], promised: int, found: Found) -> None:  # type: ignore[no-untyped-def]
        undo = []
        for one in kept:
            card.seek(one.at)
            undo.append((one.at, card.read(one.size)))
            _apply(source, card, one)
        card.flush()
        found.states += 1
        if not self._bootable(found):
            found.unbootable += 1
        rows = self._rows()
        found.promised = rows
        if rows < promised:
            found.lost += 1
            print(f"state {found.states}: {rows} rows of {promised}")
        for at, content in reversed(undo):
            card.seek(at)
            card.write(content)
        card.flush()

    def _bootable(self, found: Found) -> bool:
        """Whether the choice can be read, by the firmware and by bootslot, and what it chooses is whole."""
        firmware = Firmware(self._before)
        try:
            content = firmware.read("box", "autoboot.txt")
            committed = bootslot.Autoboot.read(content).committed
            chosen = firmware.choose(tryboot=False)
        except (subprocess.CalledProcessError, bootslot.Unreadable, UnicodeDecodeError) as trouble:
            print(f"state {found.states}: {trouble}")
            return False
        if chosen != bootslot.PARTITIONS[committed]:
            return False
        if committed == "a":
            return True  # Nothing is ever written to it here: see `_replay`, which would have to.
        found.committed_b += 1
        return self._digest("system-b") in self.whole and self._digest("boot-b") in self.whole

    whole: set[str]
    """Digests of slots that were written to their end: over as many bytes as the image has."""
    sizes: dict[str, int]

    def expect(self, system: Path, boot: Path) -> None:
        self.sizes = {"system-b": system.stat().st_size, "boot-b": boot.stat().st_size}
        self.whole = {_digest(path, 0, path.stat().st_size) for path in (system, boot)}

    def _digest(self, name: str) -> str:
        return _digest(self._before, Firmware(self._before).partitions()[name].start, self.sizes[name])

    def _rows(self) -> int:
        """How many rows are there, once the file system was brought in order as at a start; then all is as
        before."""
        start = Firmware(self._before).partitions()["data"].start
        data, undo = f"{self._before}?offset={start}", self.work / "undo"
        undo.unlink(missing_ok=True)
        checked = subprocess.run(
            ["e2fsck", "-fy", "-z", str(undo), data], capture_output=True, text=True, check=False
        )
        assert checked.returncode < 4, checked.stdout
        for name in ("witness.db", "witness.db-wal"):
            (self.work / name).unlink(missing_ok=True)
            subprocess.run(
                ["debugfs", "-R", f"dump /appliance/{name} {self.work / name}", data],
                capture_output=True,
                check=True,
            )
        if undo.exists():
            subprocess.run(
                ["e2undo", "-o", str(start), str(undo), str(self._before)], capture_output=True, check=True
            )
        if not (self.work / "witness.db").exists() or not (self.work / "witness.db").stat().st_size:
            return 0
        db = sqlite3.connect(self.work / "witness.db")
        try:
            assert db.execute("pragma integrity_check").fetchone() == ("ok",)
            (rows,) = db.execute("select count(*) from promised").fetchone()
        except sqlite3.OperationalError:  # Before its first row.
            rows = 0
        finally:
            db.close()
        return int(rows)


def _apply(source, card, entry: Entry) -> None:  # type: ignore[no-untyped-def]
    card.seek(entry.at)
    if entry.flags & DISCARD:
        return  # A disk may do nothing then.
    source.seek(entry.data)
    left = entry.size
    while left:
        part = source.read(min(left, MEGABYTE))
        card.write(part)
        left -= len(part)


def _digest(path: Path, start: int, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        while size:
            part = file.read(min(size, MEGABYTE))
            digest.update(part)
            size -= len(part)
    return digest.hexdigest()
