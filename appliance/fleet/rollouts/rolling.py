"""Carries rollouts out: a wave begins once callers of the one before were served no worse than those who got
what the boxes had. All of it is in the store, a transaction a step, so whoever does it may be killed at any
moment and begun again."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from appliance.fleet.keeping.store import Store
from appliance.fleet.membership.authority import Authority
from appliance.fleet.people import audit
from appliance.fleet.rollouts import bundles
from appliance.fleet.rollouts.rollouts import (
    GONE,
    OPEN,
    Boxes,
    Read,
    Rollout,
    boxes,
    load,
    next_wave,
    save,
    size,
)  # fmt: skip
from appliance.fleet.storage.database import IDS, Writing, marks
from appliance.telemetry.evidence import wrongs

log = logging.getLogger(__name__)

HEALTHY = 0.9
"""Share of the boxes that are there which must be well with it before the next wave."""

AT_ONCE = 200
"""Boxes that are told in one step."""

ANSWERED = 900_000
"""Milliseconds in which boxes that are there say that they went back. Who does not, for a full disk or for
want of a key, has been told, and is told again; nobody else's next rollout waits for that."""

READ = 20_000
"""Messages that are looked through in one step."""


class Rollouts:
    """`turn` is called now and then."""

    def __init__(self, store: Store, authority: Authority) -> None:
        self._store = store
        self._authority = authority

    def turn(self) -> None:
        """Each rollout a step further."""
        for (id,) in self._store.read(f"select id from rollout where state in ({marks(len(OPEN))})", *OPEN):
            with self._store.write() as db:
                self._step(db, load(db, id))

    def _step(self, db: Writing, rollout: Rollout) -> None:
        now = self._store.now()
        if rollout.state == "scheduled" and rollout.begins <= now:
            rollout.state, rollout.wave_began = "running", now
            [(rollout.cursor,)] = db.execute("select coalesce(max(kept), 0) from day")
        if rollout.state in ("running", "waiting", "paused") and rollout.wave_began:
            _listen(db, rollout)
            self._judge(db, rollout, now)
        if rollout.state == "running":
            self._hand_out(db, rollout, now)
        if rollout.state == "undoing":
            self._take_back(db, rollout, now)
        save(db, rollout)

    def _judge(self, db: Writing, rollout: Rollout, now: int) -> None:
        """Take it back where callers or boxes do worse with it; else go on where it is time to."""
        found = boxes(by(db), rollout, now)
        failed = rollout.evidence.weigh()
        if failed or found.too_many:
            told = [f"callers are served worse: {', '.join(failed)}"] if failed else []
            told += [f"{len(found.hurt)} of {len(found.sent)} boxes are hurt"] if found.too_many else []
            rollout.state, rollout.aim, rollout.why = "undoing", "failed", "; ".join(told)
            log.error("rollout %d is taken back: %s", rollout.id, rollout.why)
            audit.record(db, now, audit.ITSELF, "rollout.failed", str(rollout.id), why=rollout.why)
            return
        if rollout.state != "running" or not self._is_well(db, rollout, found, now):
            return
        if rollout.wave + 1 == len(rollout.plan.waves):
            rollout.state, rollout.ended = "done", now
            audit.record(db, now, audit.ITSELF, "rollout.done", str(rollout.id))
        elif rollout.plan.approve:
            rollout.state = "waiting"
        else:
            next_wave(rollout, now)
            audit.record(db, now, audit.ITSELF, "rollout.wave", str(rollout.id), wave=rollout.wave + 1)

    def _is_well(self, db: Writing, rollout: Rollout, found: Boxes, now: int) -> bool:
        """Whether the wave has lasted, and its boxes are not only told but well with it."""
        there = len(found.sent) - len(found.away)
        return (
            now - rollout.wave_began >= rollout.plan.soak * 1000
            and rollout.calls >= rollout.plan.calls
            and len(found.sent) >= size(by(db), rollout)
            and there > 0
            and len(found.well) >= HEALTHY * there
        )

    def _hand_out(self, db: Writing, rollout: Rollout, now: int) -> None:
        bundle = bundles.find(self._store, rollout.bundle)
        due = db.execute(
            """select box, name from rollout_box join box on box.id = box
                where rollout = ? and place < ? and share < ? and state = 'member' order by place limit ?""",
            (rollout.id, size(by(db), rollout), rollout.share, AT_ONCE),
        ).fetchall()
        for box, name in due:
            serial = bundles.wish(db, now, self._authority, name, bundles.manifest(bundle, rollout.share))
            db.execute(
                """update rollout_box set serial = ?, share = ?, sent = ? where rollout = ? and box = ?""",
                (serial, rollout.share, now, rollout.id, box),
            )

    def _take_back(self, db: Writing, rollout: Rollout, now: int) -> None:
        """From every box that was told of it; over once those that are there have said so, or had time."""
        due = db.execute(
            """select box, name from rollout_box join box on box.id = box
                where rollout = ? and share > 0 and state = 'member' order by place limit ?""",
            (rollout.id, AT_ONCE),
        ).fetchall()
        for box, name in due:
            serial = bundles.wish(db, now, self._authority, name, bundles.undoing(rollout.bundle))
            db.execute(
                "update rollout_box set serial = ?, share = 0, sent = ? where rollout = ? and box = ?",
                (serial, now, rollout.id, box),
            )
        if due:
            return
        [(left,)] = db.execute(
            """select count(*) from rollout_box join box on box.id = box
                where rollout = ? and rollout_box.serial > box.serial and online = 1 and seen >= ?
                    and sent >= ? and state = 'member'""",
            (rollout.id, now - GONE, now - ANSWERED),
        )
        if not left:
            rollout.state, rollout.ended = rollout.aim or "stopped", now
            audit.record(db, now, audit.ITSELF, "rollout.undone", str(rollout.id), after=rollout.state)


def _listen(db: Writing, rollout: Rollout) -> None:
    """Take in what boxes told of calls since: those that the bundle answered, and the others of the same
    site and hour, on boxes of this rollout."""
    found = db.execute(
        "select day, kept from day where kept > ? order by day limit 1", (rollout.cursor,)
    ).fetchone()
    if not found:
        return
    day, kept = found
    # Between the last of a day and the first of the next there are numbers that nothing has.
    last = min(kept, max(rollout.cursor, day * IDS) + READ)
    rows = db.execute(
        """select box.id, site, message.at, data from message join boot on boot.number = boot
            join box on box.id = boot.box join rollout_box on rollout_box.box = box.id and rollout = ?
            where message.id > ? and message.id <= ? and kind = 'call' and message.at >= ?
            order by message.id""",
        (rollout.id, rollout.cursor, last, rollout.begins),
    )
    for box, site, at, data in rows.fetchall():
        call: Mapping[str, Any] = json.loads(data)
        candidate = call.get("bundle", 0) == rollout.bundle
        rollout.calls += candidate
        if candidate:
            db.execute(
                """update rollout_box set answered = answered + 1, wrong = wrong + ?
                    where rollout = ? and box = ?""",
                ("completion" in wrongs(call), rollout.id, box),
            )
        # Who calls again is served by the same arm, so that tells nothing new.
        if not call.get("again", False):
            rollout.evidence.note(site, "candidate" if candidate else "rest", wrongs(call), at)
    rollout.cursor = last


def by(db: Writing) -> Read:
    """Reading within a transaction that is under way."""
    return lambda sql, *values: list(db.execute(sql, values).fetchall())
