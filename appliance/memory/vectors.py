"""SQLite with sqlite-vec in it."""

from __future__ import annotations

from pathlib import Path

import sqlite_vec

from appliance.memory import sqlite
from appliance.memory.sqlite import sqlite3


def connect(path: Path, patience: float, key: bytes | None = None) -> sqlite3.Connection:
    """A connection as `sqlite.connect` makes it, that knows vec0 tables."""
    db = sqlite.connect(path, patience, key, sqlite.WIDE)
    db.enable_load_extension(True)
    sqlite_vec.load(db)
    db.enable_load_extension(False)
    return db
