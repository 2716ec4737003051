"""How the tests share a machine: on two sides, each file on one of them."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

REAL_TIME = tuple(
    f"tests/{name}" for name in ("channels/test_", "console/", "test_command.py", "test_real_desk.py")
)
"""Tests that listen and speak at the pace of people: all on one side, so that each has a core to itself."""


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed by argon2 still, but with the least work."""
    from argon2 import PasswordHasher
    from argon2.profiles import CHEAPEST

    from appliance.access import passwords

    monkeypatch.setattr(passwords, "_hasher", PasswordHasher.from_parameters(CHEAPEST))


class Sides(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return "real time" if nodeid.startswith(REAL_TIME) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sides:
    return Sides(config, log)
