"""A bundle goes to many boxes in waves, and comes back where callers are served worse: a fleet in scripted
time."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store, Told
from appliance.fleet.membership.authority import Authority
from appliance.fleet.people import audit
from appliance.fleet.rollouts import bundles, rollouts
from appliance.fleet.rollouts.bundles import Pieces
from appliance.fleet.rollouts.rolling import Rollouts
from appliance.fleet.rollouts.rollouts import Plan
from appliance.telemetry import bundle as signed
from appliance.telemetry.wire import Message
from tests.fleet import databases, killed

DESK = 'name = "Alder House"\n'
SITES = 6
STEP = 20.0
"""Seconds between two looks at the fleet."""


class Fleet:
    """Boxes that take what they are sent, and their callers. `fails`: the chance that a call which a version
    answers fails; 2 % where it says nothing."""

    def __init__(self, folder: Path, count: int, seed: int = 1, where: str = "") -> None:
        self.folder = folder
        self.time = 1_900_000_000.0
        self.chance = random.Random(seed)
        self.store = Store(where or folder / "fleet.db", lambda: self.time)
        if not where:
            # What is tried here is no disk.
            self.store._database._db.execute("pragma synchronous = off")  # type: ignore[attr-defined]
        self.authority = Authority(folder / "keys")
        self.key = signed.read_key(self.authority.signer)
        self.pieces = Pieces(folder / "pieces")
        self.worker = Rollouts(self.store, self.authority)
        self.fails: dict[int, float] = {}
        self.refuses: set[str] = set()
        self.dead: set[str] = set()
        self.deaf: set[str] = set()
        self.a_minute = 0.5
        """Calls to a box."""
        self.names = [f"box-{number}" for number in range(count)]
        self.has: dict[str, tuple[int, int]] = dict.fromkeys(self.names, (0, 100))
        """Of each box: the version that it has, and the percent of calls that it answers."""
        self.serial: dict[str, int] = dict.fromkeys(self.names, 0)
        self.seq = dict.fromkeys(self.names, 0)
        self.answered: dict[str, int] = dict.fromkeys(self.names, 0)
        """Calls that a version other than 0 answered and that failed, by box."""
        with self.store.write() as db:
            db.executemany(
                "insert into box (name, site, since, online, seen) values (?, ?, 0, 1, ?)",
                [(name, f"Site {n % SITES}", self.store.now()) for n, name in enumerate(self.names)],
            )

    def bundle(self, name: str = "new words") -> int:
        return bundles.make(self.store, self.pieces, name, desk=f"{DESK}# {name}\n").version

    def pass_time(self, seconds: float) -> None:
        until = self.time + seconds
        while self.time < until:
            self.time += STEP
            self.worker.turn()
            told: list[Told] = []
            wanted = dict(self.store.read("select name, wanted_serial from box"))
            there = [name for name in self.names if name not in self.dead]
            for name in there:
                if wanted[name] > self.serial[name] and name not in self.deaf:
                    told.append(self._take(name, wanted[name]))
                if self.chance.random() < self.a_minute * STEP / 60:
                    told.append(self._call(name))
            with self.store.write() as db:
                db.executemany(
                    "update box set seen = ? where name = ?", [(self.store.now(), name) for name in there]
                )
            if told:
                self.store.commit(told)

    def _take(self, name: str, serial: int) -> Told:
        [(payload,)] = self.store.read("select payload from desired where serial = ?", serial)
        wish = signed.verified(payload, self.key, name)
        self.serial[name] = serial
        if name in self.refuses and not wish.undo:
            return self._tell(name, "reported", {"desk": "", "serial": serial, "fine": False, "why": "no"})
        self.has[name] = (0, 100) if wish.undo else (wish.version, wish.share)
        state = "undone" if wish.undo else "applied"
        return self._tell(name, "reported", {"desk": "", "serial": serial, "fine": True, "state": state})

    def _call(self, name: str) -> Told:
        version, share = self.has[name]
        by = version if self.chance.random() * 100 < share else 0
        fails = self.chance.random() < self.fails.get(by, 0.02)
        self.answered[name] += fails and by != 0
        outcome = "failed" if fails else self.chance.choice(["answered", "done", "done", "handed"])
        call = {"call": f"{self.seq[name]}", "channel": "gsm", "outcome": outcome, "seconds": 9.0}
        return self._tell(name, "call", {**call, "bundle": by})

    def _tell(self, name: str, kind: str, data: dict[str, Any]) -> Told:
        self.seq[name] += 1
        boot = f"{self.names.index(name):016x}"
        return Told(name, Message(boot, self.seq[name], self.store.now(), kind, data), self.store.now())

    def state(self, id: int) -> dict[str, Any]:
        return rollouts.one(self.store, id)


QUICK = Plan(((5, 20), (25, 50), (100, 100)), soak=600, calls=20)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, 200)
    yield made
    made.store.close()


def test_a_good_one_reaches_every_box_wave_by_wave(fleet: Fleet) -> None:
    version = fleet.bundle()
    id = rollouts.start(fleet.store, version, QUICK)
    waves = []
    for _ in range(60):
        fleet.pass_time(60)
        now = fleet.state(id)
        waves.append((now["wave"], now["sent"]))
        if now["state"] == "done":
            break
    assert now["state"] == "done"
    assert set(fleet.has.values()) == {(version, 100)}
    assert {(0, 10), (1, 50), (2, 200)} <= set(waves)
    assert [row.what for row in audit.entries(fleet.store) if row.what.startswith("rollout")] == [
        "rollout.started", "rollout.wave", "rollout.wave", "rollout.done",
    ]  # fmt: skip


def test_one_box_that_is_there_and_takes_nothing_keeps_no_rollout_from_its_end(fleet: Fleet) -> None:
    id = rollouts.start(fleet.store, fleet.bundle(), Plan(((100, 100),), soak=3600, calls=20))
    fleet.pass_time(120)
    fleet.deaf.add("box-7")
    rollouts.steer(fleet.store, id, "stop")
    fleet.pass_time(600)
    assert fleet.state(id)["state"] == "undoing"
    fleet.pass_time(600)
    assert fleet.state(id)["state"] == "stopped"
    # It is to go back all the same.
    fleet.deaf.clear()
    fleet.pass_time(60)
    assert fleet.has["box-7"] == (0, 100)


@databases.needs_postgres
def test_it_goes_on_and_back_in_postgresql(tmp_path: Path) -> None:
    server = databases.Server()
    fleet = Fleet(tmp_path, 12, where=server.database())
    fleet.a_minute = 3
    try:
        version = fleet.bundle()
        id = rollouts.start(fleet.store, version, Plan(((50, 100), (100, 100)), soak=300, calls=5))
        fleet.pass_time(400)
        assert fleet.state(id)["wave"] == 1
        assert fleet.state(id)["candidate"] > 0
        rollouts.steer(fleet.store, id, "stop", "anna")
        fleet.pass_time(120)
        assert (fleet.state(id)["state"], set(fleet.has.values())) == ("stopped", {(0, 100)})
    finally:
        fleet.store.close()
        server.close()


def test_it_hears_callers_over_midnight(fleet: Fleet) -> None:
    fleet.time += 86_400 - fleet.time % 86_400 - 300
    fleet.pass_time(STEP)
    id = rollouts.start(fleet.store, fleet.bundle(), QUICK)
    fleet.pass_time(600)
    before = fleet.state(id)["candidate"]
    fleet.pass_time(600)
    assert 0 < before < fleet.state(id)["candidate"]
    [(cursor, kept)] = fleet.store.read("select cursor, max(kept) from rollout, day")
    assert kept - cursor < 200


def test_one_that_fails_callers_comes_back_by_itself_and_one_wave_is_hurt(fleet: Fleet) -> None:
    version = fleet.bundle()
    fleet.fails[version] = 0.9
    id = rollouts.start(fleet.store, version, QUICK)
    began = fleet.time
    while fleet.state(id)["state"] != "failed":
        fleet.pass_time(30)
        assert fleet.time - began < 3600
    now = fleet.state(id)
    assert "completion" in now["why"]
    assert now["wave"] == 0
    hurt = sum(bool(each) for each in fleet.answered.values())
    print(f"after {fleet.time - began:.0f} s; {hurt} boxes and {sum(fleet.answered.values())} calls hurt")
    assert hurt <= 10
    assert (now["hit"], now["wrong"], now["had"]) == (hurt, sum(fleet.answered.values()), 10)
    assert set(fleet.has.values()) == {(0, 100)}
    fleet.pass_time(300)
    assert fleet.state(id)["state"] == "failed"


@pytest.mark.parametrize("how", ["gone", "refused"])
def test_installed_is_not_healthy(fleet: Fleet, how: str) -> None:
    """Boxes that take it and are not heard from again fail it; so do those that refuse it."""
    if how == "refused":
        fleet.refuses.update(fleet.names)
    id = rollouts.start(fleet.store, fleet.bundle(), QUICK)
    fleet.pass_time(2 * STEP)
    taken = [name for name in fleet.names if fleet.serial[name]]
    assert len(taken) == 10
    if how == "gone":
        fleet.dead.update(taken[:4])
    fleet.pass_time(400)
    now = fleet.state(id)
    assert (now["state"], now["wave"]) == ("failed", 0)
    assert "boxes are hurt" in now["why"]
    fleet.dead.clear()
    fleet.pass_time(2 * STEP)
    assert set(fleet.has.values()) == {(0, 100)}


def test_what_happens_to_all_boxes_alike_fails_no_rollout(fleet: Fleet) -> None:
    id = rollouts.start(fleet.store, fleet.bundle(), QUICK)
    fleet.pass_time(60)
    fleet.dead.update(fleet.chance.sample(fleet.names, 100))
    fleet.pass_time(400)
    assert fleet.state(id)["state"] == "running"


def test_people_pause_approve_resume_and_stop(fleet: Fleet) -> None:
    plan = Plan(QUICK.waves, 600, 20, approve=True)
    id = rollouts.start(fleet.store, fleet.bundle(), plan, begins=fleet.store.now() + 120_000)
    fleet.pass_time(60)
    assert fleet.state(id)["state"] == "scheduled"
    assert set(fleet.has.values()) == {(0, 100)}
    rollouts.steer(fleet.store, id, "pause")
    fleet.pass_time(120)
    assert fleet.state(id)["state"] == "paused"
    assert rollouts.steer(fleet.store, id, "resume") == "scheduled"
    fleet.pass_time(1200)
    assert (fleet.state(id)["state"], fleet.state(id)["sent"]) == ("waiting", 10)
    fleet.pass_time(600)
    assert fleet.state(id)["sent"] == 10
    rollouts.steer(fleet.store, id, "approve", "Ann")
    fleet.pass_time(30)
    assert fleet.state(id)["sent"] == 50
    with pytest.raises(ApplianceError, match="is running"):
        rollouts.steer(fleet.store, id, "approve")
    rollouts.steer(fleet.store, id, "stop", "Ann")
    fleet.pass_time(60)
    assert (fleet.state(id)["state"], fleet.state(id)["why"]) == ("stopped", "stopped by Ann")
    assert set(fleet.has.values()) == {(0, 100)}
    for wrong in ("stop", "burn"):
        with pytest.raises(ApplianceError):
            rollouts.steer(fleet.store, id, wrong)


def test_two_rollouts_are_not_for_the_same_boxes(fleet: Fleet) -> None:
    version = fleet.bundle()
    rollouts.start(fleet.store, version, Plan(site="Site 1"))
    rollouts.start(fleet.store, version, Plan(site="Site 2"))
    for plan in (Plan(), Plan(site="Site 1"), Plan(site="Nowhere")):
        with pytest.raises(ApplianceError):
            rollouts.start(fleet.store, version, plan)
    with pytest.raises(ApplianceError, match="no bundle"):
        rollouts.start(fleet.store, 99, Plan(site="Site 3"))


@pytest.mark.parametrize("waves", [(), ((50, 100), (10, 100)), ((0, 100),), ((100, 101),)])
def test_what_is_no_plan_is_none(waves: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ApplianceError):
        Plan(waves)


def test_a_worker_that_is_killed_at_any_moment_is_taken_up_by_the_next(tmp_path: Path) -> None:
    """kill -9, again and again: every box is told of every wave once, and it ends as it should."""
    fleet = Fleet(tmp_path, 40)
    fleet.store._now = time.time  # It is another process that looks at the clock.
    fleet.worker.turn = lambda: None  # type: ignore[method-assign]
    fleet.a_minute = 60
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.fleet.killed"])
    id = rollouts.start(fleet.store, fleet.bundle(), Plan(QUICK.waves, soak=0, calls=10))
    kills = 0
    ends = time.monotonic() + 120

    def row() -> list[Any]:
        return fleet.store.read("select state, wave, cursor from rollout")

    while fleet.state(id)["state"] != "done":
        assert time.monotonic() < ends, fleet.state(id)
        process = processes.Process(target=killed.rollouts, args=(str(tmp_path),), daemon=True)
        process.start()
        # It is killed soon after it has done something.
        before, until = row(), ends
        while time.monotonic() < until:
            fleet.pass_time(STEP)
            if row() != before:
                before, until = row(), min(until, time.monotonic() + fleet.chance.uniform(0, 0.2))
        process.kill()
        process.join()
        kills += 1
    assert kills > 2
    told = dict(
        fleet.store.read(
            "select n, count(*) from (select count(*) as n from desired group by device) group by n"
        )
    )
    assert told == {3: 2, 2: 8, 1: 30}
    assert set(fleet.has.values()) == {(1, 100)}
    fleet.store.close()


def test_the_plan_and_what_was_seen_are_plain_in_the_file(fleet: Fleet) -> None:
    id = rollouts.start(fleet.store, fleet.bundle(), QUICK)
    fleet.pass_time(120)
    [(plan, evidence)] = fleet.store.read("select plan, evidence from rollout where id = ?", id)
    assert json.loads(plan)["waves"] == [[5, 20], [25, 50], [100, 100]]
    assert json.loads(evidence)["evidence"]["rest"][0] > 0
