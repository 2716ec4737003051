"""A fleet server that runs, with a real broker and real certificates, on free ports of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from appliance.access import passwords
from appliance.fleet.membership import members
from appliance.fleet.serve import Fleet, Page, Ports
from appliance.memory.store import Store
from appliance.orders import membership
from appliance.telemetry import client as clients
from appliance.telemetry import enrol
from appliance.telemetry.client import Address, Line
from appliance.telemetry.outbox import Outbox
from tests.fleet import databases
from tests.fleet.desks import Desk, Make
from tests.fleet.stored import Server
from tests.ports import free_port

FAULT = {"what": "gsm", "on": False, "why": "no modem"}


@pytest.fixture(autouse=True, scope="session")
def _light() -> Iterator[None]:
    """Passwords are hashed as argon2 does it, only with less work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher.from_parameters(CHEAPEST))
        yield


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "RECONNECT", (0.05, 0.2))
    monkeypatch.setattr(clients, "AGAIN", 0.5)
    monkeypatch.setattr(clients, "LOOK", 0.02)


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    ports = Ports(free_port(), free_port(), free_port())
    async with Fleet(tmp_path / "f", "127.0.0.1", ports, page=Page(open=True)) as made:
        yield made


class Box:
    """What of a box the fleet sees: enrolled, and with an outbox."""

    def __init__(self, folder: Path, fleet: Fleet, name: str, **on: Any) -> None:
        self.name = name
        [code] = members.invite(fleet.store, fleet.authority, [name], "North").values()
        self.table = enrol.enrol(code, f"127.0.0.1:{fleet.ports.door}", folder / name)
        self.store = Store(folder / name / "desk.db")
        self.outbox = Outbox(self.store)
        keys = [folder / name / f"{each}.pem" for each in ("ca", "certificate", "key")]
        self.line = Line(Address(name, "127.0.0.1", fleet.ports.broker, *keys), self.outbox, **on)
        self.line.start()

    @property
    def waiting(self) -> int:
        return self.outbox.waiting().count

    def close(self) -> None:
        self.line.stop()
        self.store.close()


def made(fleet: Fleet, name: str) -> list[tuple[str, int]]:
    """Start and number of each message of a box that the fleet has."""
    return [
        (boot, seq)
        for boot, seq in fleet.store.read(
            """select boot.id, seq from message join boot on boot.number = boot join box on box.id = box
                where name = ? order by 1, 2""",
            name,
        )
    ]


@pytest.fixture(scope="module")
def postgres() -> Iterator[databases.Server]:
    made = databases.Server()
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=databases.needs_postgres)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Over both: what is true of one is true of the other."""
    if request.param == "sqlite":
        made = Server(tmp_path / "fleet.db")
    else:
        made = Server(request.getfixturevalue("postgres").database())
    yield made
    made.store.close()


@pytest.fixture
def desk_of(tmp_path: Path, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setattr(membership, "LOOK", 0.05)
    return lambda questions="count": Desk(tmp_path, fleet, questions)
