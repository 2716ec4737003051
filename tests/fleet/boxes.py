"""Ten thousand boxes in one thread: each with a certificate and a connection of its own, in as little MQTT
3.1.1 as a box needs. Open-loop: what is told is made at its time, whether or not what was told before has
arrived."""

from __future__ import annotations

import heapq
import json
import secrets
import select
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from appliance.telemetry import client as real
from appliance.telemetry import wire
from appliance.telemetry.wire import Message

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, DISCONNECT = 1, 2, 3, 4, 8, 9, 14
JOIN, GIVE_UP = 0, -1
AWAY, JOINING, SHAKING, GREETING, THERE = range(5)
"""What a box is at: no connection; waiting for the port; for TLS; for the broker's word; and there."""

AT_ONCE = 64
"""Boxes that come at the same time at first."""

PER_ADDRESS = 2_000
"""Boxes that come from one address of this machine."""

VALUES = {
    "cpu": 12.5, "temperature": 54.1, "throttled": False, "memory": 31.0, "disk": 44.0, "free": 21000,
    "wear": 10, "signal": -71, "uptime": 86400.0, "calls": 1,
}  # fmt: skip
"""Ten, as a box tells of its health."""


@dataclass(slots=True)
class Box:
    number: int
    name: str
    boot: str = field(default_factory=lambda: secrets.token_hex(8))
    seq: int = 0
    untold: dict[int, tuple[float, bytes]] = field(default_factory=dict)
    """By number: when it should have been sent, and what."""
    link: Any = None
    file: int = -1
    at: int = AWAY
    since: float = 0.0
    tries: int = 0
    answered: float = 0.0
    heard: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)


class Boxes:
    """`ports`: of brokers; who loses one tries the next. `keys`: a folder with `ca.pem`, `key.pem` and
    NAME.pem; None goes without TLS."""

    def __init__(self, names: Sequence[str], ports: Sequence[int], keys: Path | None, every: float) -> None:
        self._boxes = [Box(number, name) for number, name in enumerate(names)]
        self._ports = ports
        self._keys = keys
        self._context: ssl.SSLContext | None = None
        if keys:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._context.load_verify_locations(keys / "ca.pem")
        self._every = every
        self._at_once = AT_ONCE
        self._poll = select.epoll()
        self._by_file: dict[int, Box] = {}
        self._later: list[tuple[float, int, int]] = []
        """Heap: when, which box, and which of its messages is to be sent again; or JOIN, or GIVE_UP."""
        self._coming: deque[Box] = deque(self._boxes)
        self._busy = 0
        self.there = 0
        self.made = 0
        self.waits: Counter[int] = Counter()
        """How many messages were acknowledged after so many milliseconds."""
        self.sent_again = 0
        self.lost_links = 0
        self._next = cycle(self._boxes)
        self._began = 0.0
        self._ticks = 0
        self._spread = 0

    @property
    def count(self) -> int:
        return len(self._boxes)

    @property
    def away(self) -> int:
        return len(self._boxes) - self.there

    @property
    def waiting(self) -> int:
        return self.made - self.waits.total()

    def connect(self, seconds: float) -> None:
        """All of them, or AssertionError."""
        until = time.monotonic() + seconds
        while self.there < len(self._boxes):
            self._turn(0.05)
            assert time.monotonic() < until, f"{self.there} of {len(self._boxes)} boxes are there"
        # Whoever is lost from now on comes back when it will.
        self._at_once = len(self._boxes)

    def tell(self, seconds: float) -> None:
        """For so long each box tells one message in `every` seconds, evenly spread."""
        now = time.monotonic()
        self._began, self._ticks = now, 0
        while (now := time.monotonic()) < self._began + seconds:
            self._tick(now)
            self._turn(0.005)

    def drain(self, seconds: float) -> float:
        """Nothing new is told; until all is acknowledged, how many seconds that took, or AssertionError."""
        began = time.monotonic()
        while self.waiting:
            self._turn(0.05)
            assert time.monotonic() < began + seconds, f"{self.waiting} messages were not acknowledged"
        return time.monotonic() - began

    def totals(self) -> dict[str, int]:
        """How many messages each start of a box has made."""
        return {box.boot: box.seq for box in self._boxes if box.seq}

    def close(self) -> None:
        for box in self._boxes:
            if box.at == THERE:
                self._send(box, _packet(DISCONNECT, 0, b""))
            if box.link:
                box.link.close()
        self._poll.close()

    def _tick(self, now: float) -> None:
        due = int((now - self._began) * len(self._boxes) / self._every)
        while self._ticks < due:
            box = next(self._next)
            when = self._began + self._ticks * self._every / len(self._boxes)
            self._ticks += 1
            self.made += 1
            box.seq += 1
            message = Message(box.boot, box.seq, round(time.time() * 1000), "health", VALUES)
            packet = _publish(wire.up(box.name, "health"), message.pack(), box.seq)
            box.untold[box.seq] = when, packet
            if box.at == THERE:
                self._send(box, packet)
            heapq.heappush(self._later, (now + real.AGAIN, box.number, box.seq))

    def _turn(self, seconds: float) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            _, number, seq = heapq.heappop(self._later)
            box = self._boxes[number]
            if seq == JOIN:
                self._coming.append(box)
            elif seq == GIVE_UP:
                if box.at in (JOINING, SHAKING, GREETING) and now - box.since > real.CONNECT - 0.1:
                    self._lose(box)
            elif seq in box.untold:
                passed = now - box.untold[seq][0]
                if box.at == THERE and now - max(box.untold[seq][0], box.answered) > real.DEAF:
                    self._lose(box)
                elif box.at == THERE:
                    self.sent_again += 1
                    self._send(box, box.untold[seq][1])
                heapq.heappush(self._later, (now + min(max(passed, real.AGAIN), real.SELDOM), number, seq))
        while self._coming and self._busy < self._at_once:
            self._join(self._coming.popleft())
        for file, event in self._poll.poll(seconds, 512):
            box = self._by_file.get(file)
            if not box:
                continue
            try:
                self._go_on(box, event)
            except (OSError, ValueError):
                self._lose(box)

    def _join(self, box: Box) -> None:
        box.link = link = socket.socket()
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        link.bind((f"127.0.0.{2 + box.number // PER_ADDRESS}", 0))
        port = self._ports[(box.number + box.tries) % len(self._ports)]
        link.connect_ex(("127.0.0.1", port))
        box.at, box.since, box.file = JOINING, time.monotonic(), link.fileno()
        self._busy += 1
        self._by_file[box.file] = box
        self._poll.register(box.file, select.EPOLLOUT)
        heapq.heappush(self._later, (box.since + real.CONNECT, box.number, GIVE_UP))

    def _go_on(self, box: Box, event: int) -> None:
        if box.at == JOINING:
            if error := box.link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, "no connection")
            if self._context and self._keys:
                self._context.load_cert_chain(self._keys / f"{box.name}.pem", self._keys / "key.pem")
                box.link = self._context.wrap_socket(
                    box.link, server_hostname="127.0.0.1", do_handshake_on_connect=False
                )
            box.at = SHAKING
        if box.at == SHAKING:
            if self._context and not self._shaken(box):
                return
            box.at = GREETING
            self._poll.modify(box.file, select.EPOLLIN)
            self._send(box, tell_who(box.name))
            return
        if event & select.EPOLLOUT:
            self._flush(box)
        if event & ~select.EPOLLOUT:
            self._read(box)

    def _shaken(self, box: Box) -> bool:
        try:
            box.link.do_handshake()
        except ssl.SSLWantReadError:
            self._poll.modify(box.file, select.EPOLLIN)
            return False
        except ssl.SSLWantWriteError:
            self._poll.modify(box.file, select.EPOLLOUT)
            return False
        return True

    def _send(self, box: Box, packet: bytes) -> None:
        if box.unsent:
            box.unsent += packet
            return
        try:
            sent = box.link.send(packet)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        except OSError:
            return  # It is heard of when it is read from.
        if sent < len(packet):
            box.unsent += packet[sent:]
            self._poll.modify(box.file, select.EPOLLIN | select.EPOLLOUT)

    def _flush(self, box: Box) -> None:
        packet = bytes(box.unsent)
        box.unsent.clear()
        self._poll.modify(box.file, select.EPOLLIN)
        self._send(box, packet)

    def _read(self, box: Box) -> None:
        while True:
            try:
                came = box.link.recv(16384)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            if not came:
                raise OSError("the broker hung up")
            box.heard += came
            if not self._context or not box.link.pending():
                break
        for kind, flags, body in packets(box.heard):
            self._take(box, kind, flags, body)

    def _take(self, box: Box, kind: int, flags: int, body: bytes) -> None:
        if kind == CONNACK:
            if body[1]:
                raise OSError(f"the broker refused {box.name}: {body[1]}")
            state = _publish(wire.state_topic(box.name), b'{"online":true}', 65535, retain=True)
            self._send(box, _subscribe(f"va/{wire.VERSION}/{box.name}/dn/#") + state)
        elif kind == SUBACK:
            box.at = THERE
            box.tries = 0
            box.answered = time.monotonic()
            self.there += 1
            self._busy -= 1
            for seq in box.untold:
                self._send(box, box.untold[seq][1])
        elif kind == PUBLISH:
            length = int.from_bytes(body[:2], "big")
            start = 2 + length
            if flags & 6:
                self._send(box, _packet(PUBACK, 0, body[start : start + 2]))
                start += 2
            if body[2 : 2 + length].endswith(b"/ack"):
                self._acknowledged(box, json.loads(body[start:]))

    def _acknowledged(self, box: Box, ack: dict[str, Any]) -> None:
        if ack["boot"] != box.boot:
            return
        self._spread = ack["spread"]
        now = box.answered = time.monotonic()
        for first, last in [(1, ack["upto"]), *ack["also"]]:
            for seq in [seq for seq in box.untold if first <= seq <= last]:
                when, _ = box.untold.pop(seq)
                self.waits[int((now - when) * 1000)] += 1

    def _lose(self, box: Box) -> None:
        if box.at == THERE:
            self.there -= 1
        else:
            self._busy -= 1
            box.tries += 1
        self.lost_links += 1
        self._by_file.pop(box.file, None)
        box.link.close()
        box.link, box.at, box.file = None, AWAY, -1
        box.heard.clear()
        box.unsent.clear()
        if len(self._ports) > 1:
            box.tries = max(1, box.tries)
        heapq.heappush(
            self._later, (time.monotonic() + real.pause(box.tries, self._spread), box.number, JOIN)
        )


def packets(heard: bytearray) -> list[tuple[int, int, bytes]]:
    """Those that are whole: kind, flags, body; they are taken off."""
    found, place = [], 0
    while len(heard) >= place + 2:
        size, shift, start = 0, 0, place + 1
        while start < len(heard):
            size |= (heard[start] & 127) << shift
            shift += 7
            start += 1
            if heard[start - 1] < 128:
                break
        else:
            break
        if len(heard) < start + size:
            break
        found.append((heard[place] >> 4, heard[place] & 15, bytes(heard[start : start + size])))
        place = start + size
    del heard[:place]
    return found


def _packet(kind: int, flags: int, body: bytes) -> bytes:
    size, length = len(body), bytearray()
    while True:
        size, digit = size >> 7, size & 127
        length.append(digit | (128 if size else 0))
        if not size:
            return bytes([kind << 4 | flags]) + length + body


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def tell_who(name: str) -> bytes:
    will = _text(wire.state_topic(name)) + _text('{"online":false}')
    # A clean session; a last will that is retained, and is to arrive.
    return _packet(CONNECT, 0, _text("MQTT") + bytes([4, 0b00101110, 0, 60]) + _text(name) + will)


def _subscribe(topic: str) -> bytes:
    return _packet(SUBSCRIBE, 2, b"\0\1" + _text(topic) + b"\0")


def _publish(topic: str, payload: bytes, number: int, retain: bool = False) -> bytes:
    mark = (number % 65_000 + 1).to_bytes(2, "big")
    return _packet(PUBLISH, 2 | retain, _text(topic) + mark + payload)
