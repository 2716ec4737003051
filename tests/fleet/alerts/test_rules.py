"""When something counts as wrong, and when as over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import ApplianceError
from appliance.fleet.alerts import rules
from appliance.fleet.alerts.rules import Rule, Trouble, step
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit

HOT = Rule("temperature", "temperature", fires=80, clears=75, after=60, calm=300)


def looked(values: list[float | None], rule: Rule = HOT, every: int = 30) -> list[str]:
    """The phases, by a look every so many seconds."""
    found, trouble = [], None
    for number, value in enumerate(values):
        trouble = step(trouble, value, rule, number * every * 1000)
        found.append(trouble.phase if trouble else "-")
    return found


def test_it_fires_only_after_a_while_and_is_over_only_after_a_while() -> None:
    assert looked([70, 82, 79, 82, 81, 83, 78, 83]) == [
        "-",
        "pending",
        "-",
        *["pending"] * 2,
        *["firing"] * 3,
    ]
    cold = [90, 90, 90, *[70] * 3, 78, *[70] * 11]
    assert looked(cold) == [*["pending"] * 2, "firing", *["calming"] * 3, "firing", *["calming"] * 10, "-"]


def test_what_is_not_known_any_more_is_over_too() -> None:
    assert looked([90, 90, 90, *[None] * 11])[-2:] == ["calming", "-"]


def test_a_rule_that_waits_for_nothing_fires_and_is_over_at_once() -> None:
    assert looked([0, 1, 0], Rule("refused", "refused", 1, 1, 0, 0)) == ["-", "firing", "-"]


def test_what_runs_out_fires_downwards() -> None:
    ends = Rule("certificate", "certificate", fires=30, clears=45, after=0, calm=0)
    assert looked([60, 31, 30, 40, 45, 46], ends) == ["-", "-", "firing", "firing", "firing", "-"]


@given(st.lists(st.one_of(st.none(), st.floats(0, 120)), max_size=60), st.integers(1, 600))
def test_it_never_flaps(values: list[float | None], every: int) -> None:
    """Between two times that it begins to fire, it was good without a break as long as the rule asks."""
    trouble: Trouble | None = None
    good_since: int | None = None
    for number, value in enumerate(values):
        now = number * every * 1000
        was, trouble = trouble, step(trouble, value, HOT, now)
        good = value is None or HOT.good(value)
        good_since = (now if good_since is None else good_since) if good else None
        if was and was.phase != "pending" and trouble is None:
            assert good_since is not None
            assert now - good_since >= HOT.calm * 1000
        if trouble and trouble.phase == "firing" and (was is None or was.phase == "pending"):
            assert now - trouble.since >= HOT.after * 1000
        if trouble and was:
            assert trouble.since == was.since


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "fleet.db")
    yield made
    made.close()


def test_a_rule_is_changed_and_the_change_is_written_down(store: Store) -> None:
    rules.change(store, "temperature", {"fires": 70, "clears": 65.5, "after": 9, "enabled": False}, "anna")
    assert rules.all_rules(store)["temperature"] == Rule(
        "temperature", "temperature", 70, 65.5, 9, 300, enabled=False
    )
    [entry] = audit.entries(store)
    assert (entry.who, entry.what, entry.about) == ("anna", "rule.changed", "temperature")


@pytest.mark.parametrize(
    "changes",
    [
        {"clears": 90}, {"fires": float("nan")}, {"after": -1}, {"after": 1.5}, {"severity": "loud"},
        {"kind": "disk"}, {"name": "x"}, {"enabled": 3}, {"calm": 10**9}, {"fires": "80"}, {"fires": True},
    ],
)  # fmt: skip
def test_what_would_be_no_rule_is_refused(store: Store, changes: dict[str, object]) -> None:
    with pytest.raises(ApplianceError):
        rules.change(store, "temperature", changes)
    assert rules.all_rules(store)["temperature"] == HOT
    assert list(audit.entries(store)) == []


def test_every_shipped_rule_is_one(store: Store) -> None:
    for rule in rules.SHIPPED:
        assert rules.change(store, rule.name, {}) == rule
    with pytest.raises(ApplianceError, match="no rule"):
        rules.change(store, "weather", {})
