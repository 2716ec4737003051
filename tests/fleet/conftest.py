"""A fleet server that runs, with a real broker and real certificates, on free ports of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from appliance.access import passwords
from appliance.fleet import members
from appliance.fleet.serve import Fleet, Page, Ports
from appliance.memory.store import Store
from appliance.telemetry import client as clients
from appliance.telemetry import enrol
from appliance.telemetry.client import Address, Line
from appliance.telemetry.outbox import Outbox
from tests.telemetry.brokers import free_port

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


async def until(found: Any, seconds: float = 10) -> None:
    """Wait until `found()` is true."""
    ends = asyncio.get_running_loop().time() + seconds
    while not (last := found()):
        assert asyncio.get_running_loop().time() < ends, last
        await asyncio.sleep(0.01)


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
