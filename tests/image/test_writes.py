"""What QEMU has noted down of a disk is read as it was written, and a card is copied with its holes."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.image.crash import DISCARD, FLUSH, FUA, LOG_SECTOR, MAGIC, Entry, _copy, entries

MEGABYTE = 1 << 20


def sector(*numbers: int, form: str = "<QQQQ") -> bytes:
    return struct.pack(form, *numbers).ljust(LOG_SECTOR, b"\0")


def test_writes_flushes_and_discards_are_told_apart_and_what_is_cut_short_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(
        sector(MAGIC, 1, 4, LOG_SECTOR, form="<QQQI")
        + sector(8, 2, 0, 0) + b"a" * 1024
        + sector(0, 0, FLUSH, 0)
        + sector(16, 1, FUA, 0) + b"b" * 512
        + sector(24, 100, DISCARD, 0)
        + sector(32, 4, 0, 0) + b"c" * 512
    )  # fmt: skip
    assert list(entries(log)) == [
        Entry(8 * 512, 1024, 0, 1024, 2048),
        Entry(0, 0, FLUSH, 2560, 2560),
        Entry(16 * 512, 512, FUA, 3072, 3584),
        Entry(24 * 512, 100 * 512, DISCARD, 4096, 4096),
    ]


def test_a_partition_is_copied_with_its_holes(tmp_path: Path) -> None:
    card, made = tmp_path / "card", tmp_path / "made"
    with card.open("wb") as file:
        file.truncate(64 * MEGABYTE)
        for at, what in ((8 * MEGABYTE, b"before"), (20 * MEGABYTE, b"inside"), (60 * MEGABYTE, b"behind")):
            file.seek(at)
            file.write(what)
    _copy(card, 16 * MEGABYTE, 32 * MEGABYTE, made)
    assert made.stat().st_size == 32 * MEGABYTE
    assert made.read_bytes().strip(b"\0") == b"inside"
    assert made.read_bytes().index(b"inside") == 4 * MEGABYTE
    assert made.stat().st_blocks * 512 < MEGABYTE
