"""A box and a worker as processes of their own, to be killed at any moment."""

from __future__ import annotations

import time
from pathlib import Path

from appliance.errors import StorageError
from appliance.fleet.keeping.store import Store as FleetStore
from appliance.fleet.line import worker as workers
from appliance.fleet.line.source import Mosquitto
from appliance.fleet.line.worker import Worker
from appliance.fleet.membership.authority import Authority
from appliance.fleet.rollouts.rolling import Rollouts
from appliance.memory.events import insert
from appliance.memory.store import Store
from appliance.telemetry import client as clients
from appliance.telemetry.client import Address, Line
from appliance.telemetry.outbox import Outbox

EVERY = 0.004
"""Seconds between two things that happen to a box."""


def box(folder: str, port: int, stop: str) -> None:
    """Things happen, and are told, until the file `stop` is there; from then on they are only sent."""
    clients.RECONNECT = 0.02, 0.1
    clients.AGAIN = 0.3
    clients.LOOK = 0.01
    store = Store(Path(folder) / "desk.db")
    outbox = Outbox(store)
    store.tell = outbox.put
    Line(Address("lobby", "127.0.0.1", port), outbox).start()
    while True:
        if not Path(stop).exists():
            with store.write() as db:
                insert(db, "call", store.stamp(), "ended", {})
                db.tell("fault", {"what": "gsm", "on": True})
        time.sleep(EVERY)


def worker(store: str, socket: str) -> None:
    workers.AGAIN = 0.1
    source = Mosquitto(Path(socket))
    source.start()
    Worker(source, _opened(store)).start()
    while True:
        time.sleep(1)


def rollouts(folder: str) -> None:
    worker = Rollouts(_opened(Path(folder) / "fleet.db"), Authority(Path(folder) / "keys"))
    while True:
        worker.turn()


def _opened(store: Path | str) -> FleetStore:
    """When it is there: it may have been killed this moment."""
    while True:
        try:
            return FleetStore(store)
        except StorageError:
            time.sleep(0.05)
