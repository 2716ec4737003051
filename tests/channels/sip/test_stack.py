"""The process of the SIP stack and the desk tell each other everything, however busy either is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from baresip import Runtime, UserAgent
from baresip.call import Call, CallState
from baresip.events import Event, StackEvent

from appliance.channels.sip.stack import Session, SipStack
from appliance.channels.sip.wire import LARGEST, Account, Settings, Teller, pack_sound, unpack
from appliance.channels.sip.worker import Worker
from tests.audio_server import until
from tests.channels.sip.peers import HOST
from tests.ports import free_port


def wire() -> tuple[socket.socket, socket.socket]:
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


def read(end: socket.socket) -> list[object]:
    """What was told, without the sound."""
    told = []
    try:
        while message := end.recv(LARGEST):
            if isinstance(heard := unpack(message), dict):
                told.append(heard["what"])
    except BlockingIOError:
        pass
    return told


async def test_what_is_told_while_the_other_side_is_busy_is_told_once_it_is_not() -> None:
    ours, theirs = wire()
    with ours, theirs:
        teller = Teller(ours)
        with suppress(BlockingIOError):
            while True:
                ours.send(pack_sound(1, bytes(640)))
        teller.tell("held", call=1)
        teller.tell("closed", call=1)
        assert read(theirs) == []
        await asyncio.sleep(0)
        await until(lambda: not teller._waiting)
        teller.tell("incoming", call=2)
        assert read(theirs) == ["held", "closed", "incoming"]
        teller.close()


class HastyAgent:
    """Its calls are over before whoever dialled has got hold of them."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def dial(self, uri: str) -> Call:
        for listener in self._runtime._listeners:
            listener(StackEvent(Event.CALL_CLOSED, handle=7, ua=1, call=7, text="486 Busy Here"))
        return Call(self._runtime, handle=7, ua_handle=1, state=CallState.OUTGOING, peer=uri)


async def test_a_call_that_is_refused_at_once_is_known_to_be_over() -> None:
    ours, theirs = wire()
    with ours, theirs:
        worker = Worker(theirs)
        worker._agents: list[UserAgent | HastyAgent] = [HastyAgent(worker._runtime)]  # type: ignore[misc]
        await worker._do({"what": "dial", "call": 5, "account": 0, "uri": "sip:busy@nowhere"})
        assert read(ours) == ["closed"]
        assert worker._calls == {}


@asynccontextmanager
async def stack(ringing: Callable[[Session], None]) -> AsyncIterator[tuple[SipStack, int]]:
    port, first = free_port(), min(free_port() // 2 * 2, 65_000)
    account = Account("desk", HOST, register=0)
    made = SipStack(Settings((account,), f"{HOST}:{port}", HOST, (first, first + 100)), ringing)
    running = asyncio.create_task(made.run())
    try:
        await until(lambda: not made.why, within=20)
        yield made, port
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_whom_nobody_wants_to_call_any_more_hears_it_ring_no_more() -> None:
    rung: list[Session] = []
    async with stack(rung.append) as (there, port), stack(rung.append) as (here, _):
        given_up = asyncio.create_task(here.dial(f"sip:desk@{HOST}:{port}"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        second = asyncio.create_task(here.dial(f"sip:desk@{HOST}:{port}"))
        await until(lambda: any(not session.over.is_set() for session in rung))
        await until(lambda: there.calls == 1)
        second.cancel()
        await asyncio.wait([second])
        await until(lambda: not there.calls)


async def test_who_answers_just_as_nobody_wants_it_any_more_is_hung_up_on() -> None:
    rung: list[Session] = []
    async with stack(rung.append) as (there, port), stack(rung.append) as (here, _):
        dialling = asyncio.create_task(here.dial(f"sip:desk@{HOST}:{port}"))
        await until(lambda: rung)
        answering = asyncio.create_task(there.answer(rung[0]))
        [session] = here._sessions.values()
        await session.ready.wait()
        dialling.cancel()
        await asyncio.wait([dialling, answering])
        assert dialling.cancelled()
        await until(lambda: not there.calls)


async def test_one_that_does_not_start_stops_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.channels.sip.stack.STARTS_WITHIN", 0.0)
    stopping = asyncio.Event()

    class Watched(SipStack):
        async def _stop(self) -> None:
            stopping.set()
            await super()._stop()

    made = Watched(Settings((Account("desk", HOST, register=0),), f"{HOST}:{free_port()}"), lambda _: None)
    running = asyncio.create_task(made.run())
    await stopping.wait()
    running.cancel()
    await asyncio.wait([running], timeout=20)
    assert running.cancelled()


async def test_settings_come_before_anything_else() -> None:
    """A PBX that comes back while the stack is being started is asked for at once."""
    here = SipStack(Settings((Account("desk", HOST),), f"{HOST}:{free_port()}", HOST), lambda session: None)
    running = asyncio.create_task(here.run())
    try:
        await until(lambda: here._wire)
        here.register(0)
        await until(lambda: not here.why, within=20)
        assert here.restarts == 0
    finally:
        running.cancel()
        await asyncio.wait([running])
