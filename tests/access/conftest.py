from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
def _quick(quick_hashes: None) -> None:
    pass


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> Iterator[House]:
    made = House(tmp_path / "access.db", ROLES, "desk", clock)
    yield made
    made.close()
