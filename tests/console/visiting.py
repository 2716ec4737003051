"""Visits to the box's page in a real browser: Debian's chromium."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.console.server import Console
from appliance.engines.resample import resample

HERE = Path(__file__).parent
CALLER = Path("/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav")
DESK = Path("/usr/share/asterisk/sounds/en_US_f_Allison/all-circuits-busy-now.wav")
Sound = NDArray[np.float64]

missing = [
    name
    for name, there in {
        "chromium": shutil.which("chromium"),
        "node": shutil.which("node"),
        "tests/console/node_modules (npm ci)": (HERE / "node_modules/playwright-core").is_dir(),
        "pocketsphinx-testdata": CALLER.exists(),
        "asterisk-core-sounds-en-wav": DESK.exists(),
    }.items()
    if not there
]


@dataclass
class Visit:
    """What came of a visit to the page."""

    readings: dict[str, Any]
    complaints: list[str]
    asked: list[str]
    sound: bytes
    rate: int

    @property
    def output(self) -> Sound:
        """What went to the speaker, at 16 kHz."""
        return as_sound(resample(self.sound, self.rate))


async def visit(console: Console, *steps: list[Any], **options: Any) -> Visit:
    """Do the steps on the page (see visit.js); the page must have nothing to complain of, and ask for
    nothing that is not on this machine."""
    asked = {"url": console.url, "chromium": shutil.which("chromium"), "steps": steps, **options}
    node = await asyncio.create_subprocess_exec(
        "node", str(HERE / "visit.js"), json.dumps(asked), stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await asyncio.wait_for(node.communicate(), 60)
    finally:
        if node.returncode is None:
            node.kill()
    told = json.loads(out)
    assert "failed" not in told, told
    assert told["complaints"] == [], told["complaints"]
    assert all(url.split("/")[2] == console.url.split("/")[2] for url in told["asked"])
    return Visit(
        told["readings"], told["complaints"], told["asked"], base64.b64decode(told["output"]), told["rate"]
    )


def as_sound(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)
