"""SQLite with sqlite-vec in it, whatever the Python."""

from __future__ import annotations

import _sqlite3
import ctypes
import sqlite3
from functools import cache
from pathlib import Path

import sqlite_vec

LOADS = hasattr(sqlite3.Connection, "enable_load_extension")
"""Pythons built without it (pyenv's, say) still have the SQLite library's own way to add an extension."""


def connect(path: Path, patience: float) -> sqlite3.Connection:
    """A connection in autocommit mode that knows vec0 tables. `patience`: seconds to wait for a lock."""
    if not LOADS:
        _register()
    db = sqlite3.connect(path, timeout=patience, isolation_level=None)
    if LOADS:
        db.enable_load_extension(True)
        sqlite_vec.load(db)
        db.enable_load_extension(False)
    return db


@cache
def _register() -> None:
    """Add the extension to every connection that this process opens from now on."""
    library = ctypes.CDLL(_sqlite3.__file__)
    (file,) = Path(sqlite_vec.__file__).parent.glob("vec0.*")
    library.sqlite3_auto_extension(ctypes.cast(ctypes.CDLL(str(file)).sqlite3_vec_init, ctypes.c_void_p))
