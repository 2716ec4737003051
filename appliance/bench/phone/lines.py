"""The desk's lines as the bench starts them: SIP at a free port of this machine, a modem that is none."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from appliance.bench.phone.caller import HOST
from appliance.channels import AudioChannel, Call, Desk
from appliance.channels.gsm.line import GsmLine
from appliance.channels.gsm.simulator import Simulator
from appliance.channels.sip.line import SipLine
from appliance.channels.sip.wire import Account, Settings
from appliance.errors import DeviceError

UP_WITHIN = 20.0

MOST = 64
"""Calls at once."""


class Echo:
    """A desk that does not think: it says everything again at once."""

    def __init__(self) -> None:
        self.calls = 0

    async def talk(self, channel: AudioChannel) -> None:
        self.calls += 1
        async for frame in channel.microphone():
            channel.playout.add(frame.pcm)

    async def chat(self, call: Call) -> None:
        raise NotImplementedError


@asynccontextmanager
async def sip(
    desk: Desk, make: Callable[[Settings], SipLine] | None = None
) -> AsyncIterator[tuple[SipLine, int]]:
    """A SIP line, and the port that callers call."""
    port, first = free_port(), free_port() // 2 * 2
    ports = (min(first, 65_000), min(first, 65_000) + 500)
    settings = Settings((Account("desk", HOST, register=0),), f"{HOST}:{port}", HOST, ports, MOST)
    line = make(settings) if make else SipLine(settings, a_minute=1000)
    serving = asyncio.create_task(line.serve(desk))
    try:
        await up(lambda: line.state)
        yield line, port
    finally:
        serving.cancel()
        await asyncio.wait([serving])


@asynccontextmanager
async def gsm(desk: Desk) -> AsyncIterator[Simulator]:
    """A modem with the desk behind it."""
    simulator = Simulator()
    simulator.plug_in()
    line = GsmLine(simulator.found)
    serving = asyncio.create_task(line.serve(desk))
    try:
        await up(lambda: line.state)
        yield simulator
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        simulator.close()


async def up(state: Callable[[], tuple[bool, str]]) -> None:
    try:
        async with asyncio.timeout(UP_WITHIN):
            while not state()[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise DeviceError(f"the line does not come up: {state()[1]}") from None


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])
