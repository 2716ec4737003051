"""Callers in a storm, by modem and by SIP, and whom the desk calls: who hangs up at any moment."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from appliance.channels.gsm.firmware import Fault
from appliance.channels.gsm.replies import ACTIVE
from appliance.channels.sip.stack import Session, SipError, SipStack
from appliance.engines.resample import resample
from appliance.messages import FRAME_BYTES, RATE
from tests.audio_server import until
from tests.desk import voice

if TYPE_CHECKING:
    from tests.channels.storm import Office

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


class Caller(ABC):
    name = ""

    @abstractmethod
    async def call(self, number: int, chance: random.Random) -> None: ...


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


def ring_through(street: SipStack, chance: random.Random) -> None:
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
