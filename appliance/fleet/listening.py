"""Where page and door listen, and the servers that do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from appliance.access.impatient import Impatient
from appliance.errors import ApplianceError

OPEN = 10.0
"""Seconds in which a port is open, or is not to be had."""

Keys = tuple[Path, Path]


class Server(uvicorn.Server):
    """Over a port; signals are the program's."""

    def __init__(self, app: ASGIApp, host: str, port: int, keys: Keys | None = None) -> None:
        """`keys`: certificate and key, for TLS."""
        tls: dict[str, Any] = {}
        if keys:
            tls = {"ssl_certfile": str(keys[0]), "ssl_keyfile": str(keys[1])}
        super().__init__(
            uvicorn.Config(
                app, host=host, port=port, http=Impatient, ws="none", lifespan="off", interface="asgi3",
                proxy_headers=False, server_header=False, limit_concurrency=256, log_config=None,
                log_level="critical", access_log=False, timeout_graceful_shutdown=1, **tls,
            )
        )  # fmt: skip

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(servers: Mapping[int, Server]) -> AsyncIterator[None]:
    """They listen, by their ports, or ApplianceError; until it is left."""
    serving: list[asyncio.Task[None]] = []
    try:
        for port, server in servers.items():
            serving.append(asyncio.create_task(_served(server)))
            await _started(server, serving[-1], port)
        yield
    finally:
        for server in servers.values():
            server.should_exit = True
        await asyncio.gather(*serving)


async def _started(server: Server, serving: asyncio.Task[None], port: int) -> None:
    until = asyncio.get_running_loop().time() + OPEN
    while not server.started:
        if serving.done() or asyncio.get_running_loop().time() > until:
            raise ApplianceError(
                f"port {port} cannot be opened", "end the program that has it, or choose another"
            )
        await asyncio.sleep(0.01)


async def _served(server: Server) -> None:
    # uvicorn leaves by way of SystemExit where a port is taken.
    with contextlib.suppress(SystemExit):
        await server.serve()
