"""How each site does."""

from __future__ import annotations

from pathlib import Path

from appliance.fleet.keeping.store import Store
from appliance.fleet.page import grid
from tests.fleet.stored import NOW


def test_sites_come_the_worst_first(tmp_path: Path) -> None:
    store = Store(tmp_path / "fleet.db", lambda: NOW / 1000)
    with store.write() as db:
        db.executemany(
            "insert into box (name, site, since, online, seen, outbox) values (?, ?, 0, ?, ?, ?)",
            [("a", "North", 1, NOW, 5), ("b", "North", 1, NOW, 700), ("c", "South", 0, NOW, 0)],
        )
        db.execute("insert into fault (box, cause, since) values (1, 'gsm is off', 0)")
    found = grid.health(store)
    store.close()
    assert [(each["site"], each["boxes"], each["away"], each["off"]) for each in found["sites"]] == [
        ("South", 1, 1, 0),
        ("North", 2, 0, 1),
    ]
    assert [each["boxes"] for each in found["outboxes"]] == [1, 0, 1, 0, 0, 0]
