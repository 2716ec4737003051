"""A desk that is killed at random moments books once or not at all, and never forgets what it told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_kills_around_confirmed_bookings(tmp_path: Path, rounds: int) -> None:
    script = [sys.executable, "-m", "tests.actions.killed", str(tmp_path / "desk.db"), str(rounds), "7"]
    done = subprocess.run(
        script, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent.parent
    )
    found = json.loads(done.stdout)
    print(found)
    assert found["told"] > rounds / 5
    assert found["killed_between_yes_and_outcome"] > rounds / 50
    assert found["not_ok"] == []
    assert found["twice"] == []
    assert found["told_but_lost"] == []
    assert found["confirmed_but_lost"] == []
    assert found["booked_without_outcome"] == []
    assert found["damage"] == "ok"
