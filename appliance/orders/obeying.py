"""What the fleet asks of a box: commands, done once each, and not after they have expired."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from appliance.app import App
from appliance.channels.kiosk import Kiosk
from appliance.commands.doctor import examine
from appliance.errors import ApplianceError
from appliance.orders.becoming import Restart
from appliance.telemetry.orders import Command, Commands
from appliance.telemetry.outbox import Outbox

log = logging.getLogger(__name__)

PATIENCE = 300.0
"""Seconds that a restart waits for the end of the calls."""

KEPT_LINES = 1_000
PART, PART_BYTES = 100, 24_000
"""Lines of the log that are kept for the fleet to ask for; how many of them, and bytes, go in a message."""

STREAMED, EVERY = 60, 2.0
"""Minutes at the most for which what is logged is sent, and seconds between two messages of it."""

LINES_STREAMED = 20_000
"""Lines that are sent at the most, however much is logged."""

MASKED = re.compile(r"//[^/@\s]*@|\S+@\S+\.\S+|(?<![\w.:-])\+?\d[\d ()/-]{5,}\d(?![\w.:-])")
"""Logins in addresses, e-mail addresses, and what may be the number of a telephone."""


def redacted(line: str) -> str:
    return MASKED.sub("…", line)


class LogTail(logging.Handler):
    """The last lines of the log, which never hold what people said; what may name somebody is masked."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.count = 0
        """Lines so far."""
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        # Of a traceback the last line is enough; the whole may quote what was worked on.
        record = logging.makeLogRecord(
            {**record.__dict__, "msg": redacted(record.getMessage()), "args": (), "exc_info": None,
             "exc_text": None, "stack_info": None}
        )  # fmt: skip
        self.lines.append(self.format(record)[:1000])
        self.count += 1

    def since(self, count: int) -> list[str]:
        """What was logged after so many lines, as far as it is kept."""
        new = min(self.count - count, len(self.lines))
        return list(self.lines)[len(self.lines) - new :] if new > 0 else []


class Obeying:
    """`files` are box.toml and desk.toml; `renew` asks for a new certificate."""

    def __init__(
        self,
        app: App,
        outbox: Outbox,
        files: tuple[Path, Path],
        kiosk: Kiosk | None,
        renew: Callable[[], None],
    ) -> None:
        self._app = app
        self._outbox = outbox
        self._files = files
        self._kiosk = kiosk
        self._renew = renew
        self._streaming: dict[str, asyncio.Task[None]] = {}
        self.commands = Commands(app.place.store, outbox)
        self.log = LogTail()

    async def start(self) -> None:
        """What the last start of the box was doing when it ended, and what the fleet has set for good."""
        while command := await self._run(self.commands.interrupted):
            if command.do == "restart":
                await self._run(self.commands.now, command.id, "done")
            else:
                await self._run(self.commands.now, command.id, "failed", "the box went down meanwhile")
        self._app.leave.locked = bool(
            self._app.place.store.read("select 1 from ordered where name = 'locked'")
        )

    async def look(self) -> None:
        """Do what waits to be done. Raises Restart."""
        while command := await self._run(self.commands.waiting):
            await self._do(command)

    @property
    def muted(self) -> bool:
        return bool(self._kiosk and self._kiosk.muted)

    def close(self) -> None:
        for streaming in self._streaming.values():
            streaming.cancel()

    async def _do(self, command: Command) -> None:
        if self.commands.late(command):
            await self._run(self.commands.now, command.id, "expired")
            return
        log.info("the fleet asks for %s", command.do)
        await self._run(self.commands.now, command.id, "running")
        if command.do == "restart" and await self._quiet():
            raise Restart
        try:
            if not (deed := self._deeds().get(command.do)):
                raise ApplianceError("this box does not know the command")
            result = await deed(command)
        except ApplianceError as error:
            await self._run(self.commands.now, command.id, "failed", str(error))
        except Exception as error:
            log.exception("the command %s failed", command.do)
            await self._run(self.commands.now, command.id, "failed", type(error).__name__)
        else:
            if command.id not in self._streaming:
                await self._run(self.commands.now, command.id, "done", result)

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
            "stream": self._stream,
            "greet": self._greet,
            "mute": self._mute,
            "unmute": self._unmute,
            "lock": self._lock,
            "unlock": self._unlock,
            "renew": self._renewed,
            "restart": self._busy,
        }

    async def _doctor(self, command: Command) -> str:
        """What `appliance doctor` finds; what the desk itself has open counts as taken."""
        findings = await asyncio.to_thread(lambda: list(examine(*self._files)))
        return "\n".join(f"{'fine' if each.fine else 'bad'}: {each.what}: {each.said}" for each in findings)

    async def _logs(self, command: Command) -> str:
        lines = [each[:250] for each in self.log.lines]
        await self._send(command.id, lines, 1)
        return f"{len(lines)} lines"

    async def _send(self, id: str, lines: Sequence[str], first: int) -> int:
        """Lines of the log, from this number of a message on; how many messages they took."""
        found = parts(lines)
        for number, part in enumerate(found, first):
            told = {"id": id, "part": number, "parts": first + len(found) - 1, "lines": part}
            await self._run(self._outbox.tell, "log", told)
        return len(found)

    async def _stream(self, command: Command) -> str:
        """What is logged from now on is sent, beside all else."""
        minutes = command.arguments.get("minutes", 10)
        if not isinstance(minutes, int) or not 1 <= minutes <= STREAMED:
            raise ApplianceError(f"a log is followed for 1 to {STREAMED} minutes")
        if self._streaming:
            raise ApplianceError("the log is being followed already", "wait until that has ended")
        self._streaming[command.id] = asyncio.create_task(
            self._follow(command.id, 60 * minutes, self.log.count)
        )
        return ""

    async def _follow(self, id: str, seconds: float, seen: int) -> None:
        """From after so many lines on."""
        until, sent, part = time.monotonic() + seconds, 0, 1
        try:
            while time.monotonic() < until and sent < LINES_STREAMED:
                await asyncio.sleep(min(EVERY, max(0.0, until - time.monotonic())))
                lines = [each[:250] for each in self.log.since(seen)]
                seen, sent = self.log.count, sent + len(lines)
                part += await self._send(id, lines, part)
            await self._run(self.commands.now, id, "done", f"{sent} lines")
        except ApplianceError as error:
            log.error("the log is not followed any more: %s", error)
        finally:
            del self._streaming[id]

    async def _greet(self, command: Command) -> str:
        """The kiosk says its greeting, as if its button had been pressed."""
        kiosk = self._needed_kiosk()
        on, why = kiosk.state
        if not on:
            raise ApplianceError(f"the kiosk is off: {why}")
        if kiosk.muted:
            raise ApplianceError("the kiosk is muted", "unmute it first")
        if kiosk.talking:
            raise ApplianceError("somebody talks to the kiosk, so its loudspeaker works")
        kiosk.wake_now()
        return "the kiosk greets"

    async def _mute(self, command: Command) -> str:
        self._needed_kiosk().muted = True
        return "the kiosk listens to nobody until it is unmuted, or the program is started again"

    async def _unmute(self, command: Command) -> str:
        self._needed_kiosk().muted = False
        return "the kiosk listens"

    async def _lock(self, command: Command) -> str:
        await self._set("locked", True)
        self._app.leave.locked = True
        return "callers are told that the desk takes no calls, until it is unlocked"

    async def _unlock(self, command: Command) -> str:
        await self._set("locked", False)
        self._app.leave.locked = False
        return "the desk answers"

    async def _set(self, name: str, on: bool) -> None:
        def write() -> None:
            with self._app.place.store.write() as db:
                db.execute("delete from ordered where name = ?", name)
                if on:
                    db.execute("insert into ordered values (?, '1')", name)

        await self._run(write)

    async def _renewed(self, command: Command) -> str:
        await asyncio.to_thread(self._renew)
        return "a certificate for a new key is asked for"

    def _needed_kiosk(self) -> Kiosk:
        if not self._kiosk:
            raise ApplianceError("this box has no kiosk that is on")
        return self._kiosk

    async def _run(self, do: Callable[..., Any], *arguments: Any) -> Any:
        """In the thread that writes what the box remembers."""
        return await self._app.place.memory.run(do, *arguments)


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
