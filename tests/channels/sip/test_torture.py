"""Messages that were made to break SIP stacks, and junk among the sound: the desk lives, the call goes on."""

from __future__ import annotations

import asyncio
import os
import random
import re
import socket
from pathlib import Path

import pytest

from appliance.channels.sip.line import SipLine
from appliance.messages import RATE
from tests.audio_server import until
from tests.channels.sip.peers import (
    HOST,
    Telephone,
    desk,
    free_port,
    needs_baresip,
    needs_sipp,
    seconds_of_sound,
    sipp,
)
from tests.desk import voice

TORTURE = Path(__file__).parents[4] / "shared" / "data" / "rfc4475" / "exact"
MUTATIONS = 10_000


def messages(port: int) -> list[bytes]:
    """The torture messages of RFC 4475, their addresses turned to this machine."""
    if not TORTURE.is_dir():
        pytest.skip("the messages of RFC 4475 are not here")
    found = []
    for path in sorted(TORTURE.iterdir()):
        message = re.sub(rb"192\.0\.2\.\d+", HOST.encode(), path.read_bytes())
        found.append(message.replace(b"example.com:5060", f"{HOST}:{port}".encode()))
    assert len(found) >= 49
    return found


def mutated(message: bytes, chance: random.Random) -> bytes:
    """Something like it: bytes turned, cut out, doubled, or lines mixed up."""
    data = bytearray(message)
    match chance.randrange(5):
        case 0:
            for _ in range(chance.randrange(1, 20)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        case 1:
            start = chance.randrange(len(data))
            del data[start : start + chance.randrange(1, 200)]
        case 2:
            start = chance.randrange(len(data))
            data[start:start] = data[start : start + 100] * chance.randrange(1, 30)
        case 3:
            lines = bytes(data).split(b"\r\n")
            chance.shuffle(lines)
            data = bytearray(b"\r\n".join(lines))
        case 4:
            data = data[: chance.randrange(len(data))]
    return bytes(data[:60_000])


async def alive(line: SipLine, tmp_path: Path, port: int) -> None:
    """It has not been started again, and takes the next call."""
    assert line.state[0]
    assert line.stack
    assert line.stack.restarts == 0
    await until(lambda: line.stack and not line.stack.calls, within=40)
    status, said = await sipp(
        tmp_path, "-sn", "uac", f"{HOST}:{port}", "-s", "desk", "-p", str(free_port()), "-m", "1", "-d", "300"
    )
    assert status == 0, said


@needs_sipp
async def test_the_torture_messages_and_ten_thousand_mutations_of_them(tmp_path: Path) -> None:
    async with desk(calls=4) as (line, _, port):
        torture, chance = messages(port), random.Random(4475)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((HOST, 0))
            for message in torture:
                stranger.sendto(message, (HOST, port))
                await asyncio.sleep(0.01)
            for number in range(MUTATIONS):
                stranger.sendto(mutated(torture[number % len(torture)], chance), (HOST, port))
                if number % 20 == 0:
                    await asyncio.sleep(0.005)
        await asyncio.sleep(1.0)
        await alive(line, tmp_path, port)


def rtp_ports(process: int) -> list[int]:
    """UDP ports that the stack has open, by what the kernel lists."""
    inodes = set()
    for file in Path(f"/proc/{process}/fd").iterdir():
        target = str(file.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [row.split() for row in Path(f"/proc/{process}/net/udp").read_text().splitlines()[1:]]
    return [int(row[1].split(":")[1], 16) for row in rows if row[9] in inodes]


@needs_baresip
async def test_ten_thousand_junk_packets_in_mid_call_leave_the_call_unhurt(tmp_path: Path) -> None:
    async with desk() as (line, echo, port):
        telephone = Telephone(tmp_path / "phone", bytes(32_000 * 5) + voice(2.0) + bytes(64_000))
        calling = asyncio.create_task(telephone.call(f"sip:desk@{HOST}:{port}", 13))
        await until(lambda: echo.calls)
        assert line.stack
        assert line.stack.process
        ports = [each for each in rtp_ports(line.stack.process) if each != port]
        assert ports
        chance = random.Random(3550)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number in range(10_000):
                # Half are plain junk, half look like RTP, RTCP or telephone events.
                head = bytes([0x80, chance.choice([0, 8, 96, 101, 200, 201, 255])])
                packet = os.urandom(chance.randrange(1, 400))
                stranger.sendto(head + packet if number % 2 else packet, (HOST, chance.choice(ports)))
                if number % 50 == 0:
                    await asyncio.sleep(0.005)
        await calling
        await until(lambda: echo.ended == 1)
        assert line.stack.restarts == 0
        # Some of the junk is sound; the caller's voice comes when it is over.
        assert seconds_of_sound(telephone.heard()[2 * RATE * 4 :]) == pytest.approx(2.0, abs=0.5)
