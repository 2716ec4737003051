"""Whether the server takes what boxes tell; for as long as it does, the watchdog is fed."""

from __future__ import annotations

import asyncio
import logging

from appliance.errors import ApplianceError
from appliance.fleet.serve import Fleet
from appliance.system.notify import Manager

log = logging.getLogger(__name__)

BEATS = 4
"""Looks in the time that the service manager waits for a word."""

USUALLY = 40.0
"""Seconds it is taken to wait where nobody waits."""


async def beat(fleet: Fleet, manager: Manager) -> None:
    """Until cancelled. The server is ready once its worker has gone its first round."""
    every = (manager.watchdog or USUALLY) / BEATS
    ready, rounds = False, 0
    while True:
        why = await _unwell(fleet, every)
        if not why and fleet.worker.rounds == rounds:
            why = "the worker hangs"
        rounds = fleet.worker.rounds
        if why:
            # While it starts, the worker has not gone a round yet.
            level = logging.ERROR if ready else logging.INFO
            log.log(level, "the server does not take what boxes tell: %s", why)
            manager.tell(STATUS=why)
        else:
            if not ready:
                ready = True
                manager.tell(READY=1)
            manager.tell(WATCHDOG=1, STATUS="taking what boxes tell")
        await asyncio.sleep(every if ready else 0.1)


async def _unwell(fleet: Fleet, within: float) -> str:
    """Why its memory cannot be read, in words; empty where it can."""
    try:
        async with asyncio.timeout(within):
            await asyncio.to_thread(fleet.store.read, "select count(*) from box")
    except TimeoutError:
        return "its memory hangs"
    except ApplianceError as error:
        return str(error)
    return ""
