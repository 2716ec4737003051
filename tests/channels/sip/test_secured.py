"""Sound that nobody else can read, and every codec, with telephones that nobody here wrote."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.channels.sip.line import SipLine
from appliance.channels.sip.wire import Account, Settings
from tests.audio_server import until
from tests.channels.sip.peers import HOST, Echo, Telephone, needs_baresip, seconds_of_sound
from tests.desk import voice
from tests.ports import free_port

SAYS = bytes(64_000) + voice(1.5) + bytes(64_000)
"""DTLS is agreed on after the call stands, which takes a second."""


async def held(folder: Path, port: int, encryption: str, codec: str) -> tuple[Echo, Telephone]:
    """A telephone calls a desk by its address, both set to that."""
    first, echo = port + 10, Echo()
    account = Account("desk", HOST, register=0, encryption=encryption)
    line = SipLine(Settings((account,), f"{HOST}:{port}", HOST, (first, first + 80)))
    serving = asyncio.create_task(line.serve(echo))
    telephone = Telephone(folder / "phone", SAYS, codec=codec, encryption=encryption)
    try:
        await until(lambda: line.state[0], within=20)
        await telephone.call(f"sip:desk@{HOST}:{port}", 7)
        await until(lambda: echo.ended == 1)
    finally:
        serving.cancel()
        await asyncio.wait([serving])
    return echo, telephone


@needs_baresip
async def test_sound_is_encrypted_and_every_codec_carries_it(tmp_path: Path) -> None:
    """By SDES, offered and insisted on, and by DTLS; beside them, in the clear, the wide codecs."""
    ways = [("srtp", "pcmu"), ("srtp-mand", "pcma"), ("dtls_srtp", "pcmu"), ("", "g722/16000/1")]
    ways.append(("", "opus/48000/2"))
    # Below the ports that the kernel hands out, and apart: a stack takes its neighbour for TLS.
    base = 10_000 + free_port() % 20_000 // 2 * 2
    calls = (held(tmp_path / str(n), base + 100 * n, *way) for n, way in enumerate(ways))
    for (encryption, codec), (echo, telephone) in zip(ways, await asyncio.gather(*calls), strict=True):
        name = f"{encryption} {codec}"
        agreed = "SRTP is Enabled" in telephone.said or "DTLS-SRTP complete" in telephone.said
        assert agreed is bool(encryption), name
        assert f"audio decoder: {codec.split('/')[0]}".upper() in telephone.said.upper(), name
        assert seconds_of_sound(bytes(echo.heard)) == pytest.approx(1.5, abs=0.3), name
        assert seconds_of_sound(telephone.heard()) == pytest.approx(1.5, abs=0.3), name


@needs_baresip
@pytest.mark.slow
async def test_who_insists_on_encryption_talks_to_nobody_in_the_clear(tmp_path: Path) -> None:
    port, first, echo = free_port(), free_port() // 2 * 2, Echo()
    account = Account("desk", HOST, register=0, encryption="srtp-mand")
    line = SipLine(Settings((account,), f"{HOST}:{port}", HOST, (first, first + 100)))
    serving = asyncio.create_task(line.serve(echo))
    try:
        await until(lambda: line.state[0], within=20)
        await Telephone(tmp_path / "phone", SAYS).call(f"sip:desk@{HOST}:{port}", 3)
        assert not echo.heard
    finally:
        serving.cancel()
        await asyncio.wait([serving])
