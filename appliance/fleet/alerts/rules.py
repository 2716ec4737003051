"""Rules of what needs attention, as data: what is looked at, from where on it counts, and for how long first.
A value has to go back further than it came before it counts as over, and stay there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit
from appliance.fleet.people.scope import Missing

KINDS = {
    "silent": "seconds without a word",
    "fault": "a part is off",
    "failed": "% of today's calls failed, of 20 or more",
    "late": "% of answers in this hour and the last came later than the target",
    "temperature": "°C",
    "throttled": "slowed down for heat or want of power",
    "disk": "% of the disk",
    "memory": "% of the memory",
    "wear": "% of what the eMMC is made for",
    "outbox": "seconds for which the oldest message waits",
    "refused": "a desk file was refused",
    "other": "another desk file runs than should",
    "locked": "the fleet has locked the desk",
    "muted": "the fleet has muted the kiosk",
    "certificate": "days until the certificate ends",
    "rollout": "a rollout was halted",
    "unsent": "tries to send an alert that failed",
}
"""What can be looked at, and in what it is counted."""

SEVERITIES = ("warning", "critical")
LONGEST = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    kind: str
    fires: float
    """From this value on it counts: upwards, or downwards where `clears` is the higher of the two."""
    clears: float
    """Only on the other side of this it is over."""
    after: int = 0
    """Seconds for which it has to be so first."""
    calm: int = 60
    """Seconds for which it has to be over."""
    severity: str = "warning"
    enabled: bool = True

    def bad(self, value: float) -> bool:
        return value <= self.fires if self.fires < self.clears else value >= self.fires

    def good(self, value: float) -> bool:
        return value > self.clears if self.fires < self.clears else value < self.clears


SHIPPED = (
    Rule("silent", "silent", 180, 90, 0, 30, "critical"),
    Rule("fault", "fault", 1, 1, 0, 60, "critical"),
    Rule("failed", "failed", 10, 5, 60, 600, "critical"),
    Rule("late", "late", 5, 3, 300, 600),
    Rule("temperature", "temperature", 80, 75, 60, 300),
    Rule("throttled", "throttled", 1, 1, 60, 300),
    Rule("disk", "disk", 90, 85, 60, 300),
    Rule("memory", "memory", 95, 90, 300, 300),
    Rule("wear", "wear", 90, 90, 0, 0),
    Rule("outbox", "outbox", 600, 60, 60, 60),
    Rule("refused", "refused", 1, 1, 0, 0),
    Rule("other", "other", 1, 1, 300, 0),
    Rule("locked", "locked", 1, 1, 60, 0),
    Rule("muted", "muted", 1, 1, 60, 0),
    Rule("certificate", "certificate", 30, 45, 0, 0),
    Rule("rollout", "rollout", 1, 1, 0, 0, "critical"),
    Rule("unsent", "unsent", 4, 4, 0, 60),
)

Phase = Literal["pending", "firing", "calming"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a rule finds of one box."""

    phase: Phase
    since: int
    """Since when it is so; milliseconds since 1970, UTC."""
    turned: int
    """When this phase began."""


def step(was: Trouble | None, value: float | None, rule: Rule, now: int) -> Trouble | None:
    """What becomes of it by another look. None: nothing is wrong; a value that is not known is a good one."""
    bad = value is not None and rule.bad(value)
    good = value is None or rule.good(value)
    if was is None:
        if not bad:
            return None
        was = Trouble("pending", now, now)
    if was.phase == "pending":
        if not bad:
            return None
        return Trouble("firing", was.since, now) if now - was.turned >= rule.after * 1000 else was
    if was.phase == "firing" and good:
        was = Trouble("calming", was.since, now)
    if was.phase == "calming":
        if not good:
            return Trouble("firing", was.since, now)
        return None if now - was.turned >= rule.calm * 1000 else was
    return was


def all_rules(store: Store) -> dict[str, Rule]:
    """Those that are shipped, as they were changed since."""
    found = {rule.name: rule for rule in SHIPPED}
    for row in store.read(f"select {', '.join(_NAMES)} from rule"):
        rule = Rule(*row)
        found[rule.name] = replace(rule, enabled=bool(rule.enabled))
    return found


def change(store: Store, name: str, changes: dict[str, Any], who: str = audit.ITSELF) -> Rule:
    """Another limit, another time; ApplianceError where there is no such rule, or it would be none."""
    was = all_rules(store).get(name)
    if was is None:
        raise Missing(f"there is no rule {name!r}", f"one of: {', '.join(all_rules(store))}")
    if not set(changes) <= set(_NAMES) - {"name", "kind"}:
        raise ApplianceError("a rule has no such field", "fires, clears, after, calm, severity, enabled")
    rule = replace(was, **changes)
    _check(rule)
    with store.write() as db:
        db.execute("delete from rule where name = ?", (name,))
        db.execute(
            "insert into rule values (?, ?, ?, ?, ?, ?, ?, ?)",
            tuple(int(value) if isinstance(value, bool) else value for value in asdict(rule).values()),
        )
        before, after = (audit.digest(repr(each)) for each in (was, rule))
        audit.record(db, store.now(), who, "rule.changed", name, before, after, changes=changes)
    return rule


def shown(rule: Rule) -> dict[str, Any]:
    """As the outside is told of it."""
    return {**asdict(rule), "counts": KINDS[rule.kind]}


def _check(rule: Rule) -> None:
    for name in ("fires", "clears", "after", "calm"):
        value = getattr(rule, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e9:
            raise ApplianceError(f"{name} of the rule {rule.name} is no number of use")
    for name in ("after", "calm"):
        value = getattr(rule, name)
        if not isinstance(value, int) or not 0 <= value <= LONGEST:
            raise ApplianceError(f"{name} of the rule {rule.name} is in whole seconds", f"0 to {LONGEST}")
    if rule.severity not in SEVERITIES:
        raise ApplianceError(f"{rule.severity!r} is no severity", f"one of: {', '.join(SEVERITIES)}")
    if not isinstance(rule.enabled, bool):
        raise ApplianceError("enabled is true or false")
    if (rule.fires < rule.clears) != (_downwards(rule.kind) and rule.fires != rule.clears):
        raise ApplianceError(
            f"the rule {rule.name} would never be over", "let it clear on the good side of where it fires"
        )


def _downwards(kind: str) -> bool:
    return kind == "certificate"


_NAMES = tuple(field.name for field in fields(Rule))
