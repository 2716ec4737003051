"""What the desk and the process of its SIP stack tell each other, over a socket that keeps messages apart.

A message is JSON, or sound: `SOUND`, then s16le PCM at the rate of the call's codec. Calls have numbers.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

LARGEST = 1 << 16
"""Bytes of a message."""

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""Those that Debian trusts."""

SOUND = struct.Struct("<cI")
"""b"A" and the number of the call."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who the desk is at a PBX or a provider."""

    user: str
    domain: str
    """May carry a port: "pbx.local:5061"."""
    password: str = field(default="", repr=False)
    auth_user: str = ""
    proxy: str = ""
    transport: str = "udp"
    """udp, tcp or tls."""
    encryption: str = ""
    """Of the sound: "" none, srtp, srtp-mand, dtls_srtp."""
    register: int = 600
    """Seconds between registrations; 0: never, a trunk by address."""
    keepalive: int = 0
    """Seconds between two looks whether the PBX is there; 0: never."""
    codecs: tuple[str, ...] = ("opus/48000/2", "g722/16000/1", "pcmu", "pcma")
    """In order of preference."""
    dtmf: str = "auto"
    """How keys are sent: rtpevent, info or auto."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the stack is started with."""

    accounts: tuple[Account, ...]
    listen: str = "0.0.0.0:5060"
    interface: str = ""
    """Network interface or address to use; empty: whatever routes."""
    rtp_ports: tuple[int, int] = (10_000, 10_999)
    calls: int = 8
    """Calls at the same time; more are told that it is busy."""
    peers: tuple[str, ...] = ()
    """Networks from which packets are taken, as "192.168.1.0/24"; empty: any."""
    authorities: str = AUTHORITIES
    """A file of certificates of those who vouch for PBXs that are called by TLS."""
    jitter: int = 0
    """Milliseconds that packets are kept so that those that were overtaken find their place, in every call;
    the call's own cushion, which grows as far as it must, comes after it. 0: they are heard in the order in
    which they come."""
    silent: int = 30
    """Seconds without a packet of sound after which a call is over: its other side is gone."""


class Teller:
    """Tells the other process, in order. While it is busy and the socket full, what is told waits: a call's
    end that got lost would leave the desk talking to nobody. Sound is not told, and may be lost."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._waiting: deque[bytes] = deque()
        self._loop = asyncio.get_running_loop()

    def tell(self, what: str, **more: Any) -> None:
        """Raises OSError where nobody is there any more."""
        self._waiting.append(pack(what, **more))
        if len(self._waiting) == 1 and not self._send():
            self._loop.add_writer(self._wire, self._go_on)

    def close(self) -> None:
        """Before the socket is. What still waits is never told."""
        self._waiting.clear()
        self._loop.remove_writer(self._wire)

    def _go_on(self) -> None:
        try:
            done = self._send()
        except OSError:
            # Whoever reads the socket finds out that it is at its end.
            done = True
        if done:
            self.close()

    def _send(self) -> bool:
        """Whether all was taken."""
        try:
            while self._waiting:
                self._wire.send(self._waiting[0])
                self._waiting.popleft()
        except BlockingIOError:
            return False
        return True


def pack(what: str, **more: Any) -> bytes:
    return json.dumps({"what": what, **more}).encode()


def pack_settings(settings: Settings) -> bytes:
    return pack("start", settings=asdict(settings))


def read_settings(data: dict[str, Any]) -> Settings:
    accounts = tuple(
        Account(**{**account, "codecs": tuple(account["codecs"])}) for account in data["accounts"]
    )
    ports = (int(data["rtp_ports"][0]), int(data["rtp_ports"][1]))
    return Settings(**{**data, "accounts": accounts, "rtp_ports": ports, "peers": tuple(data["peers"])})


def pack_sound(call: int, pcm: bytes) -> bytes:
    return SOUND.pack(b"A", call) + pcm


def unpack(message: bytes) -> dict[str, Any] | tuple[int, bytes]:
    """What was told; or a call's number and its sound. Raises ValueError for neither."""
    if message[:1] == b"A" and len(message) >= SOUND.size:
        return SOUND.unpack_from(message)[1], message[SOUND.size :]
    told = json.loads(message)
    if not isinstance(told, dict) or "what" not in told:
        raise ValueError("no message")
    return told
