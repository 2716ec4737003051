"""Whether a PBX is there: asked by OPTIONS (RFC 3261, section 11). Whatever it answers, it is."""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl
from contextlib import suppress

from appliance.channels.sip.wire import Account

TRIES = 3
"""Times that it is asked by UDP."""

WAITS = 0.7
"""Seconds for an answer, each time."""


async def answers(account: Account) -> bool:
    host, port = where(account)
    try:
        async with asyncio.timeout(TRIES * WAITS + 0.5):
            if account.transport == "udp":
                return await _by_datagram(account, host, port)
            return await _by_stream(account, host, port)
    except (OSError, TimeoutError, ValueError):  # The last for a line without an end, and for no host's name.
        return False


def where(account: Account) -> tuple[str, int]:
    """Host and port of the account's PBX, or of the proxy before it."""
    target = re.sub(r"^sips?:", "", account.proxy or account.domain).partition(";")[0]
    found = re.fullmatch(r"(\[[^]]+\]|[^:]+)(?::(\d+))?", target)
    host, port = (found[1].strip("[]"), found[2]) if found else (target, None)
    return host, int(port or (5061 if account.transport == "tls" else 5060))


async def _by_datagram(account: Account, host: str, port: int) -> bool:
    came = asyncio.Event()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Answer(came), remote_addr=(host, port)
    )
    try:
        own = "{}:{}".format(*transport.get_extra_info("sockname")[:2])
        asked = _request(account, own)
        for _ in range(TRIES):
            transport.sendto(asked)
            with suppress(TimeoutError):
                async with asyncio.timeout(WAITS):
                    await came.wait()
                    return True
        return False
    finally:
        transport.close()


async def _by_stream(account: Account, host: str, port: int) -> bool:
    tls = None
    if account.transport == "tls":
        # Nothing is told that is worth keeping from anybody; whom to trust is looked at where there is.
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        writer.write(_request(account, "{}:{}".format(*writer.get_extra_info("sockname")[:2])))
        return (await reader.readline()).startswith(b"SIP/2.0")
    finally:
        writer.close()


class _Answer(asyncio.DatagramProtocol):
    def __init__(self, came: asyncio.Event) -> None:
        self._came = came

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data.startswith(b"SIP/2.0"):
            self._came.set()


def _request(account: Account, own: str) -> bytes:
    mark, host = secrets.token_hex(8), account.domain
    lines = [
        f"OPTIONS sip:{host} SIP/2.0",
        f"Via: SIP/2.0/{account.transport.upper()} {own};branch=z9hG4bK{mark};rport",
        f"From: <sip:{account.user}@{host}>;tag={mark}",
        f"To: <sip:{host}>",
        f"Call-ID: {mark}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:{account.user}@{own}>",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
