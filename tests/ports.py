"""Ports of this machine for servers of the tests."""

from __future__ import annotations

import itertools
import os
import socket

HOST = "127.0.0.1"
FIRST, COUNT, SPAN = 12_000, 20_000, 1000
"""Below those that the kernel gives to whoever connects: one may be given away between look and use."""

_numbers = itertools.count(step=4)
"""SIP by TLS has the port above that of SIP, and sound's reports that above its sound."""


def free_port() -> int:
    """By UDP and TCP. Each process of the tests goes through a span of its own."""
    span = os.getpid() % (COUNT // SPAN) * SPAN
    for number in itertools.islice(_numbers, COUNT):
        port = FIRST + (span + number) % COUNT
        if all(_is_free(port, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
            return port
    raise OSError("no port is free")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
