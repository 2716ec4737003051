from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.access import passwords
from appliance.access.house import House

ROLES = ("visitor", "manager", "admin")
GOOD = "tall green kettle sings"
BETTER = "nine brass owls at noon"


class Clock:
    """Seconds since 1970, as they are set."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes as argon2 makes them, only of less work, for passwords are hashed often here."""
    from argon2 import PasswordHasher
    from argon2.profiles import CHEAPEST

    monkeypatch.setattr(passwords, "_hasher", PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> Iterator[House]:
    made = House(tmp_path / "access.db", ROLES, "desk", clock)
    yield made
    made.close()
