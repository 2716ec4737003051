"""An office in a storm: callers by modem and by SIP who hang up at any moment, while everything that can fail
does. What each of them does is drawn from a seed, so that a call that goes wrong can be made again."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import itertools
import logging
import os
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

from appliance.app import App
from appliance.channels import AudioChannel, Call
from appliance.channels.exchange import Exchange
from appliance.channels.gsm.line import GsmLine
from appliance.channels.gsm.replies import ACTIVE
from appliance.channels.gsm.simulator import Simulator
from appliance.channels.phone import PhoneCall
from appliance.channels.sip.line import SipLine
from appliance.channels.sip.stack import SipStack
from appliance.channels.sip.wire import Account, Settings
from appliance.config import Box, Engine, Engines, read_desk
from appliance.engines import registry
from appliance.engines.fake import FakeAsr
from appliance.memory.events import EventLog
from appliance.memory.store import Store
from appliance.messages import RATE, Turn
from tests.audio_server import until
from tests.channels.callers import (
    FAULTS,
    SPOKEN,
    UP_WITHIN,
    Caller,
    GsmCaller,
    SipCaller,
    ring_through,
)
from tests.channels.sip.peers import HOST
from tests.ports import free_port

FAKE = Engine("fake")
ENGINES = Engines(FAKE, FAKE, Engine("none"), FAKE, FAKE, FAKE, Engine("none"), Engine("none"))

PERSON = "+12125550199"

DESK = """
name = "Storm House"
silence = 2.0
[lines]
greeting = "Hello"
recorded = "Recorded"
unknown = "Shall I"
message = "What is it"
taken = "Noted"
goodbye = "Goodbye"
still_there = "Still there"
connecting = "One moment"
nobody = "Nobody is there"
calls = "{who}"
take_call = "Well"
[handoff]
to = "PERSON"
rings = 5.0
[fact.hours]
ask = ["when are you open"]
say = "From nine to five."
""".replace("PERSON", PERSON)

SAYS = (
    "when are you open",
    *["I want to speak to a person"] * 4,
    "yes",
    "no",
    "take a message",
    "the boiler is broken",
    "goodbye",
    "",
)


@dataclass
class Talk:
    """What came of a call that the desk took."""

    call: str
    caller: str
    over: bool = False
    seconds: float = 0.0
    """For which it stood, by its own clock."""


@dataclass
class Watched:
    """The desk, and whom it talked to."""

    app: App
    talks: list[Talk] = field(default_factory=list)

    async def talk(self, channel: AudioChannel) -> None:
        talk = Talk(channel.id, channel.caller)
        self.talks.append(talk)
        try:
            await self.app.talk(channel)
        finally:
            assert isinstance(channel, PhoneCall)
            talk.seconds = channel._clock / RATE
            talk.over = True

    async def chat(self, call: Call) -> None:
        raise AssertionError

    def of(self, caller: str) -> list[Talk]:
        return [talk for talk in self.talks if talk.caller == caller]


@dataclass(frozen=True)
class Footprint:
    """What this process holds on to."""

    files: int
    threads: int
    tasks: int
    memory: float
    """MB."""

    @staticmethod
    def now() -> Footprint:
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files = len(list(Path("/proc/self/fd").iterdir()))
        memory = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        # asyncio's own pool grows up to a bound, and is no leak.
        threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
        return Footprint(files, len(threads), len(asyncio.all_tasks()), memory)


class Office(logging.Handler):
    """A whole desk on fakes with modems and SIP, and the street that calls it."""

    def __init__(self, app: App, desk: Watched, seed: int) -> None:
        super().__init__(logging.INFO)
        self.app = app
        self.desk = desk
        self.seed = seed
        self.simulators: list[Simulator] = []
        self.gsm: list[GsmLine] = []
        self.sip: SipLine | None = None
        self.street: SipStack | None = None
        self.address = ""
        self.wrong: list[str] = []
        """What went wrong, each with the number of its call."""
        self.kinds: dict[str, int] = {}
        """How many calls of each kind there were."""

    def emit(self, record: logging.LogRecord) -> None:
        """What nobody expected is written into the log; here it is a failure."""
        if record.exc_info or record.name == "asyncio":
            self.wrong.append(self.format(record))
        elif record.name == "appliance.phone.handoff" and record.getMessage().endswith("handed over: yes"):
            self.count("put through")
        elif record.name == "appliance.phone.handoff" and "handed over" in record.getMessage():
            self.count("taken back")

    @property
    def spoken(self) -> float:
        """MB of lines once spoken, which are kept up to a bound of their own."""
        assert self.app.speech
        return self.app.speech._kept_bytes / 1e6

    def count(self, *kinds: str) -> None:
        for kind in kinds:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1

    async def calls(self, numbers: Sequence[int]) -> None:
        """Make the calls of these numbers: each caller is one after another, all of them side by side."""
        waiting = iter(numbers)
        lock = asyncio.Lock()

        async def one(caller: Caller) -> None:
            while True:
                async with lock:
                    number = next(waiting, None)
                if number is None:
                    return
                try:
                    await caller.call(number, random.Random(f"{self.seed}-{number}"))
                except (AssertionError, TimeoutError) as error:
                    self.wrong.append(f"call {number} of seed {self.seed} by {caller.name}: {error!r}")

        # The last modem is nobody's whom people call: by it the desk calls.
        callers: list[Caller] = [GsmCaller(self, n) for n in range(len(self.gsm) - 1)]
        if self.street:
            callers += [SipCaller(self) for _ in range(4)]
        people = [asyncio.create_task(self._answer(simulator)) for simulator in self.simulators]
        try:
            await asyncio.gather(*map(one, callers))
        finally:
            for person in people:
                person.cancel()
            await asyncio.gather(*people, return_exceptions=True)

    async def _answer(self, simulator: Simulator) -> None:
        """Whom the desk calls by that modem: takes it or not, says something, hangs up when it likes."""
        chance = random.Random(f"{self.seed}-{simulator.folder}")
        while True:
            simulator.answers = chance.random() < 0.7
            if simulator is self.simulators[-1]:
                simulator.faults = {chance.choice(FAULTS)} if chance.random() < 0.5 else set()
            await until(lambda: simulator.line and not simulator.line.incoming, within=1e6)
            line = simulator.line
            for _ in range(chance.randrange(1, 5)):
                await asyncio.sleep(chance.uniform(0.2, 1.0))
                if simulator.line is not line:
                    break
                if line and line.state == ACTIVE:
                    self.count("a person spoke or pressed a key")
                    if chance.random() < 0.5:
                        simulator.press("1")
                    else:
                        simulator.say(SPOKEN)
            if simulator.line is line:
                simulator.hang_up()
            simulator.hear()

    async def settled(self) -> None:
        """Until nobody is on any line, and what is kept of every call is kept."""
        await until(lambda: all(talk.over for talk in self.desk.talks), within=30)
        await until(lambda: not self.app.books._ending, within=30)
        await until(lambda: not any(line._taken.locked() for line in self.gsm), within=10)
        if self.sip:
            await until(lambda: not (self.sip and self.sip.stack and self.sip.stack.calls), within=10)
            await until(lambda: not (self.street and self.street.calls), within=40)
        await until(lambda: all(line.state[0] for line in self.gsm), within=UP_WITHIN)

    def examine(self, folder: Path) -> None:
        """Every call has an end, a record and a recording that plays."""
        store = Store(folder / "desk.db")
        try:
            log = EventLog(store)
            assert log.open_conversations() == []
            for talk in self.desk.talks:
                assert talk.over, talk
                kinds = [event.kind for event in log.read(talk.call)]
                assert kinds.count("ended") == 1, (talk, kinds)
                [path] = (folder / "recordings").glob(f"*-{talk.call}.*")
                sound, rate = soundfile.read(path)
                lasts = len(sound) / rate
                assert abs(lasts - talk.seconds) < 0.1, (talk, lasts)
        finally:
            store.close()
        for simulator in self.simulators:
            assert simulator.line is None
            assert simulator.wrong == []


@asynccontextmanager
async def office(
    folder: Path,
    seed: int,
    modems: int = 4,
    sip: bool = True,
    text: str = DESK,
    says: Iterator[str] | None = None,
    keep: Callable[[Turn], None] = lambda turn: None,
) -> AsyncIterator[Office]:
    """`text` is the desk file, `says` what callers are heard to say, `keep` gets each turn."""
    (folder / "desk.toml").write_text(text)
    desk, _ = read_desk(folder / "desk.toml")
    chance = random.Random(seed)
    heard = says or (chance.choice(SAYS) for _ in itertools.count())
    before = registry.ENGINES["asr"]["fake"]
    registry.ENGINES["asr"]["fake"] = lambda spec, box: FakeAsr(heard)  # type: ignore[arg-type]
    serving: list[asyncio.Task[None]] = []
    try:
        async with App(Box(folder, recordings=True, engines=ENGINES), desk, keep) as app:
            await app.prepared()
            there = Office(app, Watched(app), seed)
            logging.getLogger().addHandler(there)
            logging.getLogger("appliance").setLevel(logging.INFO)
            for number in range(modems):
                simulator = Simulator(folder=folder / "modems" / str(number))
                simulator.plug_in()
                there.simulators.append(simulator)
                there.gsm.append(GsmLine(simulator.found, name=f"gsm {number + 1}"))
            lines: list[GsmLine | SipLine] = [*there.gsm]
            if sip:
                port, street = free_port(), free_port()
                there.address = f"{HOST}:{port}"
                account = Account("desk", f"{HOST}:{street}", register=0)
                ports = (20_000, 20_998)
                there.sip = SipLine(Settings((account,), there.address, HOST, ports, 8), a_minute=1_000_000)
                # Whom the desk puts callers through to lives there.
                caller = Account(PERSON, there.address, register=0)
                there.street = SipStack(
                    Settings((caller,), f"{HOST}:{street}", HOST, (21_000, 21_998), 16), lambda session: None
                )
                ring_through(there.street, random.Random(f"{seed}-street"))
                lines.append(there.sip)
                serving.append(asyncio.create_task(there.street.run()))
            # By the modem that nobody calls, or else by SIP.
            lines.sort(key=lambda line: line is not there.gsm[-1])
            app.exchange = Exchange(lines)
            serving += [asyncio.create_task(line.serve(there.desk)) for line in lines]
            try:
                await until(lambda: all(line.state[0] for line in lines), within=30)
                yield there
            finally:
                logging.getLogger().removeHandler(there)
                logging.getLogger("appliance").setLevel(logging.NOTSET)
                for task in serving:
                    task.cancel()
                await asyncio.wait(serving)
                for simulator in there.simulators:
                    simulator.close()
    finally:
        registry.ENGINES["asr"]["fake"] = before
