"""A new system for the machine: handed to what can install one, where there is such."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from appliance.errors import ApplianceError

PROGRAM = "rauc"

PATIENCE = 1800.0
"""Seconds that it may take to write a system."""


async def install(bundle: Path) -> None:
    """Into the other half of the disk, from which the machine starts the next time. ApplianceError where the
    machine cannot be given a system, or it is none for it."""
    program = shutil.which(PROGRAM)
    if not program:
        raise ApplianceError(
            "this machine cannot be given a system: RAUC is not on it", "install the image, see installer.md"
        )
    process = await asyncio.create_subprocess_exec(
        program, "install", str(bundle), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    except TimeoutError as error:
        process.kill()
        raise ApplianceError("the system was not installed in time", "see the log of rauc") from error
    if process.returncode:
        last = out.decode(errors="replace").strip().splitlines()[-1:] or ["it did not say why"]
        raise ApplianceError(f"the system was not taken: {last[0][:300]}", "see the log of rauc")
