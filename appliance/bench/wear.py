"""What a card has to bear: bytes that the desk writes in an hour, idle and busy.

Counted is what this process hands to the file system (/proc/self/io, write_bytes); the file system's own
journal comes on top. In memory nothing is counted, so the data folder is made where `--folder` says.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console

from appliance import config
from appliance.app import App
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Engine, Engines
from appliance.pulse import Pulse
from appliance.system.notify import Manager

IO = Path("/proc/self/io")
NONE = Engine("none")
TEXT_ONLY = Engines(NONE, NONE, NONE, NONE, NONE, Engine("words"), NONE, NONE)
"""What is written does not depend on who hears and speaks."""

CALL = (
    "hello", "when are you open", "can I leave a message", "This is Ann Smith, please call me back at noon.",
    "no thank you", "goodbye",
)  # fmt: skip
"""A call after which something is kept: seven turns and a message."""

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Wear:
    idle: int
    """Bytes in an hour in which nobody calls. The scripted calls of the watchdog are held all the while."""
    call: int
    """Bytes a call."""
    calls: int
    """Calls an hour that `busy` is told for."""

    @property
    def busy(self) -> int:
        """Bytes in an hour of so many calls."""
        return self.idle + self.calls * self.call


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="appliance bench wear", description=__doc__)
    parser.add_argument("--desk", type=Path, help="a desk file (default: the one that ships)")
    parser.add_argument("--folder", type=Path, default=Path(), help="where to write; not in memory")
    parser.add_argument("--seconds", type=float, default=60.0, help="for which an idle desk is watched")
    parser.add_argument("--calls", type=int, default=20, help="calls an hour of a busy desk")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if not IO.exists():
        print("appliance: this system does not count what is written (/proc/self/io)", file=sys.stderr)
        return 1
    desk, _ = config.read_desk(options.desk)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="wear-") as folder:
        wear = asyncio.run(measure(Path(folder), desk, options.seconds, options.calls))
    if options.json:
        print(json.dumps({**asdict(wear), "busy": wear.busy}))
        return 0
    console = Console(highlight=False)
    console.print(f"idle              {wear.idle / 1000:10.0f} kB an hour")
    console.print(f"a call            {wear.call / 1000:10.0f} kB")
    console.print(f"{wear.calls:3} calls an hour {wear.busy / 1000:10.0f} kB an hour")
    return 0


async def measure(folder: Path, desk: config.DeskFile, seconds: float, calls: int) -> Wear:
    """Watch an idle desk for so many seconds, then hold a few calls."""
    box = config.Box(folder, engines=TEXT_ONLY)
    async with App(box, replace(desk, documents="")) as app:
        await app.prepared()
        await hold(app, "first")  # The first call makes what others find.
        beating = asyncio.create_task(Pulse(app, Manager({})).beat())
        idle = await written(asyncio.sleep(seconds))
        beating.cancel()
        busy = await written(hold(app, *map(str, range(calls))))
    return Wear(round(idle * HOUR / seconds), round(busy / calls), calls)


async def hold(app: App, *names: str) -> None:
    for name in names:
        await app.chat(ScriptedCaller(CALL, name))


async def written(work: Awaitable[None]) -> int:
    """Bytes that were written while it was done."""
    before = _count()
    await work
    return _count() - before


def _count() -> int:
    counted = dict(line.split(": ") for line in IO.read_text().splitlines())
    return int(counted["write_bytes"])
