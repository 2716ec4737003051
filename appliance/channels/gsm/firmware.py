"""What a simulated modem answers, and the calls that it knows of."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from appliance.channels.gsm.mailbox import Mailbox
from appliance.channels.gsm.profiles import Family, family
from appliance.channels.gsm.replies import ACTIVE, ALERTING, DIALING, INCOMING, OVER, PROMPT

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
    "takes no PDUs",
    "knows GSM letters only",
]


@dataclass(slots=True)
class Line:
    """The call, as the network has it."""

    number: str
    incoming: bool
    state: int
    number_shown: bool = True

    @property
    def listed(self) -> str:
        """As +CLCC tells it, after its place in the list."""
        return f'{int(self.incoming)},{self.state},0,0,"{self.number}",145'


@dataclass(slots=True)
class Sim:
    """The SIM and its network."""

    pin: str = ""
    locked: bool = False
    puk: bool = False
    tries: int = 3
    registered: bool = True
    signal: int = 19


SAID = {
    "I": ("SIMULATOR",),
    "+CFUN?": ("+CFUN: 1",),
    "+CGMI": ("SIMULATOR",),
    "+CGMM": ("Two pseudo-terminals",),
    "+CGMR": ("1",),
    "+CGSN": ("490154203237518",),
    "+CIMI": ("001010123456789",),
    "+COPS?": ('+COPS: 0,0,"Simulator",7',),
    "+CSMS?": ("+CSMS: 1,1,1,1",),
    "+CSMS=?": ("+CSMS: (0,1)",),
    "+CNMI=?": ("+CNMI: (0-2),(0-3),(0-3),(0-2),(0,1)",),
    "+CMGF=?": ("+CMGF: (0,1)",),
    "+CPMS=?": ('+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")',),
    "+CPMS?": ('+CPMS: "SM",0,30,"SM",0,30,"SM",0,30',),
    '+CPMS="SM"': ("+CPMS: 0,30,0,30,0,30",),
    '+CPMS="SM","SM"': ("+CPMS: 0,30,0,30,0,30",),
    "+CSCA?": ('+CSCA: "+15550199",145',),
    "+CLAC": ("+CMGS", "+CMGR", "+VTS", "+CLCC"),
    "+CBC": ("+CBC: 0,100",),
}
"""What is asked, and what is said to it."""

TAKEN = frozenset(
    [
        "",
        *"""
    Z &F V1 Q0 X4 S0 +CMEE +CLIP +CRC +CREG +CNMI +CSMS +CPMS +CSCA +CFUN +COPS
    +CVHU +CSSN +CLIR +CCWA +COLP +CHLD +VTD
""".split(),
    ]
)
"""What is taken and comes to nothing."""

WITHOUT_SIM = frozenset(["", "E0", "E1", "Z", "+CPIN?", "+CMEE", "+CGMI", "+CGMM"])
"""What is answered while the SIM is locked for good."""


class Firmware:
    """`tell` puts lines on the wire; `restart` is what the modem does when it is told to begin anew."""

    def __init__(self, kind: str, faults: set[Fault], pin: str) -> None:
        self.name = kind
        self.kind: Family = family(kind)
        self.faults = faults
        self.sim = Sim(pin, locked=bool(pin), puk="asks for PUK" in faults)
        letters = ("GSM",) if "knows GSM letters only" in faults else Mailbox().charsets
        self.mailbox = Mailbox("takes no PDUs" not in faults, letters)
        self.line: Line | None = None
        self.waiting: Line | None = None
        """Who calls while somebody is being talked to."""
        self.sound_on = False
        self.restarts = 0
        self.dialled: list[str] = []
        self.pressed: list[str] = []
        """Keys that the desk pressed."""
        self.answers = True
        """Whether somebody takes the calls that the desk makes."""
        self.told: deque[str] = deque(maxlen=500)
        """The latest commands, without their AT."""
        self.wrong: list[str] = []
        """What no modem would have understood."""
        self.echo = True
        self.tells_list = False
        """Whether +CLCC comes unasked."""
        self._sounds = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, *lines: str) -> None:
        raise NotImplementedError

    async def restart(self) -> None:
        raise NotImplementedError

    def do(self, command: str) -> list[str]:
        """What a command, without its AT, comes to: the lines that answer it."""
        self.told.append(command)
        name, _, value = command.partition("=")
        name = name.upper()
        if self.sim.puk and name not in WITHOUT_SIM:
            return ["+CME ERROR: 12"]
        if command == self.kind.heal.removeprefix("AT"):
            self.start(self.restart(), "restart")
            return ["OK"]
        for answer in (self._sound(command), self.mailbox.do(name, value), self._do(command, name, value)):
            if answer is not None:
                return [PROMPT] if self.mailbox.awaited is not None else answer
        if command.upper() in SAID:
            return [*SAID[command.upper()], "OK"]
        if name in TAKEN or f"AT{command}" in self.kind.ready:
            return ["OK"]
        self.wrong.append(command)
        return ["ERROR"]

    def _sound(self, command: str) -> list[str] | None:
        if f"AT{command}" in self.kind.end:
            self.sound_on = False
            return ["OK"]
        if f"AT{command}" not in (*self.kind.begin, *self.kind.card):
            return None
        self._sounds += bool(self.line)
        fails = "second sound fails" in self.faults and self._sounds > 1 and not self.restarts
        self.sound_on = bool(self.line) and not fails
        return ["OK"] if self.sound_on else ["ERROR"]

    def _do(self, command: str, name: str, value: str) -> list[str] | None:
        line = self.line
        match name:
            case "E0" | "E1":
                self.echo = name == "E1"
            case "+CPIN?":
                state = "SIM PUK" if self.sim.puk else "SIM PIN" if self.sim.locked else "READY"
                return [f"+CPIN: {state}", "OK"]
            case "+CPIN":
                return self._unlock(value.strip('"'))
            case "+CSQ":
                return [f"+CSQ: {self.sim.signal},99", "OK"]
            case "+CREG?":
                return [f"+CREG: 1,{1 if self.sim.registered else 2}", "OK"]
            case "+CLCC":
                self.tells_list = self.tells_list or value == "1"
                lines = [each for each in (line, self.waiting) if each and not value]
                return [*(f"+CLCC: {n},{each.listed}" for n, each in enumerate(lines, 1)), "OK"]
            case "+CHLD" if value == "0" and self.waiting:
                waiting, self.waiting = self.waiting, None
                return ["OK", *self.gone(waiting, 2)]
            case "A":
                if not line or line.state != INCOMING:
                    return ["NO CARRIER"]
                line.state = ACTIVE
                return ["OK", *self.standing(line)]
            case "+CHUP" | "H":
                self.line, self.sound_on = None, False
                return ["OK", *(self.ending(line) if line and line.state == ACTIVE else [])]
            case "+VTS":
                self.pressed.append(value.strip('"'))
            case "+CUSD":
                self.start(self._tell_later('+CUSD: 0,"Balance 12.50",15'), "ussd")
            case _ if name.startswith("D"):
                return self._dial(command[1:])
            case _:
                return None
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
        self.start(self._calling(self.line), "calling")
        return ["OK"]

    async def _calling(self, line: Line) -> None:
        await asyncio.sleep(0.2)
        if self.line is line:
            line.state = ALERTING
        if "early begin" in self.faults:
            await asyncio.sleep(0.1)
            if self.line is line:
                line.state = ACTIVE
                self.tell(*self.standing(line))
            return
        await asyncio.sleep(0.5)
        if self.line is line and self.answers:
            line.state = ACTIVE
            self.tell(*self.standing(line))

    def standing(self, line: Line) -> list[str]:
        """What is said once a call stands."""
        match self.name:
            case "simcom":
                return ["VOICE CALL: BEGIN"]
            case "quectel":
                return [f'^DSCI: 1,{int(line.incoming)},3,0,"{line.number}",145']
        return ["^CONN:1,0"]

    def ending(self, line: Line) -> list[str]:
        """What is said once the call is over."""
        more = ["VOICE CALL: END: 000004"] if self.name == "simcom" else []
        return [*self.gone(line), "NO CARRIER", *more]

    def gone(self, line: Line, place: int = 1) -> list[str]:
        """What is said of each call that is over, by its place in the list."""
        match self.name:
            case "simcom":
                over = f'+CLCC: {place},{int(line.incoming)},{OVER},0,0,"{line.number}",145'
                return [over] if self.tells_list else []
            case "quectel":
                return [f'^DSCI: {place},{int(line.incoming)},6,0,"{line.number}",145']
        return [f"^CEND:{place},4,29,16"]

    async def _tell_later(self, line: str) -> None:
        await asyncio.sleep(0.1)
        self.tell(line)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do something beside what is asked."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
