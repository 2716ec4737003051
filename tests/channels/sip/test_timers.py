"""Calls that stand for long: refreshed as session timers want it, and ended where their sound has died."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from appliance.channels.sip.line import SipLeg
from tests.audio_server import until
from tests.channels.sip.peers import HOST, desk, needs_sipp, sipp
from tests.ports import free_port

pytestmark = needs_sipp


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_a_call_is_refreshed_by_who_asked_for_a_session_timer(tmp_path: Path, method: str) -> None:
    """RFC 4028: the desk names no timer of its own, so that the other side does the refreshing."""
    scenario = tmp_path / "refresh.xml"
    scenario.write_text(refresh(method))
    async with desk() as (line, echo, port):
        status, said = await sipp(
            tmp_path, "-sf", str(scenario), f"{HOST}:{port}", "-s", "desk", "-p", str(free_port()), "-m", "1",
        )  # fmt: skip
        assert status == 0, said
        await until(lambda: echo.ended == 1)
        assert line.stack
        assert not line.stack.calls


async def test_another_codec_is_agreed_on_in_mid_call(tmp_path: Path) -> None:
    """As by a PBX that puts its caller through. A few calls: whichever side of the stack looks first."""
    scenario = tmp_path / "codec.xml"
    head, again, rest = refresh("INVITE", lasting=1500).partition("CSeq: 2 INVITE")
    rest = rest.replace("RTP/AVP 0", "RTP/AVP 9").replace("rtpmap:0 PCMU", "rtpmap:9 G722")
    scenario.write_text(head + again + rest)
    async with desk() as (_, echo, port):
        calling = asyncio.create_task(
            sipp(
                tmp_path, "-sf", str(scenario), f"{HOST}:{port}", "-s", "desk", "-p", str(free_port()),
                "-m", "8", "-r", "20",
            )
        )  # fmt: skip
        await until(lambda: len(echo.calls) == 8)
        sessions = [call.leg.session for call in echo.calls if isinstance(call.leg, SipLeg)]
        await until(lambda: all(it.incoming and it.incoming.rate == 16_000 for it in sessions))
        status, said = await calling
        assert status == 0, said


async def test_a_call_whose_sound_has_died_is_over(tmp_path: Path) -> None:
    """sipp sends no packet of sound, and would stay for a minute."""
    async with desk(silent=2) as (line, echo, port):
        calling = asyncio.create_task(
            sipp(
                tmp_path, "-sn", "uac", f"{HOST}:{port}", "-s", "desk", "-p", str(free_port()), "-m", "1",
                "-d", "60000", "-timeout", "12",
            )
        )  # fmt: skip
        await until(lambda: echo.calls)
        began = time.monotonic()
        await until(lambda: echo.ended == 1, within=9)
        assert time.monotonic() - began > 1
        await until(lambda: line.stack and not line.stack.calls)
        calling.cancel()
        await asyncio.wait([calling])


async def test_who_holds_the_desk_may_be_silent(tmp_path: Path) -> None:
    scenario = tmp_path / "hold.xml"
    scenario.write_text(refresh("INVITE", "sendonly", 4500))
    async with desk(silent=2) as (_, echo, port):
        status, said = await sipp(
            tmp_path, "-sf", str(scenario), f"{HOST}:{port}", "-s", "desk", "-p", str(free_port()), "-m", "1",
        )  # fmt: skip
        assert status == 0, said
        await until(lambda: echo.ended == 1)


SDP = """
v=0
o=caller 1 VERSION IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""

HEAD = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:long@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
Contact: <sip:long@[local_ip]:[local_port]>
Max-Forwards: 70
"""

TIMER = "Supported: timer\nSession-Expires: 90;refresher=uac\nMin-SE: 90\n"

BODY = "Content-Type: application/sdp\nContent-Length: [len]\n"

REFRESH = f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="refresh">
  <send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
{HEAD}CSeq: 1 INVITE
{TIMER}{BODY}{SDP.replace("VERSION", "1")}]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200"/>
  <send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
{HEAD}CSeq: 1 ACK
Content-Length: 0

]]></send>
  <pause milliseconds="800"/>
  <send retrans="500"><![CDATA[
METHOD sip:[service]@[remote_ip]:[remote_port] SIP/2.0
{HEAD}CSeq: 2 METHOD
{TIMER}{BODY}{SDP.replace("VERSION", "2")}a=sendrecv
]]></send>
  <recv response="100" optional="true"/>
  <recv response="200"/>
  ACKNOWLEDGED
  <pause milliseconds="LASTING"/>
  <send retrans="500"><![CDATA[
BYE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
{HEAD}CSeq: 3 BYE
Content-Length: 0

]]></send>
  <recv response="200"/>
</scenario>
"""

ACKNOWLEDGED = f"""<send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
{HEAD}CSeq: 2 ACK
Content-Length: 0

]]></send>"""


def refresh(method: str, direction: str = "sendrecv", lasting: int = 800) -> str:
    """A call that is refreshed once, by re-INVITE or UPDATE."""
    scenario = REFRESH.replace("METHOD", method).replace("sendrecv", direction)
    scenario = scenario.replace("ACKNOWLEDGED", ACKNOWLEDGED if method == "INVITE" else "")
    return scenario.replace("LASTING", str(lasting))
