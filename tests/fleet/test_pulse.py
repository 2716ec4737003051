"""The watchdog of a fleet's server is fed for as long as it takes what boxes tell."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from appliance.fleet.pulse import beat
from appliance.fleet.serve import Fleet
from tests.telemetry.brokers import needs_mosquitto
from tests.test_pulse import Listener

pytestmark = needs_mosquitto


async def test_a_worker_that_hangs_ends_the_feeding(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener(tmp_path, watchdog=2.0)
    beating = asyncio.create_task(beat(fleet, listener.manager))
    free = threading.Event()
    try:
        async with asyncio.timeout(20):
            while await listener.told() != "READY=1":
                pass
            assert await listener.told() == "WATCHDOG=1\nSTATUS=taking what boxes tell"
            monkeypatch.setattr(fleet.source, "fetch", lambda *_: free.wait() and [])
            while (told := await listener.told()).startswith("WATCHDOG"):
                pass
            assert told == "STATUS=the worker hangs"
            monkeypatch.undo()
            free.set()
            while not (await listener.told()).startswith("WATCHDOG"):
                pass
    finally:
        free.set()
        beating.cancel()
        listener.close()
