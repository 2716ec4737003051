"""Talking to a modem: one command at a time, and what it says by itself in between."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import re
import termios
from collections.abc import Callable
from typing import Any, Protocol

from appliance.channels.gsm.replies import FAILED, NO_CALL, PROMPT, Splitter
from appliance.errors import DeviceError

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that a modem has for an answer, where the command needs no more."""

QUIET = 0.3
"""Seconds without a word after which a late answer is no longer to be expected."""

ALONE = re.compile(
    r"RING|\+CRING|\+CLIP:|\+CMTI:|\+CMT:|\+CDS|\+CCWA:|\+CUSD:|\+COLP|VOICE CALL|MISSED_CALL|\+RXDTMF|\+DTMF"
    r"|\+QTONEDET|\^(ORIG|CONF|CONN|CEND|DSCI|RSSI|DTMF|BOOT|MODE|SRVST|SIMST|HCSQ)|\+QPCMV: \d,\d$|RDY$"
    r"|PB DONE|SMS DONE|\+QIND|\*ATREADY|\+SIMCARD|\+WIND"
)
"""What is said unasked, even while an answer is awaited."""

NAMED = re.compile(r"([+^*][A-Z0-9]+):")
"""A line that names what it is about: the answer to an extended command is named like it."""

READS = "AT+CMGR"
"""What is answered with a text."""

WITH_BODY = re.compile(r"\+CMT:|\+CDS:")
"""What is said unasked and goes on in the next line."""


class ModemError(DeviceError):
    """The modem refused, did not answer, or is gone."""

    def __init__(self, wrong: str, mend: str = "", code: str = "") -> None:
        super().__init__(wrong, mend)
        self.code = code
        """The result code, as the modem said it; empty where it said none."""


class Ask(Protocol):
    """How a command is said to a modem: `AtPort.ask`."""

    async def __call__(self, command: str, patience: float = PATIENCE, body: bytes = b"") -> list[str]: ...


class AtPort:
    """An AT port, opened: a descriptor of a serial port in raw mode, which this owns.

    `unasked` gets every line that belongs to no command; `lost` is called once when the port is gone.
    """

    def __init__(self, file: int, unasked: Callable[[str], None], lost: Callable[[], None]) -> None:
        self._file = file
        self._unasked = unasked
        self._lost = lost
        self.raw_texts = False
        """True where texts come as they are: any byte is a letter then, and any line may stand in a text."""
        self._splitter = Splitter()
        self._busy = asyncio.Lock()
        self._reply: list[str] | None = None
        self._prefix = ""
        self._sends = False
        """Whether the prompt for a text is awaited."""
        self._dialling = False
        self._said = asyncio.Event()
        self._body_of = ""
        self._stale = False
        self._gone = False
        os.set_blocking(file, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(file, self._read)

    def close(self) -> None:
        """Safe to repeat."""
        if not self._gone:
            self._gone = True
            self._loop.remove_reader(self._file)
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._said.set()

    async def ask(self, command: str, patience: float = PATIENCE, body: bytes = b"") -> list[str]:
        """Say `command` and return what the modem answered before OK. `body` is what follows a prompt, an
        SMS. Raises ModemError with the code where the answer is another, or none."""
        async with self._busy:
            if self._stale:
                await self._settle()
            return await self._ask(command, patience, body)

    async def _ask(self, command: str, patience: float, body: bytes = b"") -> list[str]:
        self._reply, self._dialling = [], command.startswith(("ATD", "ATA"))
        self._prefix = command.removeprefix("AT").partition("=")[0].rstrip("?")
        self._sends = bool(body)
        self._splitter.raw = self.raw_texts and command.startswith(READS)
        answered = False
        try:
            async with asyncio.timeout(patience):
                await self._write(f"{command}\r".encode())
                lines = await self._final(stop=PROMPT if body else "")
                if body and lines[-1] == PROMPT:
                    self._reply = []
                    await self._write(body + b"\x1a")
                    lines = await self._final()
            answered = True
        except TimeoutError:
            raise ModemError(f"the modem does not answer {_name(command)}") from None
        finally:
            # What was broken off, as by a caller who hangs up, is answered all the same.
            self._stale, self._reply, self._splitter.raw = not answered, None, False
            self._sends = False
        *lines, final = lines
        if final not in ("OK", PROMPT):
            raise ModemError(f"the modem refuses {_name(command)}: {final}", code=final)
        # An echo of the command is none of the answer.
        return [line for line in lines if line != command]

    def _leave_prompt(self) -> None:
        """It waits for a text that nobody sends any more, and would take the next command for it."""
        with contextlib.suppress(OSError):
            if not self._gone:
                os.write(self._file, b"\x1b")

    async def _final(self, stop: str = "") -> list[str]:
        """The lines up to the final one, with it."""
        while True:
            self._said.clear()
            for number, line in enumerate(self._reply or ()):
                failed = FAILED.match(line) and not (number and self._in_text())
                if line == "OK" or failed or (stop and line == stop):
                    return (self._reply or [])[: number + 1]
            if self._gone:
                raise ModemError("the modem is gone", "plug it in again")
            await self._said.wait()

    async def _settle(self) -> None:
        """An answer that came too late must not be taken for the next one's: wait until none comes, then
        see that the modem answers at all."""
        self._reply = []
        with contextlib.suppress(TimeoutError):
            while not self._gone:
                self._said.clear()
                async with asyncio.timeout(QUIET):
                    await self._said.wait()
        self._reply = None
        await self._ask("AT", PATIENCE)

    async def _write(self, data: bytes) -> None:
        while data:
            if self._gone:
                raise ModemError("the modem is gone", "plug it in again")
            try:
                data = data[os.write(self._file, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.01)
            except OSError as error:
                self._vanish()
                raise ModemError("the modem is gone", "plug it in again") from error

    def _read(self) -> None:
        try:
            data = os.read(self._file, 4096)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EINTR:
                self._vanish()
            return
        if not data:
            self._vanish()
            return
        for line in self._splitter.feed(data):
            self._take(line)

    def _take(self, line: str) -> None:
        if self._body_of:
            head, self._body_of = self._body_of, ""
            self._unasked(f"{head}\n{line}")
        elif WITH_BODY.match(line):
            self._body_of = line
        elif line == PROMPT and not self._sends:
            self._leave_prompt()
        elif self._reply is None or (not self._in_text() and self._is_unasked(line)):
            self._unasked(line)
        else:
            self._reply.append(line)
            self._said.set()

    def _in_text(self) -> bool:
        """Whether lines are what somebody wrote: nobody may ring or end a call by writing so."""
        return self._splitter.raw and bool(self._reply and self._reply[0].startswith("+CMGR:"))

    def _is_unasked(self, line: str) -> bool:
        named = NAMED.match(line)
        if named and self._prefix[:1] in "+^*":
            return named[1] != self._prefix
        return bool(ALONE.match(line)) or (line in NO_CALL and not self._dialling)

    def _vanish(self) -> None:
        if not self._gone:
            self.close()
            self._lost()


def _name(command: str) -> str:
    """A command without what it carries: numbers and PINs are nobody's business."""
    return re.split(r"[=\d]", command, maxsplit=1)[0] or command


def open_port(path: str, rate: int = 115200) -> int:
    """Open a serial port for nobody else and return its descriptor, in raw mode. Raises DeviceError."""
    import serial

    try:
        port: Any = serial.Serial(path, rate, exclusive=True, timeout=0, write_timeout=0, rtscts=False)
    except (OSError, ValueError, termios.error) as error:  # The last is of no other's family.
        raise DeviceError(
            f"the serial port {path} cannot be opened ({error})",
            "see that the modem is plugged in, and that no other program (ModemManager?) has it",
        ) from error
    file = os.dup(port.fileno())
    port.close()
    return file
