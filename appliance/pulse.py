"""Whether a call can be answered, found out by holding one; for as long as it can, the watchdog is fed."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from appliance.actions import Hands, Runner
from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.channels.scripted import ScriptedCaller
from appliance.config import SHIPPED, Engines
from appliance.engines.thread import EngineThread, efforts
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import Heard, Notice, Turn
from appliance.serving import lastline
from appliance.serving.served import UNSENT, Place, Served
from appliance.system.notify import Manager

log = logging.getLogger(__name__)

SCRIPT = ("What can you do for me today?",)
"""What the scripted caller says. Whatever the desk makes of it, it must answer."""

BEATS = 4
"""Calls held in the time that the service manager waits for one."""

USUALLY = 40.0
"""Seconds it is taken to wait where nobody waits."""

BY_SOUND = 900.0
"""Seconds between two calls by sound, each of which takes a few seconds of a core's time."""

AGAIN = 2.0
"""Seconds before one that failed is tried again."""

SOUND_WITHIN = 60.0
"""Seconds that it may take; it takes a quarter of that."""

PATIENT = 20.0
"""Seconds that its caller waits for an answer: a box that has much to do takes longer, and is not deaf."""

LONGEST = 120.0
"""Seconds that one piece of work may take, as long as it can be seen to get on; then it goes round in
circles."""

LET_GO = 1.0
"""Seconds in which a call that hangs is given up."""

STEADY = 600.0
"""Seconds without trouble after which the box counts as mended."""

FILE = "the file of what is kept"

REBOOTED = "rebooted"
"""A file in the service's own folder: the box was started anew because the desk would not stay up. The next
time it will not, it goes into safe mode."""


class Unwell(Exception):
    """A call cannot be answered."""


class Pulse:
    """Holds a scripted call every few seconds, through the same loop, knowledge and threads as everybody's,
    and feeds the watchdog after each that was answered. A loop, a thread or a disk that hangs ends that; so
    does a desk that is found to be deaf or dumb by a call by sound, which is held now and then."""

    def __init__(self, app: App, manager: Manager, status: Callable[[], str] = lambda: "answering") -> None:
        """`status` is what the service manager shows of it, in a line."""
        self._app = app
        self._manager = manager
        self._status = status
        self._ready = False
        self.answering = False
        """Whether callers are answered, be it late, as far as is known."""
        self._well_since: float | None = None
        self._deaf = ""
        self._deaf_at = 0
        """How much had been heard before it was found to be deaf."""

    async def beat(self) -> None:
        """Until cancelled. The first call that is answered makes the desk ready."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._by_text())
            if self._app.hearing and self._app.speech and self._app.box.engines.asr.engine != "fake":
                group.create_task(self._by_sound())

    async def _by_text(self) -> None:
        every = (self._manager.watchdog or USUALLY) / BEATS
        while True:
            began = time.monotonic()
            try:
                slow = await answers(self._app, 2 * every)
                # Whoever was heard since has proved it wrong.
                if self._deaf and self._app.heard == self._deaf_at:
                    raise Unwell(self._deaf)
            except Unwell as trouble:
                self.answering, self._well_since = False, None
                log.error("the desk does not answer: %s", trouble)
                self._manager.tell(STATUS=f"does not answer: {trouble}")
            else:
                self._feed(slow)
            # From now on: what makes the next answers quicker would have kept the first caller waiting.
            self._app.at_ease.set()
            await asyncio.sleep(max(0.0, began + every - time.monotonic()))

    async def _by_sound(self) -> None:
        """Once may be bad luck; twice is no luck."""
        await self._app.prepared()
        failures = 0
        while True:
            await self._app.leave.nobody()
            before = self._app.heard
            try:
                if not await self._undisturbed():
                    continue
                failures, self._deaf = 0, ""
            except Unwell as trouble:
                failures += 1
                log.warning("a call by sound: %s", trouble)
                if failures > 1:
                    self._deaf, self._deaf_at = str(trouble), before
            await asyncio.sleep(AGAIN if failures else BY_SOUND)

    async def _undisturbed(self) -> bool:
        """Hold a call by sound, and give way to whoever calls: then it tells nothing. Raises Unwell."""
        holding = asyncio.create_task(hears(self._app, SOUND_WITHIN))
        coming = asyncio.create_task(self._app.leave.somebody())
        try:
            await asyncio.wait({holding, coming}, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                return False
            holding.result()
            return True
        finally:
            for task in (holding, coming):
                task.cancel()
            await asyncio.wait({holding, coming})

    def _feed(self, slow: str) -> None:
        """`slow`: what keeps callers waiting and gets on, if anything does. It is let finish, for who is
        killed over it would only begin it again; but nobody is ready by it."""
        now = time.monotonic()
        if slow:
            self._well_since = None
            self.answering = self._ready
            if self._ready:
                self._manager.tell(WATCHDOG=1, STATUS=f"answers late: {slow}")
            return
        self.answering = True
        if not self._ready:
            self._ready = True
            self._manager.tell(READY=1)
        if self._well_since is None:
            self._well_since = now
        self._manager.tell(WATCHDOG=1, STATUS=self._status())
        if self._manager.state and now - self._well_since > STEADY:
            with suppress(OSError):
                (self._manager.state / REBOOTED).unlink(missing_ok=True)


async def answers(app: App, within: float) -> str:
    """Hold the scripted call. What is slow and keeps it waiting, in words; empty where it was answered.
    Raises Unwell where any part of it does not come within so many seconds and nothing can be seen to get
    on."""
    caller, memory = _Caller(), app.place.memory
    own = {f"the {name} thread": thread for name, thread in threads(app).items()}
    half = time.monotonic() + within / 2
    parts: dict[str, asyncio.Task[Any]] = {
        part: asyncio.create_task(thread.run(time.monotonic)) for part, thread in own.items()
    }
    own[FILE] = memory
    parts[FILE] = asyncio.create_task(memory.run(app.place.store.read, "select count(*) from sqlite_schema"))
    finished, before = {part: thread.done for part, thread in own.items()}, efforts()
    chat = parts["the conversation"] = asyncio.create_task(_chat(app, caller))
    slow = ""
    try:
        await asyncio.wait(parts.values(), timeout=within)
        for part, doing in parts.items():
            if doing.done():
                if error := doing.exception():
                    raise Unwell(f"{part} failed ({error})") from error
            elif part in own:
                late = _work(part, own[part], finished[part], before)
                slow = slow or late
            elif not (slow := slow or _kept_waiting(own, parts, half)):
                raise Unwell(f"{part} hangs")
    finally:
        for doing in parts.values():
            doing.cancel()
        await asyncio.wait(parts.values(), timeout=LET_GO)
    if not chat.done() or chat.cancelled():
        return slow
    if len(caller.turns) <= len(SCRIPT) or not all(turn.spoken.text for turn in caller.turns):
        raise Unwell("a scripted caller got no answer")
    return ""


def _work(part: str, thread: EngineThread, finished: int, before: Counter[str]) -> str:
    """What a thread is at that did not come to ours in time, in words; Unwell where it hangs. It does not
    where it has finished something, waits for a reader, or makes an effort; the last two for so long."""
    lasts = time.monotonic() - (thread.began or time.monotonic())
    stuck = not thread.awaits and efforts()[thread.name] == before[thread.name]
    if thread.done == finished and (stuck or lasts > LONGEST):
        raise Unwell(f"{part} hangs")
    return f"{part} has much to do, one thing for {lasts:.0f} s"


def _kept_waiting(own: dict[str, EngineThread], parts: dict[str, asyncio.Task[Any]], half: float) -> str:
    """Which thread left a conversation less than half of its time, in words, where ours has been done by all:
    it came to ours later than `half`, or began before that what it is at now. Whether that ends, the next
    time tells."""
    for part, thread in own.items():
        if part != FILE and (parts[part].result() > half or (thread.began or half) < half):
            return f"{part} has just had much to do"
    return ""


async def _chat(app: App, caller: _Caller) -> None:
    async with _nowhere(app) as served:
        await app.chat(caller, served)


IN_MEMORY = shm if (shm := Path("/dev/shm")).is_dir() else None
"""A folder that wears no card."""


def threads(app: App) -> dict[str, EngineThread]:
    """Those without which no caller is answered. The LLM's is none of them: a desk does without it, and it
    may be at work for long."""
    kinds = (field.name for field in fields(Engines) if field.name != "llm")
    engines = {kind: thread for kind in kinds if (thread := app.engine(kind)[1])}
    return {"memory": app.place.memory, **engines}


async def hears(app: App, within: float) -> None:
    """Hold a call by sound, in real time: somebody says something to the desk, and it hears words and speaks.
    Raises Unwell where it does not."""
    caller = _Speaker()
    try:
        async with asyncio.timeout(within), _nowhere(app) as served:
            await app.talk(caller, served=served)
    except TimeoutError:  # A desk that hears nothing asks again and again.
        if caller.heard:
            raise Unwell("a call by sound does not end") from None
    except Exception as error:
        raise Unwell(f"a call by sound failed ({error})") from error
    if not caller.answers:
        raise Unwell("the desk says nothing")
    if not caller.heard:
        raise Unwell("the desk does not hear what is said to it")


@asynccontextmanager
async def _nowhere(app: App) -> AsyncIterator[Served]:
    """What everybody is served by, but in a place where nothing is kept and nobody reached."""
    memory = app.place.memory
    with tempfile.TemporaryDirectory(dir=IN_MEMORY, prefix="appliance-") as folder:
        store = await memory.run(Store, Path(folder) / "desk.db")
        try:
            place = Place(store, Notebook(store, memory), memory, Hands(memory), trial=True)
            runner = Runner(store, app.desk.actions, UNSENT)
            yield replace(app.served, place=place, runner=runner)
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


class _Speaker(RecordedCaller):
    """Hangs up once there was an answer to what was said."""

    def __init__(self, pace: bool = True) -> None:
        super().__init__([Saying(lastline.sound(SHIPPED))], "pulse", pace, linger=PATIENT)
        self.answers = 0
        self.heard = False

    def notice(self, what: Notice) -> None:
        super().notice(what)
        if isinstance(what, Turn) and what.spoken.text:
            self.answers += 1
            self.heard = self.heard or isinstance(what.cause, Heard)
            self._gone = self.heard
