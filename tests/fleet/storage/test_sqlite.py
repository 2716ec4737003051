"""The fleet's memory in SQLite: a file for each day, beside the one that says what counts of it."""

from __future__ import annotations

from pathlib import Path

from appliance.fleet.storage.database import DAY
from appliance.fleet.storage.sqlite import Sqlite


def test_the_log_of_a_day_is_begun_anew_and_does_not_fill_the_disk(tmp_path: Path) -> None:
    database = Sqlite(tmp_path / "fleet.db")
    log = tmp_path / "fleet-1.db-wal"
    sizes = []
    for seq in range(120):
        with database.write() as db:
            database.keep(db, [(boot, seq, DAY, DAY, "health", "x" * 200) for boot in range(200)])
        assert database.read("select count(*) from message") == [(200 * (seq + 1),)]
        sizes.append(log.stat().st_size)
    assert sizes[-1] < 2 * sizes[39]
    database.close()
