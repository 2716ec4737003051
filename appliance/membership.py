"""The box as one of a fleet: it tells how it is, does what it is asked, and becomes what it should be."""

from __future__ import annotations

import asyncio
import json
import logging
import platform
import time
from collections import deque
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
from appliance.commands.doctor import examine
from appliance.config import Engines, digest
from appliance.config.box import Fleet
from appliance.console.server import Status
from appliance.errors import ApplianceError
from appliance.telemetry import bundle
from appliance.telemetry.client import Address, Line
from appliance.telemetry.health import Sampler
from appliance.telemetry.orders import Command, Commands, Desired
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

PATIENCE = 300.0
"""Seconds that a restart waits for the end of the calls."""

KEPT_LINES = 1_000
PART, PART_BYTES = 100, 24_000
"""Lines of the log that are kept for the fleet to ask for; how many of them, and bytes, go in a message."""

NO_FAULT = ("switched off", "not needed", "needs a modem", "no line that can call")
"""How a reason begins that is no fault."""


class Restart(Exception):
    """The fleet asks for the program to be started again."""


def is_fine(status: Status) -> bool:
    """Whether it is on, or need not be."""
    return status.on or status.why.startswith(NO_FAULT)


def faults(statuses: Sequence[Status]) -> list[Status]:
    """Those that should be on."""
    return [status for status in statuses if not is_fine(status)]


class LogTail(logging.Handler):
    """The last lines of the log, which never hold what people said."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        # Of a traceback the last line is enough; the whole may quote what was worked on.
        record = logging.makeLogRecord(
            {**record.__dict__, "exc_info": None, "exc_text": None, "stack_info": None}
        )
        self.lines.append(self.format(record)[:1000])


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
    ) -> None:
        """Raises ApplianceError where a key cannot be read."""
        self._app = app
        self._outbox = outbox
        self._files = files
        self._statuses = statuses
        self._workshop = workshop
        self._kiosk = kiosk
        self._modems = modems
        store = app.place.store
        self._commands = Commands(store, outbox)
        self._desired = Desired(store, outbox)
        self._stirred = asyncio.Event()
        settings = app.box.fleet
        self._device = settings.device
        self._signer = bundle.read_key(settings.signer) if settings.signer else None
        self._line = Line(address(settings), outbox, self._command_came, self._desired_came)
        self._log = LogTail()
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
        async with self._listening():
            await self._announce()
            try:
                async with asyncio.TaskGroup() as tasks:
                    for work in (self._watch, self._health, self._faults, self._trim, self._obey):
                        tasks.create_task(_for_ever(work))
            except ExceptionGroup as group:
                raise group.exceptions[0] from None

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        logging.getLogger().addHandler(self._log)
        self._line.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._line.stop)
            logging.getLogger().removeHandler(self._log)

    async def _run(self, do: Callable[..., Any], *arguments: Any) -> Any:
        """In the thread that writes what the box remembers."""
        return await self._app.place.memory.run(do, *arguments)

    # What is told.

    async def _announce(self) -> None:
        """A disk that takes nothing now must not end the desk."""
        while True:
            try:
                await self._run(self._outbox.tell, "began", self._began())
                return await self._settle()
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
        """Each minute, and when calls come and go."""
        sample = await asyncio.to_thread(self._sampler.sample)
        waiting, calls = self._waiting, self._app.calls
        off = {status.name: status.why[:128] for status in self._statuses() if status.name == "kiosk"}
        told = {
            **sample,
            "signal": self._modems.signal if self._modems else None,
            "audio": off,
            "waiting": waiting.count,
            "oldest": round(waiting.oldest),
            "calls": calls,
        }
        await self._run(self._outbox.tell, "health", told)
        await asyncio.sleep(SOON)
        for _ in range(round((SAMPLE - SOON) / LOOK)):
            if calls != self._app.calls:
                break
            await asyncio.sleep(LOOK)

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
        self._commands.take(command)
        self._loop.call_soon_threadsafe(self._stirred.set)

    def _desired_came(self, payload: bytes) -> None:
        """In the line's thread."""
        if self._signer is None:
            log.warning("the fleet sent a desk file, and box.toml names no key to verify it (fleet.signer)")
            return
        try:
            if self._desired.take(bundle.verified(payload, self._signer, self._device)):
                self._loop.call_soon_threadsafe(self._stirred.set)
        except ApplianceError as error:
            log.error("%s", error)

    async def _settle(self) -> None:
        """What the last start of the box was doing when it ended."""
        while command := await self._run(self._commands.interrupted):
            if command.do == "restart":
                await self._run(self._commands.now, command.id, "done")
            else:
                await self._run(self._commands.now, command.id, "failed", "the box went down meanwhile")
        await self._run(self._desired.report, self._app.desk.digest)

    async def _obey(self) -> None:
        self._stirred.clear()
        if wanted := await self._run(self._desired.waiting):
            await self._become(*wanted)
        while command := await self._run(self._commands.waiting):
            await self._do(command)
        await self._stirred.wait()

    async def _become(self, serial: int, text: str) -> None:
        """Serve new calls by this desk file; those under way end as they began."""
        why = ""
        try:
            if not self._workshop:
                raise ApplianceError("the desk file cannot be changed on this box")
            if digest(text) != digest(self._workshop.on_disk()):
                base = digest(self._workshop.on_disk())
                await self._workshop.publish(text, base, "the fleet", f"number {serial}")
        except ApplianceError as error:
            why = str(error)
            log.error("desk file %d of the fleet is not served: %s", serial, why)
        except Exception as error:
            # It must not keep the commands waiting, a restart among them.
            why = f"it could not be served ({type(error).__name__}); the log tells more"
            log.exception("desk file %d of the fleet is not served", serial)
        await self._run(self._desired.report, self._app.desk.digest, serial, not why, why)

    async def _do(self, command: Command) -> None:
        if command.expires < time.time() * 1000:
            await self._run(self._commands.now, command.id, "expired")
            return
        log.info("the fleet asks for %s", command.do)
        await self._run(self._commands.now, command.id, "running")
        if command.do == "restart" and await self._quiet():
            raise Restart
        try:
            if not (deed := self._deeds().get(command.do)):
                raise ApplianceError("this box does not know the command")
            result = await deed(command)
        except ApplianceError as error:
            await self._run(self._commands.now, command.id, "failed", str(error))
        except Exception as error:
            log.exception("the command %s failed", command.do)
            await self._run(self._commands.now, command.id, "failed", type(error).__name__)
        else:
            await self._run(self._commands.now, command.id, "done", result)

    async def _quiet(self) -> bool:
        """Whether no call is under way, now or soon."""
        try:
            await asyncio.wait_for(self._app.quiet(), PATIENCE)
        except TimeoutError:
            return False
        return True

    async def _busy(self, command: Command) -> str:
        raise ApplianceError("calls were under way all the time; ask again")

    def _deeds(self) -> dict[str, Callable[[Command], Coroutine[Any, Any, str]]]:
        return {
            "doctor": self._doctor,
            "logs": self._logs,
            "greet": self._greet,
            "mute": self._mute,
            "unmute": self._unmute,
            "restart": self._busy,
        }

    async def _doctor(self, command: Command) -> str:
        """What `appliance doctor` finds; what the desk itself has open counts as taken."""
        findings = await asyncio.to_thread(lambda: list(examine(*self._files)))
        return "\n".join(f"{'fine' if each.fine else 'bad'}: {each.what}: {each.said}" for each in findings)

    async def _logs(self, command: Command) -> str:
        lines = [each[:250] for each in self._log.lines]
        found = parts(lines)
        for number, part in enumerate(found, 1):
            told = {"id": command.id, "part": number, "parts": len(found), "lines": part}
            await self._run(self._outbox.tell, "log", told)
        return f"{len(lines)} lines"

    async def _greet(self, command: Command) -> str:
        """The kiosk says its greeting, as if its button had been pressed."""
        self._needed_kiosk().wake_now()
        return "the kiosk greets"

    async def _mute(self, command: Command) -> str:
        self._needed_kiosk().muted = True
        return "the kiosk listens to nobody until it is unmuted, or the program is started again"

    async def _unmute(self, command: Command) -> str:
        self._needed_kiosk().muted = False
        return "the kiosk listens"

    def _needed_kiosk(self) -> Kiosk:
        if not self._kiosk:
            raise ApplianceError("this box has no kiosk that is on")
        return self._kiosk


def parts(lines: Sequence[str]) -> list[list[str]]:
    """Lines in order, so many together as one message takes."""
    found: list[list[str]] = []
    room = 0
    for line in lines:
        size = len(json.dumps(line, ensure_ascii=False).encode(errors="replace")) + 1
        if not found or len(found[-1]) == PART or size > room:
            found.append([])
            room = PART_BYTES
        found[-1].append(line)
        room -= size
    return found


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
