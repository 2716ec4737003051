"""Who is refused while still sending reads why, by a real server and a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from appliance.access import body
from appliance.access.doorman import Doorman
from tests.fleet.waiting import until

MEGABYTE = 1 << 20


async def deaf(request: object) -> Response:
    """It never looks at what was sent."""
    return PlainTextResponse("fine", 201)


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    app = Doorman(Starlette(routes=[Route("/deaf", deaf, methods=["POST"])]), None, largest=MEGABYTE)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            await until(lambda: server.started)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await serving


def post(port: int, size: int, sent: int, origin: str = "") -> bytes:
    """The answer to who reads it only when all is sent."""
    head = (
        f"POST /deaf HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin or f'http://localhost:{port}'}\r\n"
        f"Content-Length: {size}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(head.encode() + b"x" * sent)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
        return answer


@pytest.mark.parametrize(
    ("size", "origin", "said"),
    [
        (8 * MEGABYTE, "", b"413 "),
        (8 * MEGABYTE, "http://elsewhere.test", b"403 "),
        (MEGABYTE // 2, "", b"201 "),
    ],
)
async def test_the_answer_is_read_by_who_first_sends_it_all(size: int, origin: str, said: bytes) -> None:
    async with served() as port:
        for _ in range(5):
            answer = await asyncio.to_thread(post, port, size, size, origin)
            assert answer.startswith(b"HTTP/1.1 " + said)


async def test_who_stops_sending_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "LINGER", 0.2)
    async with served() as port:
        assert b" 413 " in await asyncio.to_thread(post, port, 8 * MEGABYTE, 1000)


async def test_there_is_an_end_to_what_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "DISCARDED", 2 * MEGABYTE)
    async with served() as port:
        with pytest.raises(ConnectionError):
            await asyncio.to_thread(post, port, 64 * MEGABYTE, 64 * MEGABYTE)
