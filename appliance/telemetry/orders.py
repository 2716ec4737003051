"""What the fleet asks of a box: commands, done once each, and what the box should be. Both are on the disk
before they are begun, and what came of them is told in the same transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance.memory.store import Store
from appliance.telemetry import bundle
from appliance.telemetry.bundle import Manifest
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
    expires: float
    """Seconds since this machine was started; 0 where that was another start of it."""
    arguments: Mapping[str, Any]


def since_start() -> float:
    """Seconds since this machine was started, asleep or awake; no clock on a wall can change it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Commands:
    """queued (by the fleet) -> received -> running -> done, failed or expired."""

    def __init__(
        self, store: Store, outbox: Outbox, now: Callable[[], float] = since_start, start: str | None = None
    ) -> None:
        """`now` and `start`: seconds since the machine was started, and which start that was."""
        self._store = store
        self._outbox = outbox
        self._now = now
        self._start = _start() if start is None else start

    def take(self, command: Mapping[str, Any]) -> bool:
        """Keep one that came; False where it is known already. How long it is good for is counted from now
        on: the clock of this box may be wrong."""
        left = (command["expires"] - command["now"]) / 1000
        with self._store.write() as db:
            new = db.execute(
                """insert into command (id, at, do, expires, start, arguments) values (?, ?, ?, ?, ?, ?)
                    on conflict do nothing returning id""",
                command["id"], self._store.stamp(), command["do"], round(1000 * (self._now() + left)),
                self._start, json.dumps(command.get("with", {})),
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

    def late(self, command: Command) -> bool:
        """Whether it has expired. One that came before the machine was started has: nobody knows when that
        was."""
        return self._now() > command.expires

    def now(self, id: str, state: str, result: str = "") -> None:
        with self._store.write() as db:
            db.execute("update command set state = ? where id = ?", state, id)
            told = {"id": id, "state": state, **({"result": _short(result)} if result else {})}
            self._outbox.put(db, "answer", told)

    def _first(self, state: str) -> Command | None:
        rows = self._store.read(
            "select id, do, expires, start, arguments from command where state = ? order by rowid limit 1",
            state,
        )
        for id, do, expires, start, arguments in rows:
            until = expires / 1000 if start == self._start else 0.0
            return Command(id, do, until, json.loads(arguments))
        return None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a box makes of the bundle that it was sent last."""

    state: str
    """One of those of reported.json."""
    fine: bool = True
    why: str = ""
    share: int = 0
    """Percent of conversations that a candidate answers."""
    done: int = 100
    """Percent of it that is here."""
    gates: Sequence[Mapping[str, Any]] = ()
    """How a candidate does."""


class Desired:
    """What the fleet wishes a box to be: manifests that were verified, the newest of which counts."""

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    def take(self, manifest: Manifest) -> bool:
        """Keep one that was verified; False where one that is as new or newer is known."""
        with self._store.write() as db:
            new = db.execute(
                """insert into desired (serial, at, manifest) select ?, ?, ?
                    where ? > (select coalesce(max(serial), 0) from desired) returning serial""",
                manifest.serial, self._store.stamp(), json.dumps(asdict(manifest)), manifest.serial,
            )  # fmt: skip
            return bool(new)

    def waiting(self) -> Manifest | None:
        """The newest, unless something came of it already."""
        rows = self._store.read("select manifest, state from desired order by serial desc limit 1")
        return bundle.read(json.loads(rows[0][0])) if rows and rows[0][1] == "waiting" else None

    def refused(self) -> str:
        """Why the newest was refused; empty where it was not."""
        rows = self._store.read("select state, why from desired order by serial desc limit 1")
        return str(rows[0][1]) if rows and rows[0][0] == "refused" else ""

    @property
    def newest(self) -> int:
        """The serial of the newest; 0 where there is none."""
        [(serial,)] = self._store.read("select coalesce(max(serial), 0) from desired")
        return int(serial)

    def report(self, desk: str, version: int, hash: str, now: Standing, serial: int | None = None) -> None:
        """Tell what the box is: the digest of its desk file, and its bundle's version and hash. With a
        `serial`, this is what came of that one."""
        with self._store.write() as db:
            if serial is not None:
                state = "done" if now.fine else "refused"
                db.execute("update desired set state = ?, why = ? where serial = ?", state, now.why, serial)
                # What was asked before is nobody's any more.
                db.execute("delete from desired where serial < ?", serial)
            [(last,)] = db.execute("select coalesce(max(serial), 0) from desired where state != 'waiting'")
            told = {
                "desk": desk, "serial": last, "fine": now.fine, "why": now.why[:1000], "version": version,
                "hash": hash, "state": now.state, "share": now.share, "done": now.done,
                "gates": list(now.gates),
            }  # fmt: skip
            self._outbox.put(db, "reported", told)


def _start() -> str:
    """Which start of this machine it is."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _short(result: str) -> str:
    """So much of it as a message takes."""
    result = result[:LARGEST]
    while len(json.dumps(result, ensure_ascii=False).encode(errors="replace")) > 2 * LARGEST:
        result = result[: len(result) * 3 // 4]
    return result
