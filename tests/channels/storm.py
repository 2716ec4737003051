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
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

from appliance.app import App
from appliance.channels import AudioChannel, Call
from appliance.channels.exchange import Exchange
from appliance.channels.gsm.firmware import Fault
from appliance.channels.gsm.line import GsmLine
from appliance.channels.gsm.replies import ACTIVE
from appliance.channels.gsm.simulator import Simulator
from appliance.channels.phone import PhoneCall
from appliance.channels.sip.line import SipLine
from appliance.channels.sip.stack import Session, SipError, SipStack
from appliance.channels.sip.wire import Account, Settings
from appliance.config import Box, Engine, Engines, read_desk
from appliance.engines import registry
from appliance.engines.fake import FakeAsr
from appliance.engines.resample import resample
from appliance.memory.events import EventLog
from appliance.memory.store import Store
from appliance.messages import FRAME_BYTES, RATE, Turn
from tests.audio_server import until
from tests.channels.sip.peers import HOST, free_port
from tests.desk import voice

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

NOISE: tuple[Fault, ...] = ("split lines", "doubled lines", "interleaved lines")
FAULTS: tuple[Fault, ...] = (
    "uplink stalls",
    "second sound fails",
    "early begin",
    "rate lies",
    "no carrier is never said",
    "slow answers",
    *NOISE,
)

UP_WITHIN = 10.0
"""Seconds after which a modem is in service again, whatever was done to it."""

OVER_WITHIN = 12.0
"""Seconds after which the desk has done with a caller who is gone."""

SPOKEN = resample(voice(0.5), RATE, to=8000)


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


class Caller:
    name = ""

    async def call(self, number: int, chance: random.Random) -> None:
        raise NotImplementedError


class GsmCaller(Caller):
    def __init__(self, office: Office, number: int) -> None:
        self._office = office
        self._simulator = office.simulators[number]
        self._line = office.gsm[number]
        self.name = f"gsm {number + 1}"

    async def call(self, number: int, chance: random.Random) -> None:
        office, simulator = self._office, self._simulator
        await until(lambda: self._line.state[0], within=UP_WITHIN)
        # Whom the desk has called by this modem comes first.
        await until(lambda: simulator.line is None and not self._line._taken.locked(), within=40)
        faults: set[Fault] = {chance.choice(FAULTS)} if chance.random() < 0.5 else set()
        simulator.faults = set(faults)
        caller = f"+1555{number:07}"
        simulator.restarts = 0
        office.count("by gsm", *faults)
        simulator.ring(caller)
        line, ends = simulator.line, chance.uniform(0.0, 7.0)
        began = asyncio.get_running_loop().time()
        try:
            while simulator.line is line and (left := ends - asyncio.get_running_loop().time() + began) > 0:
                await self._do(chance)
                await asyncio.sleep(min(left, chance.uniform(0.1, 1.2)))
            if simulator.line is not line:
                office.count("the desk hung up, or the modem went")
            elif not office.desk.of(caller):
                office.count("hung up before it was answered")
                assert ends < 3.0 or faults or not simulator.sim.registered, "nobody answered"
        finally:
            if simulator.line is line:
                simulator.hang_up()
            if not simulator.sim.registered:
                simulator.join_network()
            if not simulator.plugged and not simulator.restarts:
                await asyncio.sleep(chance.uniform(0.0, 1.5))
                simulator.plug_in()
        await until(lambda: all(talk.over for talk in office.desk.of(caller)), within=OVER_WITHIN)
        simulator.hear()

    async def _do(self, chance: random.Random) -> None:
        simulator = self._simulator
        match chance.choices(("say", "press", "unplug", "network", "other", "text"), (60, 15, 4, 2, 3, 2))[0]:
            case "say":
                simulator.say(SPOKEN)
            case "press":
                simulator.press(chance.choice("0123456789*#"))
            case "unplug" if not simulator.restarts:
                self._office.count("unplugged")
                simulator.unplug()
            case "network":
                self._office.count("the network went")
                simulator.leave_network()
            case "other" if simulator.line and simulator.line.state == ACTIVE:
                self._office.count("another caller waited")
                simulator.ring_too()


class SipCaller(Caller):
    name = "sip"

    def __init__(self, office: Office) -> None:
        self._office = office

    async def call(self, number: int, chance: random.Random) -> None:
        office = self._office
        assert office.sip
        assert office.street
        sip, street = office.sip, office.street
        await until(lambda: sip.state[0] and not street.why, within=30)
        office.count("by sip")
        try:
            async with asyncio.timeout(chance.uniform(0.05, 7.0)) as until_then:
                try:
                    session = await street.dial(f"sip:desk@{office.address}", 0, 8.0)
                except SipError:
                    office.count("no call by sip came about")
                    return
                try:
                    await self._talk(session, chance)
                finally:
                    await asyncio.shield(street.hang_up(session))
        except TimeoutError:
            assert until_then.expired()
            office.count("hung up by sip")

    async def _talk(self, session: Session, chance: random.Random) -> None:
        office = self._office
        assert office.street
        silence, spoken = bytes(FRAME_BYTES), voice(0.5)
        frames = itertools.chain.from_iterable(
            [spoken[at : at + FRAME_BYTES] for at in range(0, len(spoken), FRAME_BYTES)]
            + [silence] * chance.randrange(10, 60)
            for _ in range(100)
        )
        killed = chance.uniform(0.0, 6.0) if chance.random() < 0.04 else None
        began = asyncio.get_running_loop().time()
        for number, frame in enumerate(frames):
            if session.over.is_set():
                office.count("the desk hung up by sip")
                return
            office.street.send(session, frame)
            if killed is not None and number * 0.02 > killed and office.sip and office.sip.stack:
                killed = None
                if process := office.sip.stack.process:
                    office.count("the sip engine was killed")
                    os.kill(process, signal.SIGKILL)
            if chance.random() < 0.004:
                office.street.press(session, chance.choice("0123456789*#"))
            await asyncio.sleep(max(0.0, began + (number + 1) * 0.02 - asyncio.get_running_loop().time()))


def _rings(street: SipStack, chance: random.Random) -> None:
    """Whom the desk calls by SIP: takes the call or refuses it, hangs up when it likes."""

    def ring(session: Session) -> None:
        task = asyncio.get_running_loop().create_task(_person(street, session, chance))
        people.add(task)
        task.add_done_callback(people.discard)

    people: set[asyncio.Task[None]] = set()
    street._ringing = ring


async def _person(street: SipStack, session: Session, chance: random.Random) -> None:
    await asyncio.sleep(chance.uniform(0.0, 1.0))
    if chance.random() < 0.4:
        street.reject(session)
        return
    try:
        await street.answer(session)
    except SipError:
        return
    spoken = voice(0.5) + bytes(RATE)
    if chance.random() < 0.6:
        street.press(session, "1")
    lasts = chance.uniform(0.0, 5.0)
    for at in range(round(lasts / 0.02)):
        if session.over.is_set():
            return
        piece = at * FRAME_BYTES % len(spoken)
        street.send(session, spoken[piece : piece + FRAME_BYTES])
        await asyncio.sleep(0.02)
    await street.hang_up(session)


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
                _rings(there.street, random.Random(f"{seed}-street"))
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
