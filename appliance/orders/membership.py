"""The box as one of a fleet: it tells how it is, does what it is asked, and becomes what it should be."""

from __future__ import annotations

import asyncio
import logging
import platform
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from appliance import __version__, models
from appliance.app import App
from appliance.channels import Desk
from appliance.channels.gsm.modems import Modems
from appliance.channels.kiosk import Kiosk
from appliance.config import Engines
from appliance.config.box import Fleet
from appliance.console.server import Status
from appliance.errors import ApplianceError
from appliance.orders.becoming import Becoming
from appliance.orders.becoming import Restart as Restart
from appliance.orders.obeying import Obeying
from appliance.telemetry.client import Address, Line
from appliance.telemetry.health import Sampler
from appliance.telemetry.outbox import Outbox, Waiting
from appliance.workshop.workshop import Workshop

log = logging.getLogger(__name__)

SAMPLE = 60.0
LOOK = 1.0
TRIM = 3600.0
"""Seconds between two samples of the machine's health, looks at what is off, and looks at what is too old."""

AGAIN = 10.0
"""Seconds before what failed is begun again: a full disk is not to be filled with lines that say so."""

SOON = 5.0
"""Seconds between two samples at the least."""

CALM = 60.0
"""Seconds between two tellings about the same thing: one that comes and goes must not fill the outbox."""

BEHIND = 60.0
"""Seconds that a message may wait while the broker is there, before the page says so."""

NO_FAULT = ("switched off", "not needed", "needs a modem", "no line that can call")
"""How a reason begins that is no fault."""


def is_fine(status: Status) -> bool:
    """Whether it is on, or need not be."""
    return status.on or status.why.startswith(NO_FAULT)


def faults(statuses: Sequence[Status]) -> list[Status]:
    """Those that should be on."""
    return [status for status in statuses if not is_fine(status)]


class Membership:
    """A WaitingLine. `files` are box.toml and desk.toml; `statuses` tells what is on and off."""

    name = "fleet"

    def __init__(
        self,
        app: App,
        outbox: Outbox,
        files: tuple[Path, Path],
        statuses: Callable[[], list[Status]],
        workshop: Workshop | None = None,
        kiosk: Kiosk | None = None,
        modems: Modems | None = None,
        went_back: str = "",
    ) -> None:
        """Raises ApplianceError where a key cannot be read."""
        self._app = app
        self._outbox = outbox
        self._files = files
        self._statuses = statuses
        self._modems = modems
        self._went_back = went_back
        self._stirred, self._wishes = asyncio.Event(), asyncio.Event()
        self._device = app.box.fleet.device
        self._becoming = Becoming(app, outbox, files, workshop, self._fetch)
        self._line = Line(
            address(app.box.fleet), outbox, self._command_came, self._desired_came, self._becoming.part_came
        )
        self._obeying = Obeying(app, outbox, files, kiosk, self._line.renew)
        self._sampler = Sampler(app.box.data)
        self._waiting = Waiting(0, 0.0)
        self._told: dict[str, tuple[tuple[bool, str], float]] = {}
        """What was told of each part, on and why not, and when."""

    @property
    def state(self) -> tuple[bool, str]:
        """Whether what is told arrives, and why not."""
        connected, why = self._line.state
        waiting = self._waiting
        behind = f"{waiting.count} messages wait, the oldest for {spoken_time(waiting.oldest)}"
        if not connected:
            return False, f"{why}; {behind}" if waiting.count else why
        if waiting.oldest > BEHIND:
            return False, f"the broker is there, and nobody takes what is told: {behind}"
        return True, f"{self._device} at {self._app.box.fleet.broker}"

    async def serve(self, desk: Desk) -> None:
        self._loop = asyncio.get_running_loop()
        works = (self._watch, self._health, self._faults, self._trim, self._obey, self._become)
        async with self._listening():
            await self._announce()
            try:
                async with asyncio.TaskGroup() as tasks:
                    for work in works:
                        tasks.create_task(_for_ever(work))
            except ExceptionGroup as group:
                raise group.exceptions[0] from None

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        logging.getLogger().addHandler(self._obeying.log)
        self._line.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._line.stop)
            logging.getLogger().removeHandler(self._obeying.log)
            self._obeying.close()
            await self._becoming.close()

    async def _run(self, do: Callable[..., Any], *arguments: Any) -> Any:
        """In the thread that writes what the box remembers."""
        return await self._app.place.memory.run(do, *arguments)

    def _fetch(self, sha256: str, offset: int) -> None:
        self._line.ask("fetch", {"sha256": sha256, "offset": offset})

    # What is told.

    async def _announce(self) -> None:
        """A disk that takes nothing now must not end the desk."""
        while True:
            try:
                await self._run(self._outbox.tell, "began", self._began())
                await self._obeying.start()
                return await self._becoming.start(self._went_back)
            except ApplianceError as error:
                log.error("the fleet is not told yet that the box has started: %s", error)
                await asyncio.sleep(AGAIN)

    def _began(self) -> dict[str, Any]:
        box = self._app.box
        known = models.Manifest.load().models
        engines = {}
        for field in fields(Engines):
            spec = getattr(box.engines, field.name)
            model = known.get(spec.model)
            mark = next((file.sha256[:12] for file in model.files), "") if model else ""
            engines[field.name] = " ".join(filter(None, (spec.engine, spec.model, mark)))[:128]
        told = {
            "version": __version__,
            "desk": self._app.desk.digest,
            "python": platform.python_version(),
            "system": f"{platform.machine()} {platform.release()}"[:128],
            "engines": engines,
        }
        return told | ({"before": self._outbox.before} if self._outbox.before else {})

    async def _watch(self) -> None:
        """The disk is looked at beside the loop, which must never wait for it."""
        self._waiting = await self._run(self._outbox.waiting)
        await asyncio.sleep(LOOK)

    async def _health(self) -> None:
        """Each minute, and when calls come and go or the fleet has locked or muted it."""
        sample = await asyncio.to_thread(self._sampler.sample)
        waiting, now = self._waiting, self._now
        off = {status.name: status.why[:128] for status in self._statuses() if status.name == "kiosk"}
        told = {
            **sample,
            "signal": self._modems.signal if self._modems else None,
            "audio": off,
            "waiting": waiting.count,
            "oldest": round(waiting.oldest),
            **now,
        }
        await self._run(self._outbox.tell, "health", told)
        await asyncio.sleep(SOON)
        for _ in range(round((SAMPLE - SOON) / LOOK)):
            if now != self._now:
                break
            await asyncio.sleep(LOOK)

    @property
    def _now(self) -> dict[str, Any]:
        """What is told as soon as it changes."""
        return {"calls": self._app.calls, "locked": self._app.leave.locked, "muted": self._obeying.muted}

    async def _faults(self) -> None:
        """What goes off, and what is on again; of what comes and goes, how it is each minute."""
        await asyncio.sleep(LOOK)
        for status in self._statuses():
            fine = is_fine(status)
            now = (fine, "" if fine else status.why[:500])
            known, at = self._told.get(status.name, ((True, ""), -CALM))
            calm = time.monotonic() - at >= CALM
            if status.name == self.name or now == known or not calm:
                continue
            fault = {"what": status.name[:64], "on": fine, "why": now[1]}
            await self._run(self._outbox.tell, "fault", fault)
            self._told[status.name] = now, time.monotonic()

    async def _trim(self) -> None:
        await self._run(self._outbox.trim)
        await asyncio.sleep(TRIM)

    # What is asked.

    def _command_came(self, command: dict[str, Any]) -> None:
        """In the line's thread."""
        self._obeying.commands.take(command)
        self._loop.call_soon_threadsafe(self._stirred.set)

    def _desired_came(self, payload: bytes) -> None:
        """In the line's thread."""
        if self._becoming.wished(payload):
            self._loop.call_soon_threadsafe(self._wishes.set)

    async def _obey(self) -> None:
        self._stirred.clear()
        await self._obeying.look()
        await self._stirred.wait()

    async def _become(self) -> None:
        """Beside the commands: a bundle may take long to come."""
        self._wishes.clear()
        await self._becoming.look()
        await self._wishes.wait()


def address(settings: Fleet) -> Address:
    host, _, port = settings.broker.rpartition(":")
    return Address(
        settings.device, host.strip("[]"), int(port), settings.ca, settings.certificate, settings.key
    )


async def _for_ever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A piece of work, again and again: whatever fails of it must not end the desk."""
    while True:
        try:
            await work()
        except Restart:
            raise
        except ApplianceError as error:
            log.error("what is told to the fleet is incomplete: %s", error)
            await asyncio.sleep(AGAIN)
        except Exception:
            log.exception("what is told to the fleet is incomplete")
            await asyncio.sleep(AGAIN)


def spoken_time(seconds: float) -> str:
    """About how long: "3 hours"."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
