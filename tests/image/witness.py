"""Rows that were promised, for tests of power cuts: written as the desk writes them, and told once they are
on the disk.

python witness.py DATABASE SCREEN
"""

from __future__ import annotations

import sqlite3
import sys
import time
from pathlib import Path


def main(database: str, screen: str) -> None:
    # As appliance/memory/store.py opens desk.db.
    db = sqlite3.connect(database, isolation_level=None)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute("create table if not exists promised (number integer primary key)")
    (last,) = db.execute("select coalesce(max(number), 0) from promised").fetchone()
    with Path(screen).open("w") as told:
        while True:
            last += 1
            db.execute("begin immediate")
            db.execute("insert into promised values (?)", (last,))
            db.execute("commit")
            print(f"promised {last}", file=told, flush=True)
            time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
