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
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal

from appliance.channels.gsm.firmware import SAID, TAKEN, Line, Sim, octets_in, submitted
from appliance.channels.gsm.ports import Port
from appliance.channels.gsm.profiles import Family, Found, family
from appliance.channels.gsm.replies import ACTIVE, ALERTING, DIALING, INCOMING, OVER, PROMPT, WAITING

Fault = Literal[
    "uplink stalls",
    "second sound fails",
    "early begin",
    "rate lies",
    "split lines",
    "doubled lines",
    "interleaved lines",
    "asks for PUK",
    "slow answers",
    "no carrier is never said",
]

RING_EVERY = 1.0
"""Seconds between two RINGs; networks take five."""

BOOTS = 0.5
"""Seconds that a restart takes; the hardware takes ten to thirty."""


class Simulator:
    """Begin with `plug_in`. `ring`, `say`, `hear`, `press` and `hang_up` are the other side's doing."""

    def __init__(
        self,
        kind: str = "simcom",
        faults: set[Fault] | None = None,
        pin: str = "",
        folder: Path | None = None,
    ) -> None:
        self.kind: Family = family(kind)
        self.faults: set[Fault] = set(faults or ())
        self.sim = Sim(pin, locked=bool(pin), puk="asks for PUK" in self.faults)
        self.rate = 16_000 if "rate lies" in self.faults else self.kind.rate
        self.line: Line | None = None
        self.waiting: Line | None = None
        """Who calls while somebody is being talked to."""
        self.sound_on = False
        self.plugged = False
        self.restarts = 0
        self.dialled: list[str] = []
        self.pressed: list[str] = []
        """Keys that the desk pressed."""
        self.sent: list[tuple[str, str]] = []
        """SMS-SUBMITs that the desk sent: number and text."""
        self.answers = True
        """Whether somebody takes the calls that the desk makes."""
        self.wrong: list[str] = []
        """What no modem would have understood."""
        self._name = kind
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="modem-")
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        """Where its two ports appear: `at` and `sound`."""
        self._at: Port | None = None
        self._pcm: Port | None = None
        self._typed = b""
        self._text_for: str | None = None
        self._caller: deque[bytes] = deque()
        self._desk = bytearray()
        self._sounds = 0
        self._echo = True
        self._clcc_unasked = False
        self._tasks: set[asyncio.Task[None]] = set()

    # What a person does.

    def plug_in(self) -> None:
        """The device appears."""
        self._at, self._pcm = Port(self.folder / "at"), Port(self.folder / "sound")
        self.plugged = True
        self._echo, self._typed, self._text_for = True, b"", None
        self.sim.locked = bool(self.sim.pin)
        asyncio.get_running_loop().add_reader(self._at.file, self._read)
        self._start(self._sound(self._pcm), "sound")

    def unplug(self) -> None:
        """The device is gone, in the middle of whatever it did; nothing is said."""
        if not self._at or not self._pcm:
            return
        self.plugged, self.sound_on, self.line = False, False, None
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
        """Where it is, as `profiles.plugged_in` would tell."""
        if not self.plugged:
            return None
        return Found(self._name, str(self.folder / "at"), str(self.folder / "sound"))

    def ring(self, number: str = "+15550100", shown: bool = True) -> None:
        """Somebody calls."""
        self.line = Line(number, incoming=True, state=INCOMING, number_shown=shown)
        self._start(self._ringing(self.line), "ring")

    def ring_too(self, number: str = "+15550101") -> None:
        """Somebody else calls while there is a call."""
        self.waiting = Line(number, incoming=True, state=WAITING)
        self._tell(f'+CCWA: "{number}",145,1')

    def hang_up(self) -> None:
        """The other side hangs up, or gives up."""
        line, self.line = self.line, None
        if line is None or "no carrier is never said" in self.faults:
            return
        if self._clcc_unasked and self._name == "simcom":
            self._tell(f'+CLCC: 1,{int(line.incoming)},{OVER},0,0,"{line.number}",145')
        self._tell(*self._ending(line))

    def press(self, keys: str) -> None:
        """The caller presses keys."""
        for key in keys:
            match self._name:
                case "simcom":
                    self._tell(f"+RXDTMF: {key}")
                case "quectel":
                    self._tell(f"+QTONEDET: {ord(key)}")
                case _:
                    self._tell(f"^DTMF: 1,{key}")

    def say(self, pcm: bytes) -> None:
        """What the caller says, s16le at the modem's rate; heard from now on, in real time."""
        size = self.rate // 25
        self._caller.extend(pcm[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm), size))

    def hear(self) -> bytes:
        """What the desk said since the last time, s16le at the modem's rate."""
        heard, self._desk = bytes(self._desk), bytearray()
        return heard

    def deliver(self, pdus: list[str]) -> None:
        """SMS come, in parts."""
        for each in pdus:
            place = max(self.sim.texts, default=0) + 1
            self.sim.texts[place] = each
            self._tell(f'+CMTI: "SM",{place}')

    def leave_network(self) -> None:
        self.sim.registered = False
        self._tell("+CREG: 2")

    def join_network(self) -> None:
        self.sim.registered = True
        self._tell("+CREG: 1")

    # The modem's side: commands.

    def _read(self) -> None:
        data = self._at.read(4096) if self._at else b""
        if self._echo:
            self._write(data)
        self._typed += data
        while self._typed:
            if self._text_for is not None:
                text, end, rest = self._typed.partition(b"\x1a")
                if not end:
                    return
                self._typed = rest
                self._take_text(text.decode("ascii", "replace"))
            else:
                line, end, rest = self._typed.partition(b"\r")
                if not end:
                    return
                self._typed = rest
                self._start(self._answer(line.decode("ascii", "replace").strip()), "answer")

    async def _answer(self, command: str) -> None:
        if not command:
            return
        if "slow answers" in self.faults:
            await asyncio.sleep(0.2)
        if not re.match(r"(?i)at", command):
            return
        lines = self._do(command[2:])
        if "interleaved lines" in self.faults and lines and lines[-1] in ("OK", "ERROR"):
            self._tell("+CIEV: 5,4", "+QIND: signal")
        self._tell(*lines)

    def _do(self, command: str) -> list[str]:
        """What a command comes to: the lines that answer it."""
        name, _, value = command.partition("=")
        name = name.upper()
        line = self.line
        if self.sim.puk and name not in ("", "E0", "E1", "Z", "+CPIN?", "+CMEE", "+CGMI", "+CGMM"):
            return ["+CME ERROR: 12"]
        if command in self.kind_commands("begin"):
            return self._begin_sound()
        if command in self.kind_commands("end"):
            self.sound_on = False
            return ["OK"]
        if command == self.kind.heal.removeprefix("AT"):
            self._start(self._restart(), "restart")
            return ["OK"]
        match name:
            case "E0" | "E1":
                self._echo = name == "E1"
            case "+CPIN?":
                state = "SIM PUK" if self.sim.puk else "SIM PIN" if self.sim.locked else "READY"
                return [f"+CPIN: {state}", "OK"]
            case "+CPIN":
                return self._unlock(value.strip('"'))
            case "+CSQ":
                return [f"+CSQ: {self.sim.signal},99", "OK"]
            case "+CREG?":
                return [f"+CREG: 1,{1 if self.sim.registered else 2}", "OK"]
            case "+COPS?":
                return ['+COPS: 0,0,"Simulator",7', "OK"]
            case "+CLCC":
                self._clcc_unasked = self._clcc_unasked or value == "1"
                lines = [each for each in (line, self.waiting) if each and not value]
                return [*(f"+CLCC: {n},{each.listed}" for n, each in enumerate(lines, 1)), "OK"]
            case "+CHLD" if value == "0":
                self.waiting = None
            case "A":
                if not line or line.state != INCOMING:
                    return ["NO CARRIER"]
                line.state = ACTIVE
                return ["OK", *self._standing(line)]
            case "+CHUP" | "H":
                self.line, self.sound_on = None, False
                return ["OK", *(self._ending(line) if line and line.state == ACTIVE else [])]
            case "+VTS":
                self.pressed.append(value.strip('"'))
            case "+CMGS":
                self._text_for = value
                self._write(b"\r\n" + PROMPT.encode())
                return []
            case "+CMGL":
                texts = self.sim.texts.items()
                return [
                    *(row for at, each in texts for row in (f"+CMGL: {at},0,,{octets_in(each)}", each)),
                    "OK",
                ]
            case "+CMGR":
                text = self.sim.texts.get(int(value)) if value.isdigit() else None
                return [f"+CMGR: 0,,{octets_in(text)}", text, "OK"] if text else ["+CMS ERROR: 321"]
            case "+CMGD":
                self.sim.texts.pop(int(value.partition(",")[0] or 0), None)
            case "+CUSD":
                self._start(self._say_later(f'+CUSD: 0,"Balance 12.50",{15}'), "ussd")
            case _ if name.startswith("D"):
                return self._dial(command[1:])
            case _ if command.upper() in SAID:
                return [*SAID[command.upper()], "OK"]
            case _ if name not in TAKEN and f"AT{command}" not in self.kind.ready:
                self.wrong.append(command)
                return ["ERROR"]
        return ["OK"]

    def kind_commands(self, which: Literal["begin", "end"]) -> list[str]:
        return [command.removeprefix("AT") for command in getattr(self.kind, which)]

    def _begin_sound(self) -> list[str]:
        if not self.line:
            return ["ERROR"]
        self._sounds += 1
        if "second sound fails" in self.faults and self._sounds > 1 and not self.restarts:
            return ["ERROR"]
        self.sound_on = True
        return ["OK"]

    def _unlock(self, pin: str) -> list[str]:
        if pin != self.sim.pin:
            self.sim.tries -= 1
            self.sim.puk = self.sim.tries <= 0
            return ["+CME ERROR: 16"]
        self.sim.locked = False
        return ["OK"]

    def _dial(self, command: str) -> list[str]:
        number = command.rstrip(";")
        self.dialled.append(number)
        if not self.sim.registered or self.line:
            return ["NO CARRIER"]
        self.line = Line(number, incoming=False, state=DIALING)
        self._start(self._calling(self.line), "calling")
        return ["OK"]

    def _take_text(self, body: str) -> None:
        length, self._text_for = self._text_for or "0", None
        octets = body.strip().strip("\x1b")
        if not re.fullmatch(r"(?:[0-9A-F]{2})+", octets) or octets_in(octets) != int(length):
            self._tell("+CMS ERROR: 304")
            return
        self.sent.append(submitted(octets))
        self._tell(f"+CMGS: {len(self.sent)}", "OK")

    # What happens by itself.

    async def _ringing(self, line: Line) -> None:
        while self.line is line and line.state == INCOMING:
            number = line.number if line.number_shown else ""
            self._tell("RING", f'+CLIP: "{number}",{145 if number else 128},,,,0')
            await asyncio.sleep(RING_EVERY)

    async def _calling(self, line: Line) -> None:
        await asyncio.sleep(0.2)
        if self.line is line:
            line.state = ALERTING
        if "early begin" in self.faults:
            await asyncio.sleep(0.1)
            if self.line is line:
                line.state = ACTIVE
                self._tell(*self._standing(line))
            return
        await asyncio.sleep(0.5)
        if self.line is line and self.answers:
            line.state = ACTIVE
            self._tell(*self._standing(line))

    def _standing(self, line: Line) -> list[str]:
        match self._name:
            case "simcom":
                return ["VOICE CALL: BEGIN"]
            case "quectel":
                return [f'^DSCI: 1,{int(line.incoming)},3,0,"{line.number}",145']
        return ["^CONN:1,0"]

    def _ending(self, line: Line) -> list[str]:
        match self._name:
            case "simcom":
                return ["NO CARRIER", "VOICE CALL: END: 000004"]
            case "quectel":
                return [f'^DSCI: 1,{int(line.incoming)},6,0,"{line.number}",145', "NO CARRIER"]
        return ["^CEND:1,4,29,16", "NO CARRIER"]

    async def _restart(self) -> None:
        await asyncio.sleep(0.05)
        self.restarts += 1
        asyncio.get_running_loop().call_soon(self._reboot)

    def _reboot(self) -> None:
        self.unplug()
        asyncio.get_running_loop().call_later(BOOTS, self.plug_in)

    async def _sound(self, port: Port) -> None:
        """20 ms each way, in real time. A desk that writes faster finds the port full."""
        size = self.rate // 25
        began, ticks = time.monotonic(), 0
        while True:
            if self.sound_on and self.line and self.line.state == ACTIVE:
                pcm = self._caller.popleft() if self._caller else bytes(size)
                port.write(pcm)
                if "uplink stalls" not in self.faults:
                    self._desk += port.read(size)
            ticks += 1
            await asyncio.sleep(max(0.0, began + ticks * 0.02 - time.monotonic()))

    async def _say_later(self, line: str) -> None:
        await asyncio.sleep(0.1)
        self._tell(line)

    def _tell(self, *lines: str) -> None:
        for line in lines:
            unasked = line not in ("OK", "ERROR")
            times = 2 if "doubled lines" in self.faults and unasked and not line.startswith("+CMG") else 1
            self._write(f"\r\n{line}\r\n".encode() * times)

    def _write(self, data: bytes) -> None:
        if not self._at:
            return
        size = 3 if "split lines" in self.faults else len(data) or 1
        for at in range(0, len(data), size):
            self._at.write(data[at : at + size])

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
