"""SQLite as the box has it: SQLCipher's, which is the same but for files that have a key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from appliance.memory.key import derived

if TYPE_CHECKING:
    import sqlite3 as sqlite3
else:
    from sqlcipher3 import dbapi2 as sqlite3

CACHE = 2000
"""KiB of a file that a connection holds in memory: SQLite's own default, a quarter of SQLCipher's."""

PAGE = 1024
"""Bytes of a page, which is written anew where any of it changes: a call changes few bytes here and there."""

WIDE = 4096
"""The same for files with long rows, which are read more than written."""

PLAIN = b"SQLite format 3\0"
"""With what a file begins that is not encrypted."""


def connect(path: Path, patience: float, key: bytes | None = None, page: int = PAGE) -> sqlite3.Connection:
    """In autocommit mode, for any thread; encrypted where a folder's key is given. `patience`: seconds to
    wait for a lock. `page`: bytes of a page of a new file; an encrypted one can be read by no other."""
    db = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    if key:
        db.execute(f"pragma key = \"x'{derived(key, 'databases').hex()}'\"")
        db.execute(f"pragma cipher_page_size = {page}")
    db.execute(f"pragma page_size = {page}")
    db.execute(f"pragma cache_size = -{CACHE}")
    return db


def plain(path: Path) -> bool:
    """Whether there is a file, with something in it, that anybody can read."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(PLAIN)) == PLAIN
