"""What the fleet asks of a box: commands, done once each, and what the box should be. Both are on the disk
before they are begun, and what came of them is told in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.memory.store import Store
from appliance.telemetry.bundle import Bundle
from appliance.telemetry.outbox import Outbox

KEPT = 1_000
"""Commands that are known to have been done."""

OVER = ("done", "failed", "expired")

LARGEST = 15_000
"""Characters of a result; fewer where they take many bytes."""


@dataclass(frozen=True, slots=True)
class Command:
    id: str
    do: str
    expires: int
    """Milliseconds since 1970, UTC."""
    arguments: Mapping[str, Any]


class Commands:
    """queued (by the fleet) -> received -> running -> done, failed or expired."""

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    def take(self, command: Mapping[str, Any]) -> bool:
        """Keep one that came; False where it is known already."""
        with self._store.write() as db:
            new = db.execute(
                """insert into command (id, at, do, expires, arguments) values (?, ?, ?, ?, ?)
                    on conflict do nothing returning id""",
                command["id"], self._store.stamp(), command["do"], command["expires"],
                json.dumps(command.get("with", {})),
            )  # fmt: skip
            if new:
                self._outbox.put(db, "answer", {"id": command["id"], "state": "received"})
                db.execute(
                    """delete from command where state in ('done', 'failed', 'expired') and rowid <= (
                        select max(rowid) from command) - ?""",
                    KEPT,
                )
            return bool(new)

    def waiting(self) -> Command | None:
        """The next to begin."""
        return self._first("received")

    def interrupted(self) -> Command | None:
        """One that was running when the box went down."""
        return self._first("running")

    def now(self, id: str, state: str, result: str = "") -> None:
        with self._store.write() as db:
            db.execute("update command set state = ? where id = ?", state, id)
            told = {"id": id, "state": state, **({"result": _short(result)} if result else {})}
            self._outbox.put(db, "answer", told)

    def _first(self, state: str) -> Command | None:
        rows = self._store.read(
            "select id, do, expires, arguments from command where state = ? order by rowid limit 1",
            state,
        )
        for id, do, expires, arguments in rows:
            return Command(id, do, expires, json.loads(arguments))
        return None


class Desired:
    """The desk file that the fleet wishes a box to have."""

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    def take(self, bundle: Bundle) -> bool:
        """Keep one that was verified; False where one that is as new or newer is known."""
        with self._store.write() as db:
            new = db.execute(
                """insert into desired (serial, at, desk) select ?, ?, ?
                    where ? > (select coalesce(max(serial), 0) from desired) returning serial""",
                bundle.serial, self._store.stamp(), bundle.desk, bundle.serial,
            )  # fmt: skip
            return bool(new)

    def waiting(self) -> tuple[int, str] | None:
        """Serial and desk file of the newest, unless something came of it already."""
        rows = self._store.read("select serial, desk, state from desired order by serial desc limit 1")
        return (rows[0][0], rows[0][1]) if rows and rows[0][2] == "waiting" else None

    def report(self, desk: str, serial: int | None = None, fine: bool = True, why: str = "") -> None:
        """Tell what the box is (a digest); with a `serial`, that this is what came of it."""
        with self._store.write() as db:
            if serial is not None:
                state = "done" if fine else "refused"
                db.execute("update desired set state = ?, why = ? where serial = ?", state, why, serial)
                # What was asked before is nobody's any more.
                db.execute("delete from desired where serial < ?", serial)
            [(last,)] = db.execute("select coalesce(max(serial), 0) from desired where state != 'waiting'")
            told = {"desk": desk, "serial": last, "fine": fine, "why": why[:1000]}
            self._outbox.put(db, "reported", told)


def _short(result: str) -> str:
    """So much of it as a message takes."""
    result = result[:LARGEST]
    while len(json.dumps(result, ensure_ascii=False).encode(errors="replace")) > 2 * LARGEST:
        result = result[: len(result) * 3 // 4]
    return result
