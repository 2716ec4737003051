"""Broker, worker, database and box are killed at random, again and again: what was made is stored, all of it,
once."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from appliance.fleet.keeping.store import Store as FleetStore
from appliance.memory.store import Store
from tests.fleet import databases, killed
from tests.telemetry.brokers import PlainBroker, needs_mosquitto, wait_for

pytestmark = needs_mosquitto

SLOW = int(os.environ.get("ROUNDS", "1000"))


class Everything:
    def __init__(self, folder: Path, database: databases.Server | None) -> None:
        # What is forked has no thread of this program, and has all it imports already.
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["tests.fleet.killed"])
        self._folder = str(folder)
        self.stop = folder / "stop"
        self.database = database
        self._where = database.database() if database else str(folder / "fleet.db")
        self.fleet = FleetStore(self._where)
        with self.fleet.write() as db:
            db.execute("insert into box (name, since) values ('lobby', 0)")
        self.broker = PlainBroker(folder)
        self.worker = self._worker()
        self.box = self._box()

    def _start(self, what: Callable[..., None], *arguments: object) -> BaseProcess:
        process = self._processes.Process(target=what, args=arguments, daemon=True)
        process.start()
        return process

    def _worker(self) -> BaseProcess:
        return self._start(killed.worker, self._where, str(self.broker.socket))

    def _box(self) -> BaseProcess:
        return self._start(killed.box, self._folder, self.broker.port, str(self.stop))

    def kill(self, who: str) -> None:
        if who == "database" and self.database:
            self.database.kill()
            self.database.start()
        elif who == "broker":
            self.broker.kill()
            self.broker.start()
        elif who == "worker":
            self.worker.kill()
            self.worker.join()
            self.worker = self._worker()
        else:
            self.box.kill()
            self.box.join()
            self.box = self._box()

    def close(self) -> None:
        for process in (self.box, self.worker):
            process.kill()
            process.join()
        self.broker.kill()
        self.fleet.close()


def rounds(
    folder: Path, count: int, chance: random.Random, database: databases.Server | None = None
) -> tuple[int, int]:
    """How many things happened, and how many starts the box had."""
    all_of_it = Everything(folder, database)
    victims = ["broker", "worker", "box", *(["database"] if database else [])]
    try:
        for _ in range(count):
            time.sleep(chance.uniform(0.0, 0.25))  # When it happens is up to chance.
            all_of_it.kill(chance.choice(victims))
        all_of_it.stop.touch()
        box = Store(folder / "desk.db")
        wait_for(lambda: box.read("select count(*) from outbox") == [(0,)], 60)
        [(happened,)] = box.read("select count(*) from event")
        fleet = all_of_it.fleet
        assert fleet.read("select count(*), count(distinct boot || ' ' || seq) from message") == [
            (happened, happened)
        ]
        for boot, low, high, stored in fleet.read(
            "select boot, min(seq), max(seq), count(*) from message group by 1"
        ):
            assert (low, stored) == (1, high)
            assert fleet.read("select first, last from seen where boot = ?", boot) == [(1, high)]
        [(starts,)] = fleet.read("select count(*) from boot")
        box.close()
        return happened, starts
    finally:
        all_of_it.close()


@pytest.fixture
def database() -> Iterator[databases.Server]:
    made = databases.Server()
    yield made
    made.close()


def test_a_few_kills(tmp_path: Path) -> None:
    happened, starts = rounds(tmp_path, 12, random.Random(20))
    assert happened > 20
    assert starts > 1


@pytest.mark.slow
def test_very_many_kills(tmp_path: Path) -> None:
    """ROUNDS of them, 1,000 if nothing is said; SEED begins them elsewhere."""
    happened, starts = rounds(tmp_path, SLOW, random.Random(int(os.environ.get("SEED", "1"))))
    print(f"{SLOW} kills: {happened} made, stored once, in {starts} starts of the box")


@databases.needs_postgres
def test_a_few_kills_of_the_database_too(tmp_path: Path, database: databases.Server) -> None:
    happened, _ = rounds(tmp_path, 12, random.Random(3), database)
    assert happened > 20


@pytest.mark.slow
@pytest.mark.timeout(580)
@databases.needs_postgres
def test_very_many_kills_of_the_database_too(tmp_path: Path, database: databases.Server) -> None:
    happened, starts = rounds(tmp_path, SLOW, random.Random(int(os.environ.get("SEED", "1"))), database)
    print(f"{SLOW} kills: {happened} made, stored once, in {starts} starts of the box")
