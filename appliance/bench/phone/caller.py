"""The instrument: a telephone that is made of nothing but packets. It shares no code with the desk's stack,
buffers nothing, and knows to the sample when each sound left and when it came back."""

from __future__ import annotations

import asyncio
import random
import re
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from appliance.bench.phone import ulaw
from appliance.errors import DeviceError

HOST = "127.0.0.1"

RATE = 8_000
"""Of G.711, in samples a second."""

PACKET = 160
"""Samples in a packet: 20 ms."""

TRIES = 8
"""Times that an INVITE is sent while nothing comes back, half a second apart."""

ANSWERED_WITHIN = 20.0

RTP = struct.Struct("!BBHII")


class Refused(DeviceError):
    """The desk did not take the call: busy, or no answer."""


@dataclass(frozen=True, slots=True)
class Network:
    """How bad the way to the desk is."""

    loss: float = 0.0
    """Share of packets that never arrive."""
    jitter: float = 0.0
    """Seconds that a packet may take longer than the quickest: later ones may overtake it."""


class _Port(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._take(data)


class Caller:
    """One call. `heard` gets each packet's sound, s16le 8 kHz, and when it came (`time.monotonic`)."""

    def __init__(self, name: str, desk: int, network: Network | None = None) -> None:
        self.heard: Callable[[bytes, float], None] = lambda pcm, at: None
        self.over = asyncio.Event()
        """Set once the desk has hung up."""
        self.packets = 0
        """That came from the desk."""
        self._name = name
        self._desk = (HOST, desk)
        self._network = network or Network()
        self._chance = random.Random(name)
        self._id = f"{name}-{time.monotonic_ns()}"
        self._to = ""
        self._media: tuple[str, int] | None = None
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._sequence = self._timestamp = 0

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._sip, _ = await loop.create_datagram_endpoint(
            lambda: _Port(self._take_sip), local_addr=(HOST, 0)
        )
        self._rtp, _ = await loop.create_datagram_endpoint(
            lambda: _Port(self._take_rtp), local_addr=(HOST, 0)
        )

    async def dial(self) -> None:
        """Return once the desk has answered. Refused where it does not."""
        for _ in range(TRIES):
            if self._answer.done() or self._to:
                break
            self._send("INVITE", 1, self._offer())
            await asyncio.wait([self._answer], timeout=0.5)
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                answer = await self._answer
        except TimeoutError:
            raise Refused("the desk did not answer") from None
        status = answer.split(" ", 2)[1]
        self._send("ACK", 1)
        if status != "200":
            raise Refused(f"the desk said {status}")
        port = re.search(r"^m=audio (\d+) ", answer, re.MULTILINE)
        if not port:
            raise Refused("the desk offers no sound")
        self._media = (HOST, int(port[1]))

    def send(self, pcm: bytes) -> None:
        """20 ms for the desk, s16le 8 kHz."""
        head = RTP.pack(0x80, 0, self._sequence & 0xFFFF, self._timestamp & 0xFFFFFFFF, 0x5EED)
        self._sequence += 1
        self._timestamp += PACKET
        if self._chance.random() < self._network.loss:
            return
        packet = head + ulaw.encode(pcm)
        if self._network.jitter:
            late = self._chance.random() * self._network.jitter
            asyncio.get_running_loop().call_later(late, self._pass, packet)
        else:
            self._pass(packet)

    def hang_up(self) -> None:
        if self._media and not self.over.is_set():
            self._send("BYE", 2)
        self._rtp.close()
        asyncio.get_running_loop().call_later(0.2, self._sip.close)

    def _pass(self, packet: bytes) -> None:
        if not self._rtp.is_closing():
            self._rtp.sendto(packet, self._media)

    def _take_rtp(self, data: bytes) -> None:
        if len(data) > RTP.size and data[1] & 0x7F == 0:
            self.packets += 1
            self.heard(ulaw.decode(data[RTP.size :]), time.monotonic())

    def _take_sip(self, data: bytes) -> None:
        message = data.decode("utf-8", "replace")
        first = message.split("\r\n", 1)[0]
        if first.startswith("SIP/2.0"):
            self._to = header(message, "To") or self._to
            status = first.split(" ")[1]
            if status >= "200" and header(message, "CSeq").endswith("INVITE") and not self._answer.done():
                self._answer.set_result(message)
            return
        self._reply(message)
        if first.startswith("BYE"):
            self.over.set()

    def _reply(self, request: str) -> None:
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        lines = ["SIP/2.0 200 OK", *(f"{name}: {header(request, name)}" for name in names)]
        self._sip.sendto("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), self._desk)

    def _send(self, method: str, number: int, body: str = "") -> None:
        own = f"{HOST}:{self._sip.get_extra_info('sockname')[1]}"
        desk = f"{HOST}:{self._desk[1]}"
        lines = [
            f"{method} sip:desk@{desk} SIP/2.0",
            f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{self._id}{method};rport",
            f"From: <sip:{self._name}@{HOST}>;tag={self._name}",
            f"To: {self._to or f'<sip:desk@{desk}>'}",
            f"Call-ID: {self._id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{self._name}@{own}>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._sip.sendto(("\r\n".join(lines) + f"\r\n\r\n{body}").encode(), self._desk)

    def _offer(self) -> str:
        port = self._rtp.get_extra_info("sockname")[1]
        lines = ["v=0", f"o=- 1 1 IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0"]
        return "\r\n".join([*lines, f"m=audio {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", ""])


def header(message: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


@asynccontextmanager
async def call(name: str, desk: int, network: Network | None = None) -> AsyncIterator[Caller]:
    """A call that stands; hung up at the end. Refused where the desk does not take it."""
    caller = Caller(name, desk, network)
    await caller.open()
    try:
        await caller.dial()
        yield caller
    finally:
        caller.hang_up()
