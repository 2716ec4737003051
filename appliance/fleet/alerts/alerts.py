"""What needs attention: what rules find wrong with boxes, put together by cause and site, until it is over.
All of it is in the store, so a start finds it as the last end left it; and what is to be sent is written down
in the transaction in which it came to be, so it is sent however often the server dies."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from appliance.errors import ApplianceError
from appliance.fleet.alerts import notices
from appliance.fleet.alerts.measures import DAY, Look, Sample
from appliance.fleet.alerts.rules import Rule, Trouble, all_rules, step
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit
from appliance.fleet.people.scope import ALL, Missing, Scope
from appliance.fleet.storage.database import Writing

TARGET = 900
"""Milliseconds in which 95 of 100 answers should begin."""

GATHER = 15_000
"""Milliseconds that the first word of an alert waits for more boxes of the same cause and site."""

SELDOM = {"late": 60_000, "failed": 30_000, "certificate": 3_600_000}
"""Milliseconds between two looks, for what is much work."""

KEPT = 90 * DAY
"""Milliseconds for which it is known what was over."""

NAMED = 5
"""Boxes that a word of an alert names."""

Key = tuple[str, str, int]
"""Rule, cause, box."""

IS_IT = "rule = ? and cause = ? and box = ?"


@dataclass(frozen=True, slots=True)
class Alert:
    id: str
    rule: str
    cause: str
    site: str
    severity: str
    since: int
    cleared: int | None
    boxes: int
    """That have it now; 0 also where it is of no box."""
    most: int
    told: int
    """Boxes that the last word of it spoke of; 0: nobody was told."""
    acked_by: str
    acked: int | None
    note: str


COLUMNS = "id, rule, cause, site, severity, since, cleared, boxes, most, told, acked_by, acked, note"


class Watch:
    """`turn` is called now and then, and blocks for some milliseconds."""

    def __init__(self, store: Store, target: int = TARGET) -> None:
        self._store = store
        self._target = target
        self._heard = store.now()
        self._forgot = 0
        self._seldom: dict[str, tuple[int, list[Sample]]] = {}

    def turn(self) -> None:
        rules = {name: rule for name, rule in all_rules(self._store).items() if rule.enabled}
        had = self._troubles(self._store.read)
        samples, sites = self._look(rules, had)
        now = self._store.now()
        if self._stepped(had, samples, rules, now):
            with self._store.write() as db:
                # Read again: another server may have seen the same.
                had = self._troubles(lambda sql: db.execute(sql).fetchall())
                self._become(db, had, self._stepped(had, samples, rules, now), rules, sites, now)
        self._tell(now)
        self._forget(now)

    def _look(
        self, rules: Mapping[str, Rule], had: Mapping[Key, Trouble]
    ) -> tuple[dict[Key, Sample], dict[Key, str]]:
        missed = {box for name, _, box in had if name in rules and rules[name].kind == "silent"}
        look = Look(self._store, self._target, self._heard, missed)
        found: dict[Key, Sample] = {}
        for rule in rules.values():
            for sample in self._by(look, rule):
                found[rule.name, sample.cause, sample.box] = sample
        return found, {key: sample.site for key, sample in found.items()}

    def _by(self, look: Look, rule: Rule) -> list[Sample]:
        at, kept = self._seldom.get(rule.name, (0, []))
        if look.now - at < SELDOM.get(rule.kind, 0):
            return kept
        found = list(look.samples(rule))
        if rule.kind in SELDOM:
            self._seldom[rule.name] = look.now, found
        return found

    def _troubles(self, read: Callable[[str], list[Any]]) -> dict[Key, Trouble]:
        rows = read("select rule, cause, box, phase, since, turned from trouble")
        return {(rule, cause, box): Trouble(*rest) for rule, cause, box, *rest in rows}

    def _stepped(
        self,
        had: Mapping[Key, Trouble],
        samples: Mapping[Key, Sample],
        rules: Mapping[str, Rule],
        now: int,
    ) -> dict[Key, tuple[Trouble | None, Sample | None]]:
        """What changes."""
        changed: dict[Key, tuple[Trouble | None, Sample | None]] = {}
        for key in had.keys() | samples.keys():
            rule, sample, was = rules.get(key[0]), samples.get(key), had.get(key)
            becomes = step(was, sample.value if sample else None, rule, now) if rule else None
            if becomes != was:
                changed[key] = becomes, sample
        return changed

    def _become(
        self,
        db: Writing,
        had: Mapping[Key, Trouble],
        changed: Mapping[Key, tuple[Trouble | None, Sample | None]],
        rules: Mapping[str, Rule],
        sites: Mapping[Key, str],
        now: int,
    ) -> None:
        touched = set()
        for key, (becomes, sample) in changed.items():
            [alert] = db.execute(f"select alert from trouble where {IS_IT}", key).fetchone() or [""]
            if becomes is None:
                db.execute(f"delete from trouble where {IS_IT}", key)
            else:
                if becomes.phase == "firing" and not alert:
                    alert = self._alert(db, rules[key[0]], key[1], sites.get(key, ""), becomes.since, now)
                self._keep(db, key, becomes, sample, alert, key in had)
            touched.add(alert)
        for alert in touched - {""}:
            self._counted(db, alert, now)

    def _keep(
        self,
        db: Writing,
        key: Key,
        trouble: Trouble,
        sample: Sample | None,
        alert: str,
        known: bool,
    ) -> None:
        if known:
            db.execute(
                f"update trouble set phase = ?, since = ?, turned = ?, alert = ? where {IS_IT}",
                (*astuple(trouble), alert, *key),
            )
        else:
            assert sample
            db.execute(
                "insert into trouble values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, *astuple(trouble), sample.value, sample.why, alert),
            )

    def _counted(self, db: Writing, alert: str, now: int) -> None:
        """Whom it is about now; it is over where that is nobody."""
        [(left, boxes)] = db.execute(
            "select count(*), count(case when box > 0 then 1 end) from trouble where alert = ?", (alert,)
        ).fetchall()
        db.execute(
            "update alert set boxes = ?, most = max(most, ?), cleared = ? where id = ?",
            (boxes, boxes, None if left else now, alert),
        )
        if not left:
            self._write(db, alert, "cleared", now)

    def _alert(self, db: Writing, rule: Rule, cause: str, site: str, since: int, now: int) -> str:
        """The id of the one that is open, or of a new one."""
        found = db.execute(
            "select id from alert where rule = ? and cause = ? and site = ? and cleared is null",
            (rule.name, cause, site),
        ).fetchone()
        if found:
            return str(found[0])
        id = secrets.token_hex(8)
        db.execute(
            """insert into alert (id, rule, cause, site, severity, since, fired, boxes, most)
                values (?, ?, ?, ?, ?, ?, ?, 0, 0)""",
            (id, rule.name, cause, site, rule.severity, since, now),
        )
        return id

    def _tell(self, now: int) -> None:
        """Of what is new once it has gathered; of what grew once it has doubled, unless somebody has it in
        hand."""
        due = f"""cleared is null and acked is null
            and ((told = 0 and fired <= {now - GATHER}) or (told > 0 and boxes >= 2 * told))"""
        if not self._store.read(f"select 1 from alert where {due} limit 1"):
            return
        with self._store.write() as db:
            for id, told in db.execute(f"select id, told from alert where {due}").fetchall():
                if not self._silenced(db, id, now):
                    self._write(db, id, "grew" if told else "fired", now)
                    db.execute("update alert set told = max(boxes, 1) where id = ?", (id,))

    def _write(self, db: Writing, id: str, what: str, now: int) -> None:
        """Have it sent by every route that is for its site. Who was not told that it began need not know that
        it is over."""
        [row] = db.execute(f"select {COLUMNS} from alert where id = ?", (id,)).fetchall()
        alert = Alert(*row)
        if what == "cleared" and not alert.told:
            return
        named = db.execute(
            "select name from trouble join box on box.id = trouble.box where alert = ? order by name limit ?",
            (id, NAMED),
        ).fetchall()
        notices.write(
            db, alert.id, alert.site, what, shown(alert) | {"named": [name for (name,) in named]}, now
        )

    def _silenced(self, db: Writing, id: str, now: int) -> bool:
        return bool(
            db.execute(
                """select 1 from alert join silence on silence.rule in (alert.rule, '')
                    and silence.site in (alert.site, '') where alert.id = ? and until > ?""",
                (id, now),
            ).fetchone()
        )

    def _forget(self, now: int) -> None:
        if now - self._forgot < DAY:
            return
        self._forgot = now
        with self._store.write() as db:
            db.execute("delete from delivery where at < ?", (now - KEPT,))
            db.execute("delete from alert where cleared < ?", (now - KEPT,))
            db.execute("delete from silence where until < ?", (now - KEPT,))


def listed(
    store: Store, scope: Scope = ALL, most: int = 1_000, skip: int = 0, open_only: bool = False
) -> list[Alert]:
    """What is not over comes first, then the newest."""
    chosen = f"{scope.sql} and cleared is null" if open_only else scope.sql
    rows = store.read(
        f"""select {COLUMNS} from alert where {chosen}
            order by case when cleared is null then 0 else 1 end, since desc, id limit ? offset ?""",
        most, skip,
    )  # fmt: skip
    return [Alert(*row) for row in rows]


def shown(alert: Alert) -> dict[str, Any]:
    """As the outside is told of it."""
    return {name: getattr(alert, name) for name in COLUMNS.split(", ")}


def acknowledge(store: Store, id: str, who: str, note: str = "", scope: Scope = ALL) -> None:
    """Somebody has it in hand: nobody is told again, until it is over."""
    with store.write() as db:
        found = db.execute(
            f"select acked_by from alert where id = ? and cleared is null and {scope.sql}", (id,)
        ).fetchone()
        if not found:
            raise Missing("there is no such alert", "it may be over: look at the list")
        db.execute(
            "update alert set acked_by = ?, acked = ?, note = ? where id = ?",
            (who, store.now(), note[:500], id),
        )
        audit.record(
            db, store.now(), who, "alert.acknowledged", id, before=found[0], after=who, note=note[:500]
        )


def silence(store: Store, rule: str, site: str, minutes: int, who: str, note: str = "") -> str:
    """No word of a rule, a site or both for so long; of everything where neither is given. What is wrong is
    shown all the same. Its id."""
    if rule and rule not in all_rules(store):
        raise ApplianceError(f"there is no rule {rule!r}", f"one of: {', '.join(all_rules(store))}")
    if not 0 < minutes <= 30 * 24 * 60:
        raise ApplianceError("a silence lasts 1 minute to 30 days")
    id, until = secrets.token_hex(8), store.now() + minutes * 60_000
    with store.write() as db:
        db.execute("insert into silence values (?, ?, ?, ?, ?, ?)", (id, rule, site, until, who, note[:500]))
        audit.record(
            db, store.now(), who, "silence.began", id, rule=rule, site=site, minutes=minutes, note=note[:500]
        )
    return id


def silences(store: Store, scope: Scope = ALL) -> list[dict[str, Any]]:
    names = ("id", "rule", "site", "until", "who", "note")
    rows = store.read(
        f"select {', '.join(names)} from silence where until > ? and {_of(scope)} order by until limit 1000",
        store.now(),
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def unsilence(store: Store, id: str, who: str, scope: Scope = ALL) -> None:
    with store.write() as db:
        gone = db.execute(f"delete from silence where id = ? and {scope.sql} returning id", (id,)).fetchall()
        if not gone:
            raise Missing("there is no such silence", "it may be over")
        audit.record(db, store.now(), who, "silence.ended", id)


def _of(scope: Scope) -> str:
    """What is of all sites is of these, too."""
    return f"(site = '' or {scope.sql})"
