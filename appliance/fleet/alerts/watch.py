"""What needs attention: what rules find wrong with boxes, put together by cause and site, until it is over.
All of it is in the store, so a start finds it as the last end left it; and what is to be sent is written down
in the transaction in which it came to be, so it is sent however often the server dies."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

from appliance.fleet.alerts import notices
from appliance.fleet.alerts.alerts import COLUMNS, Alert, shown
from appliance.fleet.alerts.measures import DAY, Look, Sample
from appliance.fleet.alerts.rules import Rule, Trouble, all_rules, step
from appliance.fleet.keeping.store import Store
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
