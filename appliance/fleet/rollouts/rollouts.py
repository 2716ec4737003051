"""A bundle for many boxes, in waves: what is planned, how far it is, and what people do about it.
`rolling.py` carries it out."""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import Any

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit
from appliance.fleet.rollouts import bundles
from appliance.fleet.storage.database import Writing, marks
from appliance.telemetry.evidence import Evidence

GONE = 180_000
"""Milliseconds without a word after which a box counts as gone."""

HURT = 0.2
"""Share of the boxes that may refuse a bundle, be gone or go wrong with it, beyond what others do."""

OPEN = ("scheduled", "running", "waiting", "paused", "undoing")
OVER = ("done", "failed", "stopped")
"""waiting: for somebody to approve the next wave; undoing: boxes go back to what they were."""


DEEDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "pause": (("scheduled", "running", "waiting"), "paused"),
    "resume": (("paused",), "running"),
    "approve": (("waiting",), "running"),
    "stop": (("scheduled", "running", "waiting", "paused"), "undoing"),
}
"""What people may do: in which states, and what the state is then."""


class NoRollout(ApplianceError):
    """There is none of that number."""


@dataclass(frozen=True, slots=True)
class Plan:
    waves: tuple[tuple[int, int], ...] = ((5, 20), (25, 50), (100, 100))
    """Of each wave: percent of the boxes that have it by then, and percent of the conversations that it
    answers on them."""
    soak: int = 3600
    """Seconds that a wave lasts at the least."""
    calls: int = 50
    """Calls that it must have answered in a wave."""
    approve: bool = False
    """Whether somebody has to approve each wave after the first."""
    site: str = ""
    """Which boxes: those of a site, or all."""

    def __post_init__(self) -> None:
        shares = [percent for wave in self.waves for percent in wave]
        boxes = [boxes for boxes, _ in self.waves]
        if not self.waves or not all(1 <= percent <= 100 for percent in shares) or boxes != sorted(boxes):
            raise ApplianceError(
                "waves are percents that grow, of boxes and of calls", "as in 5:20,25:50,100:100"
            )
        if not 0 <= self.soak <= 30 * 86_400 or not 0 <= self.calls <= 1_000_000:
            raise ApplianceError("a wave lasts for 30 days at the most")


@dataclass(slots=True)
class Rollout:
    id: int
    bundle: int
    at: int
    by: str
    begins: int
    plan: Plan
    state: str
    wave: int
    wave_began: int
    evidence: Evidence
    calls: int
    """That the bundle has answered in this wave."""
    cursor: int
    """The last message that was looked at."""
    why: str = ""
    ended: int | None = None
    aim: str = ""
    """While it is undone: what it is to be then."""

    @property
    def share(self) -> int:
        return self.plan.waves[self.wave][1]


@dataclass(slots=True)
class Boxes:
    """How those that have it are: names of boxes."""

    sent: list[str] = field(default_factory=list)
    well: list[str] = field(default_factory=list)
    hurt: list[str] = field(default_factory=list)
    """They refused it, or went away or wrong with it."""
    away: list[str] = field(default_factory=list)
    """They were not there to be told."""
    others: int = 0
    others_hurt: int = 0

    @property
    def too_many(self) -> bool:
        there = len(self.sent) - len(self.away)
        if not there or not self.hurt:
            return False
        usual = self.others_hurt / self.others if self.others else 0.0
        return len(self.hurt) == there or len(self.hurt) > max(1.0, (HURT + usual) * there)


Read = Callable[..., list[tuple[Any, ...]]]
"""SQL and its values in, rows out."""

COLUMNS = "id, bundle, at, by, begins, plan, state, wave, wave_began, evidence, cursor, why, ended"


def start(store: Store, version: int, plan: Plan = Plan(), begins: int = 0, who: str = audit.ITSELF) -> int:
    """Begin to roll a bundle out, now or at a time; its number. ApplianceError where there is no such bundle,
    no box, or another rollout for the same boxes."""
    bundle = bundles.find(store, version)
    now = store.now()
    with store.write() as db:
        boxes = db.execute(
            "select id, name, site from box where state = 'member' and (? = '' or site = ?)",
            (plan.site, plan.site),
        ).fetchall()
        if not boxes:
            raise ApplianceError(f"there is no box at {plan.site or 'this fleet'}")
        taken = db.execute(
            f"""select rollout.id from rollout_box join rollout on rollout.id = rollout
                where state in ({marks(len(OPEN))}) and box in (
                    select id from box where state = 'member' and (? = '' or site = ?)) limit 1""",
            (*OPEN, plan.site, plan.site),
        ).fetchone()
        if taken:
            raise ApplianceError(f"rollout {taken[0]} is for some of these boxes", "let it end, or stop it")
        [(id,)] = db.execute(
            """insert into rollout (bundle, at, by, begins, plan, state) values (?, ?, ?, ?, ?, 'scheduled')
                returning id""",
            (version, now, who, begins or now, json.dumps(asdict(plan))),
        )
        db.executemany(
            "insert into rollout_box (rollout, box, place) values (?, ?, ?)",
            [(id, box, place) for place, box in enumerate(_order(id, boxes))],
        )
        audit.record(
            db, now, who, "rollout.started", str(id), after=bundle.hash, version=version, plan=asdict(plan)
        )
    return int(id)


def steer(store: Store, id: int, do: str, who: str = audit.ITSELF) -> str:
    """Pause, resume, approve the next wave, or stop and take it back; the state from then on. ApplianceError
    where that cannot be done now."""
    if do not in DEEDS:
        raise ApplianceError(f"{do!r} is nothing to do with a rollout", f"one of: {', '.join(DEEDS)}")
    now = store.now()
    with store.write() as db:
        rollout = load(db, id)
        states, then = DEEDS[do]
        if rollout.state not in states:
            raise ApplianceError(f"rollout {id} is {rollout.state}", f"only what is {states[0]} can {do}")
        before, rollout.state = rollout.state, then
        if do == "resume" and not rollout.wave_began:
            rollout.state = "scheduled"
        if do == "approve":
            next_wave(rollout, now)
        if do == "stop":
            rollout.aim, rollout.why = "stopped", f"stopped by {who}"
        save(db, rollout)
        audit.record(db, now, who, f"rollout.{do}", str(id), before, rollout.state)
    return rollout.state


def boxes(read: Read, rollout: Rollout, now: int) -> Boxes:
    """How those that have it are, and the others."""
    found = Boxes()
    for name, share, serial, sent, reported, online, seen, has, wrong in read(
        """select name, share, rollout_box.serial, sent, reported, online, seen, box.serial,
                exists (select 1 from fault where fault.box = box.id and since > max(sent, ?))
            from rollout_box join box on box.id = rollout_box.box
            where rollout = ? and state = 'member' order by place""",
        rollout.wave_began, rollout.id,
    ):  # fmt: skip
        there = bool(online) and seen >= now - GONE
        told = json.loads(reported)
        if not share:
            found.others += 1
            found.others_hurt += wrong or not there
            continue
        found.sent.append(name)
        has_it = has >= serial
        if (has == serial and told.get("fine") is False) or (has_it and told.get("state") == "ended"):
            found.hurt.append(name)
        elif not there and seen < sent:
            found.away.append(name)
        elif not there or (wrong and has_it):
            found.hurt.append(name)
        elif has_it:
            found.well.append(name)
    return found


def next_wave(rollout: Rollout, now: int) -> None:
    rollout.wave += 1
    rollout.wave_began, rollout.calls, rollout.state = now, 0, "running"


def size(read: Read, rollout: Rollout) -> int:
    """Boxes that have it in this wave."""
    [(boxes,)] = read(
        """select count(*) from rollout_box join box on box.id = box
            where rollout = ? and state = 'member'""",
        rollout.id,
    )
    return math.ceil(int(boxes) * rollout.plan.waves[rollout.wave][0] / 100)


def _order(id: int, boxes: Sequence[tuple[int, str, str]]) -> list[int]:
    """By lot, and site by site in turn: every wave has boxes of many sites, and leaves others there to be
    compared with."""
    sites: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for box, name, site in boxes:
        sites[site].append((hashlib.sha256(f"{id} {name}".encode()).hexdigest(), box))
    turns = zip_longest(*(sorted(sites[site]) for site in sorted(sites)))
    return [each[1] for turn in turns for each in turn if each]


def load(db: Writing, id: int) -> Rollout:
    # Whoever steps or steers it has it until the transaction ends, in any database.
    db.execute("update rollout set state = state where id = ?", (id,))
    row = db.execute(f"select {COLUMNS} from rollout where id = ?", (id,)).fetchone()
    if not row:
        raise NoRollout(f"there is no rollout {id}")
    return of_row(row)


def of_row(row: Sequence[Any]) -> Rollout:
    """A row of COLUMNS."""
    id, bundle, at, by, begins, plan, state, wave, wave_began, seen, cursor, why, ended = row
    told, known = json.loads(plan), json.loads(seen)
    waves = tuple((boxes, share) for boxes, share in told.pop("waves"))
    evidence = Evidence.of(known.get("evidence", {}))
    return Rollout(
        id, bundle, at, by, begins, Plan(waves, **told), state, wave, wave_began, evidence,
        known.get("calls", 0), cursor, why, ended, known.get("aim", ""),
    )  # fmt: skip


def save(db: Writing, rollout: Rollout) -> None:
    known = {"evidence": rollout.evidence.plain(), "calls": rollout.calls, "aim": rollout.aim}
    db.execute(
        """update rollout set state = ?, wave = ?, wave_began = ?, evidence = ?, cursor = ?, why = ?,
            ended = ? where id = ?""",
        (
            rollout.state, rollout.wave, rollout.wave_began, json.dumps(known), rollout.cursor,
            rollout.why, rollout.ended, rollout.id,
        ),
    )  # fmt: skip


def told(store: Store, rollout: Rollout) -> dict[str, Any]:
    """All that its page shows."""
    now = store.now()
    bundle = bundles.find(store, rollout.bundle)
    found = boxes(store.read, rollout, now)
    [(had, hit, answered, wrong)] = store.read(
        """select count(*), coalesce(sum(case when wrong > 0 then 1 else 0 end), 0),
                coalesce(sum(answered), 0), coalesce(sum(wrong), 0)
            from rollout_box where rollout = ? and serial > 0""",
        rollout.id,
    )
    return {
        "id": rollout.id,
        "bundle": bundles.told(bundle),
        "by": rollout.by,
        "at": rollout.at,
        "begins": rollout.begins,
        "ended": rollout.ended,
        "state": rollout.state,
        "why": rollout.why,
        "plan": asdict(rollout.plan),
        "wave": rollout.wave,
        "wave_began": rollout.wave_began,
        "calls": rollout.calls,
        "boxes": size(store.read, rollout),
        "sent": len(found.sent),
        "well": len(found.well),
        "hurt": found.hurt[:20],
        "hurt_boxes": len(found.hurt),
        "away": len(found.away),
        "had": had,
        "answered": answered,
        "wrong": wrong,
        "hit": hit,
        "candidate": rollout.evidence.candidate.n,
        "rest": rollout.evidence.rest.n,
        "gates": rollout.evidence.told(),
        "now": now,
    }


def every(store: Store, most: int = 30, skip: int = 0) -> list[dict[str, Any]]:
    """The newest first."""
    rows = store.read(f"select {COLUMNS} from rollout order by id desc limit ? offset ?", most, skip)
    return [told(store, of_row(row)) for row in rows]


def one(store: Store, id: int) -> dict[str, Any]:
    """ApplianceError where there is none of that number."""
    rows = store.read(f"select {COLUMNS} from rollout where id = ?", id)
    if not rows:
        raise NoRollout(f"there is no rollout {id}")
    return told(store, of_row(rows[0]))


def current(store: Store) -> dict[str, Any] | None:
    """What page one shows: the newest that goes on, or ended within a day."""
    rows = store.read(
        f"""select {COLUMNS} from rollout where ended is null or ended > ?
            order by ended is null desc, id desc limit 1""",
        store.now() - 86_400_000,
    )
    return told(store, of_row(rows[0])) if rows else None
