"""Whole calls by SIP, with telephones that nobody here wrote."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from pathlib import Path

import pytest

from appliance.bench.phone.caller import PACKET, RTP, call
from appliance.channels.phone import PhoneCall
from appliance.channels.sip import gate
from appliance.channels.sip.line import number
from appliance.channels.sip.wire import Account, Settings, pack_settings, read_settings, unpack
from appliance.messages import RATE
from tests.audio_server import until
from tests.channels.sip.peers import (
    HOST,
    Echo,
    Telephone,
    desk,
    free_port,
    needs_baresip,
    needs_sipp,
    seconds_of_sound,
    sipp,
)
from tests.desk import voice


@needs_baresip
async def test_a_caller_is_heard_and_hears(tmp_path: Path) -> None:
    async with desk() as (_, echo, port):
        telephone = Telephone(tmp_path / "phone", bytes(32_000) + voice(1.5) + bytes(64_000))
        await telephone.call(f"sip:desk@{HOST}:{port}", 6)
        await until(lambda: echo.ended == 1)
        assert echo.calls[0].caller == "caller"
        assert seconds_of_sound(bytes(echo.heard)) == pytest.approx(1.5, abs=0.2)
        assert seconds_of_sound(telephone.heard()) == pytest.approx(1.5, abs=0.2)


@needs_sipp
async def test_calls_one_after_the_other_and_four_at_once(tmp_path: Path) -> None:
    async with desk() as (line, echo, port):
        for at_once in ("1", "4"):
            status, said = await sipp(
                tmp_path, "-sn", "uac", f"{HOST}:{port}", "-s", "desk", "-p", str(free_port()),
                "-m", "4", "-l", at_once, "-r", "4", "-d", "800",
            )  # fmt: skip
            assert status == 0, said
        await until(lambda: echo.ended == 8)
        assert line.stack
        assert line.stack.calls == 0


@needs_sipp
async def test_a_caller_who_gives_up_while_it_rings_leaves_nothing_behind(tmp_path: Path) -> None:
    async with desk() as (line, echo, port):
        scenario = tmp_path / "cancel.xml"
        scenario.write_text(CANCEL)
        await sipp(
            tmp_path, "-sf", str(scenario), f"{HOST}:{port}", "-s", "desk", "-p", str(free_port()), "-m", "3",
            "-timeout", "10",
        )  # fmt: skip
        assert line.stack
        await until(lambda: line.stack and line.stack.calls == 0, within=15)
        await until(lambda: echo.ended == len(echo.calls))
        status, said = await sipp(
            tmp_path,
            "-sn",
            "uac",
            f"{HOST}:{port}",
            "-s",
            "desk",
            "-p",
            str(free_port()),
            "-m",
            "1",
            "-d",
            "300",
        )
        assert status == 0, said


@needs_sipp
async def test_beyond_what_the_box_can_serve_it_is_busy_and_who_talks_is_not_disturbed(
    tmp_path: Path,
) -> None:
    async with desk(calls=2) as (_, echo, port):
        status, said = await sipp(
            tmp_path, "-sn", "uac", f"{HOST}:{port}", "-s", "desk", "-p", str(free_port()),
            "-m", "5", "-l", "5", "-r", "10", "-d", "1500",
        )  # fmt: skip
        assert status == 1, said
        await until(lambda: echo.ended == 2)
        assert len(echo.calls) == 2


@needs_sipp
async def test_who_cannot_be_talked_to_is_told_so_or_gets_the_busy_signal(tmp_path: Path) -> None:
    told: list[PhoneCall] = []

    async def turn_away(call: PhoneCall) -> None:
        told.append(call)
        await call.playout.write(voice(0.5))
        await call.playout.drain()

    for away, status in ((turn_away, 0), (None, 1)):
        async with desk(room=lambda: 0, turn_away=away) as (line, echo, port):
            ended, said = await sipp(
                tmp_path, "-sn", "uac", f"{HOST}:{port}", "-s", "desk", "-p", str(free_port()), "-m", "1",
                "-d", "300",
            )  # fmt: skip
            assert ended == status, said
            await until(lambda: line.stack and not line.stack.calls)
            assert not echo.calls
    assert len(told) == 1


@needs_sipp
async def test_who_calls_too_often_is_told_that_it_is_busy(tmp_path: Path) -> None:
    async with desk(a_minute=2) as (_, echo, port):
        await sipp(
            tmp_path, "-sn", "uac", f"{HOST}:{port}", "-s", "desk", "-p", str(free_port()),
            "-m", "4", "-l", "1", "-d", "200",
        )  # fmt: skip
        await until(lambda: echo.ended == len(echo.calls))
        assert len(echo.calls) == 2


async def test_strangers_get_no_answer_at_all() -> None:
    """Whoever is let in is answered at once; the other hears nothing."""
    for peers, answered in ((("10.0.0.0/8", "127.0.0.0/8"), True), (("127.0.0.2/32",), False)):
        async with desk(peers=peers) as (_, echo, port):
            assert await asyncio.to_thread(is_answered, port) is answered
            assert echo.calls == []


async def test_what_strangers_say_into_a_call_is_not_heard() -> None:
    for peers, heard in ((("127.0.0.0/8",), True), (("127.0.0.1/32",), False)):
        async with desk(peers=peers) as (_, echo, port), call("caller", port) as caller:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(("127.0.0.2", 0))
                assert caller._media
                for number in range(60):
                    caller.send(bytes(2 * PACKET))
                    if number > 20:
                        packet = RTP.pack(0x80, 0, number, number * PACKET, 0xBAD) + b"\x10" * PACKET
                        stranger.sendto(packet, caller._media)
                    await asyncio.sleep(0.02)
            await until(lambda: len(echo.heard) > RATE)
            assert (seconds_of_sound(bytes(echo.heard)) > 0.3) is heard


def is_answered(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.bind((HOST, 0))
        caller.settimeout(1.5)
        own = caller.getsockname()[1]
        lines = [
            f"OPTIONS sip:desk@{HOST}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{own};branch=z9hG4bKstranger;rport",
            f"From: <sip:stranger@{HOST}>;tag=1",
            f"To: <sip:desk@{HOST}:{port}>",
            f"Call-ID: stranger-{own}",
            "CSeq: 1 OPTIONS",
            f"Contact: <sip:stranger@{HOST}:{own}>",
            "Max-Forwards: 70",
            "Content-Length: 0",
            "",
            "",
        ]
        caller.sendto("\r\n".join(lines).encode(), (HOST, port))
        try:
            return caller.recv(4096).startswith(b"SIP/2.0")
        except TimeoutError:
            return False


@needs_baresip
async def test_the_stack_is_killed_and_the_desk_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "temporary"
    left.mkdir()
    monkeypatch.setenv("TMPDIR", str(left))
    monkeypatch.setattr(tempfile, "tempdir", None)
    async with desk() as (line, echo, port):
        telephone = Telephone(tmp_path / "phone", voice(5.0))
        calling = asyncio.create_task(telephone.call(f"sip:desk@{HOST}:{port}", 8))
        await until(lambda: echo.calls)
        assert line.stack
        assert line.stack.process
        os.kill(line.stack.process, signal.SIGKILL)
        await until(lambda: echo.ended == 1, within=10)
        assert not line.state[0]
        await until(lambda: line.state[0], within=15)
        again = Telephone(tmp_path / "again", voice(2.0))
        await again.call(f"sip:desk@{HOST}:{port}", 4)
        assert len(echo.calls) == 2
        await calling
    assert list(left.iterdir()) == []


@needs_baresip
async def test_the_desk_hangs_up_and_the_telephone_knows(tmp_path: Path) -> None:
    echo = Echo()
    echo.hang_up_after = 1.0
    async with desk(echo) as (line, _, port):
        telephone = Telephone(tmp_path / "phone", voice(5.0))
        await telephone.call(f"sip:desk@{HOST}:{port}", 5)
        assert "terminated" in telephone.said
        assert line.stack
        assert line.stack.calls == 0


async def test_junk_on_the_port_hurts_nobody() -> None:
    async with desk() as (line, echo, port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number in range(300):
                stranger.sendto(os.urandom(number % 900 + 1), (HOST, port))
                stranger.sendto(b"INVITE sip:desk@x SIP/2.0\r\n" + os.urandom(200), (HOST, port))
        await asyncio.sleep(0.5)
        assert line.state[0]
        assert line.stack
        assert line.stack.restarts == 0
        assert echo.calls == []


def test_settings_go_to_the_stack_and_come_back_the_same() -> None:
    settings = Settings(
        (Account("desk", "pbx.local", "se;cret"), Account("2", "trunk", register=0, transport="tls")),
        peers=("10.0.0.0/8",),
    )
    told = unpack(pack_settings(settings))
    assert isinstance(told, dict)
    assert read_settings(told["settings"]) == settings
    assert "se;cret" not in repr(settings)


def test_what_is_no_network_is_no_peer() -> None:
    with pytest.raises(ValueError, match="not-a-network"):
        gate.program(["not-a-network"])


@pytest.mark.parametrize(
    ("uri", "caller"),
    [
        ("sip:+15550142@pbx.local;user=phone", "+15550142"),
        ("<sip:ann@10.0.0.1:5062>", "ann"),
        ("sip:anonymous@anonymous.invalid", ""),
        ("sip:10.0.0.1", ""),
        ("", ""),
    ],
)
def test_the_number_in_a_sip_address(uri: str, caller: str) -> None:
    assert number(uri) == caller


CANCEL = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="cancel">
  <send><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:hasty@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:hasty@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
]]></send>
  <send><![CDATA[
CANCEL sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-1]
From: <sip:hasty@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 CANCEL
Max-Forwards: 70
Content-Length: 0

]]></send>
  <pause milliseconds="1500"/>
</scenario>
"""
