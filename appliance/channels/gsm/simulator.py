"""A GSM modem that is none: two pseudo-terminals, AT and sound, paced as a modem paces them.

For tests, and for trying the phone without hardware: it is chosen like any other modem. Its faults are those
that modems have in the field, each by its name.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections import deque
from pathlib import Path

from appliance.channels.gsm.firmware import Fault, Firmware, Line
from appliance.channels.gsm.plugs import Found
from appliance.channels.gsm.ports import Port
from appliance.channels.gsm.replies import ACTIVE, INCOMING, PROMPT, WAITING

RING_EVERY = 1.0
"""Seconds between two RINGs; networks take five."""

BOOTS = 0.5
"""Seconds that a restart takes; the hardware takes ten to thirty."""


class Simulator(Firmware):
    """Begin with `plug_in`. `ring`, `say`, `hear`, `press` and `hang_up` are the other side's doing."""

    def __init__(
        self,
        kind: str = "simcom",
        faults: set[Fault] | None = None,
        pin: str = "",
        folder: Path | None = None,
    ) -> None:
        super().__init__(kind, set(faults or ()), pin)
        self.rate = 16_000 if "rate lies" in self.faults else self.kind.rate
        self.plugged = False
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="modem-")
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        """Where its two ports appear: `at` and `sound`."""
        self._at: Port | None = None
        self._pcm: Port | None = None
        self._typed = b""
        self._caller: deque[bytes] = deque()
        self._desk = bytearray()

    # What a person does.

    def plug_in(self) -> None:
        """The device appears."""
        if self.plugged:
            return
        self._at, self._pcm = Port(self.folder / "at"), Port(self.folder / "sound")
        self.plugged = True
        self.echo, self._typed, self.mailbox.awaited = True, b"", None
        self.sim.locked = bool(self.sim.pin)
        asyncio.get_running_loop().add_reader(self._at.file, self._read)
        self.start(self._pace(self._pcm), "sound")

    def unplug(self) -> None:
        """The device is gone, in the middle of whatever it did; nothing is said."""
        if not self._at or not self._pcm:
            return
        self.plugged, self.sound_on, self.line, self.waiting = False, False, None, None
        for task in self._tasks:
            task.cancel()
        asyncio.get_running_loop().remove_reader(self._at.file)
        self._at.close()
        self._pcm.close()
        self._at = self._pcm = None

    def close(self) -> None:
        self.unplug()
        if self._temporary:
            self._temporary.cleanup()

    def found(self) -> Found | None:
        """Where it is, as `plugs.plugged_in` would tell."""
        if not self.plugged:
            return None
        return Found(self.name, str(self.folder / "at"), str(self.folder / "sound"))

    def ring(self, number: str = "+15550100", shown: bool = True) -> None:
        """Somebody calls."""
        self._caller.clear()
        self.line = Line(number, incoming=True, state=INCOMING, number_shown=shown)
        self.start(self._ringing(self.line), "ring")

    def ring_too(self, number: str = "+15550101") -> None:
        """Somebody else calls while there is a call."""
        self.waiting = Line(number, incoming=True, state=WAITING)
        self.tell(f'+CCWA: "{number}",145,1')

    def hang_up(self) -> None:
        """The other side hangs up, or gives up."""
        line, self.line = self.line, None
        if line is None or "no carrier is never said" in self.faults:
            return
        self.tell(*self.ending(line))

    def press(self, keys: str) -> None:
        """The caller presses keys."""
        for key in keys:
            match self.name:
                case "simcom":
                    self.tell(f"+RXDTMF: {key}")
                case "quectel":
                    self.tell(f"+QTONEDET: {ord(key)}")
                case _:
                    self.tell(f"^DTMF: 1,{key}")

    def say(self, pcm: bytes) -> None:
        """What the caller says, s16le at the modem's rate; heard from now on, in real time."""
        size = self.rate // 25
        self._caller.extend(pcm[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm), size))

    def hear(self) -> bytes:
        """What the desk said since the last time, s16le at the modem's rate."""
        whole = len(self._desk) // 2 * 2
        heard, self._desk = bytes(self._desk[:whole]), self._desk[whole:]
        return heard

    def deliver(self, pdus: list[str]) -> None:
        """SMS come, in parts."""
        for each in pdus:
            self.tell(f'+CMTI: "SM",{self.mailbox.deliver(each)}')

    def leave_network(self) -> None:
        self.sim.registered = False
        self.tell("+CREG: 2")

    def join_network(self) -> None:
        self.sim.registered = True
        self.tell("+CREG: 1")

    # The wires.

    def tell(self, *lines: str) -> None:
        """Say something unasked."""
        self._put(*(line for line in lines for _ in range(2 if "doubled lines" in self.faults else 1)))

    def _put(self, *lines: str) -> None:
        for line in lines:
            end = "" if line == PROMPT else "\r\n"
            self._write(f"\r\n{line}{end}".encode("latin-1", "replace"))

    async def restart(self) -> None:
        await asyncio.sleep(0.05)
        self.restarts += 1
        asyncio.get_running_loop().call_soon(self._reboot)

    def _reboot(self) -> None:
        self.unplug()
        asyncio.get_running_loop().call_later(BOOTS, self.plug_in)

    def _read(self) -> None:
        data = self._at.read(4096) if self._at else b""
        if self.echo:
            self._write(data)
        self._typed += data
        while self._typed:
            ends = rb"\x1a|\x1b" if self.mailbox.awaited is not None else rb"\r|\x1b"
            end = re.search(ends, self._typed)
            if not end:
                return
            typed, self._typed = self._typed[: end.start()], self._typed[end.end() :]
            if self.mailbox.awaited is None:
                self.start(self._answer(typed.decode("ascii", "replace").strip()), "answer")
            elif end[0] == b"\x1a":
                self._put(*self.mailbox.take(typed))
            else:
                self.mailbox.awaited = None
                self._put("OK")

    async def _answer(self, command: str) -> None:
        if "slow answers" in self.faults:
            await asyncio.sleep(0.2)
        if not re.match(r"(?i)at", command):
            return
        lines = self.do(command[2:])
        final = next((at for at, line in enumerate(lines, 1) if line in ("OK", PROMPT)), len(lines))
        if "interleaved lines" in self.faults and lines[final - 1] != PROMPT:
            self.tell("+CIEV: 5,4", "+QIND: signal")
        self._put(*lines[:final])
        self.tell(*lines[final:])

    async def _ringing(self, line: Line) -> None:
        while self.line is line and line.state == INCOMING:
            number = line.number if line.number_shown else ""
            self.tell("RING", f'+CLIP: "{number}",{145 if number else 128},,,,0')
            await asyncio.sleep(RING_EVERY)

    async def _pace(self, port: Port) -> None:
        """20 ms each way, in real time. A desk that writes faster finds the port full."""
        size = self.rate // 25
        began, ticks = time.monotonic(), 0
        while True:
            if self.sound_on and self.line and self.line.state == ACTIVE:
                port.write(self._caller.popleft() if self._caller else bytes(size))
                if "uplink stalls" not in self.faults:
                    self._desk += port.read(size)
            ticks += 1
            await asyncio.sleep(max(0.0, began + ticks * 0.02 - time.monotonic()))

    def _write(self, data: bytes) -> None:
        if not self._at:
            return
        size = 3 if "split lines" in self.faults else len(data) or 1
        for at in range(0, len(data), size):
            self._at.write(data[at : at + size])
