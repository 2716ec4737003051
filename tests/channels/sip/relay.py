"""A bad network between a telephone and the desk: a relay that loses, delays and swaps packets of sound."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

HOST = "127.0.0.1"

MEDIA = re.compile(rb"^m=audio (\d+) ", re.MULTILINE)
LENGTH = re.compile(rb"^Content-Length: *\d+", re.MULTILINE | re.IGNORECASE)

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Network:
    """How bad it is."""

    loss: float = 0.0
    """Share of packets that never arrive."""
    jitter: float = 0.0
    """Seconds that a packet may take longer than the quickest: later ones may overtake it."""


class Port(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self.take = take
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.take(data, addr)

    def send(self, data: bytes, to: Address) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.sendto(data, to)

    @property
    def number(self) -> int:
        assert self.transport
        return int(self.transport.get_extra_info("sockname")[1])


class Relay:
    """Telephones call the desk at `port`; SIP passes unhurt, its sound through `network`."""

    def __init__(self, desk: int, network: Network) -> None:
        self._desk = (HOST, desk)
        self._network = network
        self._chance = random.Random(7)
        self._caller: Address | None = None
        self._ports: list[Port] = []
        self._media: dict[int, Port] = {}
        self.passed = self.lost = 0

    async def __aenter__(self) -> Relay:
        self._front = await self._open(self._from_caller)
        self._back = await self._open(self._from_desk)
        self._sound = [await self._open(lambda *_: None) for _ in range(2)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for port in self._ports:
            if port.transport:
                port.transport.close()

    @property
    def port(self) -> int:
        return self._front.number

    async def _open(self, take: Callable[[bytes, Address], None]) -> Port:
        _, port = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Port(take), local_addr=(HOST, 0)
        )
        self._ports.append(port)
        return port

    def _from_caller(self, data: bytes, addr: Address) -> None:
        self._caller = addr
        self._back.send(self._redirect(data, 0), self._desk)

    def _from_desk(self, data: bytes, addr: Address) -> None:
        if self._caller:
            self._front.send(self._redirect(data, 1), self._caller)

    def _redirect(self, message: bytes, side: int) -> bytes:
        """Let the sound that is meant for this side's port come here first."""
        found = MEDIA.search(message)
        if not found:
            return message
        port = self._sound[side]
        to = (HOST, int(found[1]))
        port.take = lambda data, addr: self._pass(data, to, port)
        message = MEDIA.sub(b"m=audio %d " % port.number, message)
        body = message.partition(b"\r\n\r\n")[2]
        return LENGTH.sub(b"Content-Length: %d" % len(body), message)

    def _pass(self, data: bytes, to: Address, port: Port) -> None:
        if self._chance.random() < self._network.loss:
            self.lost += 1
            return
        self.passed += 1
        delay = self._chance.random() * self._network.jitter
        asyncio.get_running_loop().call_later(delay, port.send, data, to)
