"""Who may send packets to the SIP port and those of the sound: the kernel drops all others, before a line of
them is parsed.

A classic BPF program on the sockets (linux/filter.h), for IPv4. Whoever scans the network for
telephones gets no answer at all.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
import struct
from collections.abc import Container, Sequence
from contextlib import suppress
from pathlib import Path

SO_ATTACH_FILTER = 26

LOAD_WORD_ABSOLUTE, AND, JUMP_EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06

NETWORK_HEADER = 0xFFF00000
"""SKF_NET_OFF: offsets from here on count from the IP header."""

SOURCE = NETWORK_HEADER + 12

TAKE, DROP = 0x0000FFFF, 0

INSTRUCTION = struct.Struct("HBBI")


def program(peers: Sequence[str]) -> bytes:
    """Take what comes from one of these networks, drop the rest. Raises ValueError for what is none."""
    networks = [ipaddress.IPv4Network(peer, strict=False) for peer in peers]
    steps: list[tuple[int, int, int, int]] = []
    for network in networks:
        steps += [
            (LOAD_WORD_ABSOLUTE, 0, 0, SOURCE),
            (AND, 0, 0, int(network.netmask)),
            (JUMP_EQUAL, 0, 1, int(network.network_address)),
            (RETURN, 0, 0, TAKE),
        ]
    steps.append((RETURN, 0, 0, DROP))
    return b"".join(INSTRUCTION.pack(*step) for step in steps)


def attach(listener: socket.socket, peers: Sequence[str]) -> None:
    steps = program(peers)
    buffer = ctypes.create_string_buffer(steps)
    # struct sock_fprog: the number of instructions, and where they are.
    listener.setsockopt(
        socket.SOL_SOCKET,
        SO_ATTACH_FILTER,
        struct.pack("HL", len(steps) // INSTRUCTION.size, ctypes.addressof(buffer)),
    )


def guard(ports: Container[int], peers: Sequence[str]) -> int:
    """Attach to every socket of this process that is bound to one of the ports; how many there were."""
    found = 0
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError, ValueError):
            if not str(file.readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(file.name))) as each:
                address = each.getsockname()
                if each.family == socket.AF_INET and address[1] in ports:
                    attach(each, peers)
                    found += 1
    return found
