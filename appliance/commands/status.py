"""What is on and off, told to other programs of this box: a file in the service's folder in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from appliance.console.server import Status
from appliance.system.writing import write

NAME = "status.json"
FOLDER = Path("/run/appliance")
"""Where the service's desk tells it; RuntimeDirectory= of its unit."""

SAFE = "safe mode"
"""The name of the one status that a desk in safe mode has."""


def tell(folder: Path | None, statuses: Sequence[Status]) -> None:
    """Whole at every moment. Without a folder, or where it takes nothing, nobody is told."""
    if folder is None:
        return
    with suppress(OSError):
        told = {"process": os.getpid(), "status": [asdict(status) for status in statuses]}
        write(folder / NAME, json.dumps(told))


def told(folder: Path) -> list[Status] | None:
    """What the desk that runs has told; None where none runs."""
    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if not Path(f"/proc/{int(found['process'])}").exists():
            return None
        return [Status(**each) for each in found["status"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
