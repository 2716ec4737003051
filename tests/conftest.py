"""How the tests share a machine: on two sides, each file on one of them, and none keeps what others need."""

from __future__ import annotations

import ctypes
import gc
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

settings.register_profile("desk", deadline=None)  # How long an example takes tells of the neighbours.
settings.load_profile("desk")

REAL_TIME = tuple(
    f"tests/{name}" for name in ("channels/test_", "console/", "test_command.py", "test_real_desk.py")
)
"""Tests that listen and speak at the pace of people: all on one side, so that each has a core to itself."""

GROWN = 200.0
"""MB that a process may grow by before it is tidied."""

_left = 0.0
"""MB that it had when it last was."""


@pytest.fixture(scope="module", autouse=True)
def tidied() -> Iterator[None]:
    """Engines are hundreds of MB. Calls that are over hold them in rings until these are collected, which is
    seldom where there is as much else as here; and the allocator holds what was freed."""
    global _left
    yield
    if resident() > _left + GROWN:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        _left = resident()


@pytest.fixture(scope="module", autouse=True)
def log_level() -> Iterator[None]:
    """A bench that is tried here makes the log quiet for all that comes after it in the process."""
    logger = logging.getLogger("appliance")
    level = logger.level
    yield
    logger.setLevel(level)


def resident() -> float:
    """MB of this process's own."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in line]
    return int(line.split()[1]) * 1024 / 1e6


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


@pytest.fixture
def summer_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that has it, from the last Sunday of March to that of October."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
