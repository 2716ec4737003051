"""A new system for the machine: handed to what can install one, where there is such. A box that runs from the
image has units of its own for that (image/update): they write it between calls, try it with a start, and keep
it if the box is well. Elsewhere RAUC itself is asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from pathlib import Path

from appliance.errors import ApplianceError

PROGRAM = "rauc"

TRIED = Path("/data/update/tried.json")
"""On the image: what became of each system, by its sha256; installing, trying, committed, failed, refused."""

ENDED = {
    "failed": "the system was not installed, or the box was not well with it",
    "refused": "the system is not signed by whom this box trusts, or not for such a box",
}

OFFERED = "updates"
"""Where in the data folder the image looks for systems."""

PATIENCE = 1800.0
"""Seconds that it may take to write a system."""

BETWEEN_CALLS = 7200.0
"""Seconds that the image may take, which waits until nobody is on the line."""

LOOK = 2.0
"""Seconds between two looks what became of it."""


async def install(bundle: Path, data: Path) -> None:
    """Into the other half of the disk, from which the machine starts the next time. `bundle` is named by its
    sha256 and lies in the `data` folder. On the image the machine starts anew meanwhile: who asks again then
    goes on waiting. ApplianceError where the machine cannot be given a system, or it is none for it."""
    if TRIED.parent.is_dir():
        await _by_the_image(bundle, data / OFFERED)
    else:
        await _by_rauc(bundle)


async def _by_the_image(bundle: Path, folder: Path) -> None:
    waited = 0.0
    while (became := _became(bundle.name)) != "committed":
        if became in ENDED:
            raise ApplianceError(ENDED[became], "see the log of appliance-install on the box")
        if waited >= BETWEEN_CALLS:
            raise ApplianceError("the system was not installed in time", "see the log of appliance-install")
        if became != "trying":
            _offer(bundle, folder / f"{bundle.name}.raucb")
        await asyncio.sleep(LOOK)
        waited += LOOK


def _offer(bundle: Path, offered: Path) -> None:
    """By another name of the same file: it is whole at once, and takes no room."""
    offered.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.link(bundle, offered)


def _became(sha256: str) -> str:
    """Empty where nobody has seen it yet."""
    try:
        told = json.loads(TRIED.read_text())
    except (OSError, ValueError):
        return ""
    return str(told.get(sha256, "")) if isinstance(told, dict) else ""


async def _by_rauc(bundle: Path) -> None:
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
