"""Whether a call can be answered, found out by holding one; for as long as it can, the watchdog is fed."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from appliance.actions import Hands, Runner
from appliance.app import App
from appliance.channels.scripted import ScriptedCaller
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import Notice, Turn
from appliance.notify import Manager
from appliance.served import UNSENT, Place

log = logging.getLogger(__name__)

SCRIPT = ("What can you do for me today?",)
"""What the scripted caller says. Whatever the desk makes of it, it must answer."""

BEATS = 4
"""Calls held in the time that the service manager waits for one."""

USUALLY = 40.0
"""Seconds it is taken to wait where nobody waits."""

STEADY = 600.0
"""Seconds without trouble after which the box counts as mended."""

REBOOTED = "rebooted"
"""A file in the service's own folder: the box was started anew because the desk would not stay up. The next
time it will not, it goes into safe mode."""


class Unwell(Exception):
    """A call cannot be answered."""


class Pulse:
    """Holds a scripted call every few seconds, through the same loop, knowledge and threads as everybody's,
    and feeds the watchdog after each that was answered. A loop, a thread or a disk that hangs ends that."""

    def __init__(self, app: App, manager: Manager, status: Callable[[], str] = lambda: "answering") -> None:
        """`status` is what the service manager shows of it, in a line."""
        self._app = app
        self._manager = manager
        self._status = status
        self._well_since: float | None = None

    async def beat(self) -> None:
        """Until cancelled. The first call that is answered makes the desk ready."""
        every = (self._manager.watchdog or USUALLY) / BEATS
        while True:
            began = time.monotonic()
            try:
                await answers(self._app, 2 * every)
            except Unwell as trouble:
                self._well_since = None
                log.error("the desk does not answer: %s", trouble)
                self._manager.tell(STATUS=f"does not answer: {trouble}")
            else:
                self._feed()
            await asyncio.sleep(max(0.0, began + every - time.monotonic()))

    def _feed(self) -> None:
        now = time.monotonic()
        if self._well_since is None:
            self._well_since = now
            self._manager.tell(READY=1)
        self._manager.tell(WATCHDOG=1, STATUS=self._status())
        if self._manager.state and now - self._well_since > STEADY:
            with suppress(OSError):
                (self._manager.state / REBOOTED).unlink(missing_ok=True)


async def answers(app: App, within: float) -> None:
    """Hold the scripted call. Raises Unwell where any part of it does not come within so many seconds."""
    caller = _Caller()
    part = "the threads"
    try:
        async with asyncio.timeout(within):
            for name, thread in app.threads.items():
                part = f"the {name} thread"
                await thread.run(int)
            part = "the file of what is kept"
            await app.place.memory.run(app.place.store.read, "select count(*) from sqlite_schema")
            part = "the conversation"
            with tempfile.TemporaryDirectory(dir=IN_MEMORY, prefix="appliance-") as folder:
                await _talk(app, caller, Path(folder))
    except TimeoutError:
        raise Unwell(f"{part} hangs") from None
    except Exception as error:
        raise Unwell(f"{part} failed ({error})") from error
    if len(caller.turns) <= len(SCRIPT) or not all(turn.spoken.text for turn in caller.turns):
        raise Unwell("a scripted caller got no answer")


IN_MEMORY = shm if (shm := Path("/dev/shm")).is_dir() else None
"""A folder that wears no card."""


async def _talk(app: App, caller: ScriptedCaller, folder: Path) -> None:
    """As everybody talks to the desk, but in a place where nothing is kept and nobody reached."""
    memory = app.place.memory
    store = await memory.run(Store, folder / "desk.db")
    try:
        place = Place(store, Notebook(store, memory), memory, Hands(memory), trial=True)
        runner = Runner(store, app.desk.actions, UNSENT)
        await app.chat(caller, replace(app.served, place=place, runner=runner))
    finally:
        store.close()


class _Caller(ScriptedCaller):
    channel = "pulse"

    def __init__(self) -> None:
        super().__init__(SCRIPT, "pulse")
        self.turns: list[Turn] = []

    def notice(self, what: Notice) -> None:
        super().notice(what)
        if isinstance(what, Turn):
            self.turns.append(what)
