"""A thousand calls in a row while everything fails: each has an end, a record and a recording that plays, and
nothing is left of it: no leg, file handle, thread or megabyte."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.audio_server import until
from tests.channels.storm import Footprint, office

SEED = int(os.environ.get("STORM_SEED", "1"))
CALLS = int(os.environ.get("STORM_CALLS", "1000"))
"""Of the slow test: in pieces, each with another seed."""

WARM = CALLS // 2
"""Calls after which all that is kept for good is there: lines that were spoken, pages of the store."""

MEGABYTES = 6.0
"""What Python's heap and glibc's may differ by without a leak."""


async def test_some_calls_in_a_storm(tmp_path: Path) -> None:
    async with office(tmp_path, SEED, modems=9, sip=False) as there:
        before = Footprint.now()
        await there.calls(range(16))
        await there.settled()
        await until(lambda: len(asyncio.all_tasks()) <= before.tasks, within=10)
        after = Footprint.now()
        assert there.wrong == []
        there.examine(tmp_path)
    assert after.files <= before.files
    assert after.threads <= before.threads
    assert after.tasks <= before.tasks


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_thousand_calls_in_a_storm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with office(tmp_path, SEED, modems=9) as there:
        await there.calls(range(WARM))
        await there.settled()
        before, laid_in = Footprint.now(), there.spoken
        await there.calls(range(WARM, CALLS))
        await there.settled()
        after, spoken = Footprint.now(), there.spoken
        with capsys.disabled():
            print(f"\n{CALLS} calls of seed {SEED}, {len(there.desk.talks)} of them answered: {there.kinds}")
            print(f"before {before}, {laid_in:.1f} MB of spoken lines")
            print(f"after  {after}, {spoken:.1f} MB of spoken lines")
            print(*there.wrong, sep="\n")
        there.examine(tmp_path)
    assert there.wrong == []
    assert after.files <= before.files
    assert after.threads <= before.threads
    assert after.tasks <= before.tasks
    assert after.memory - before.memory - (spoken - laid_in) < MEGABYTES
