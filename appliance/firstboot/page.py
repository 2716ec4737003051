"""The page of a box that is nobody's yet. It is at the box's own access point, whose password only those know
who see or hear the box."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from appliance.access.pages import pages
from appliance.console.listening import bound
from appliance.console.server import POLICY
from appliance.errors import ApplianceError

LARGEST = 4096
"""Bytes of what is told to the page."""

SERVER = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}:\d{1,5}")

MOMENT = 1.0
"""Seconds that the browser has for the answer before its network ends."""


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody told the page. Raises ApplianceError for what cannot be so."""

    network: str = ""
    """None, where the box has a cable."""
    password: str = ""
    code: str = ""
    """The claim code of a fleet; none, where it is to be of none."""
    server: str = ""
    """host:port of where that enrols."""

    def __post_init__(self) -> None:
        if not 0 <= len(self.network.encode()) <= 32:
            raise ApplianceError("a network's name has at most 32 letters")
        if self.password and not (8 <= len(self.password) <= 63 and self.password.isascii()):
            raise ApplianceError("a network's password has 8 to 63 letters, digits and signs")
        if self.password and not self.network:
            raise ApplianceError("there is a password, and no network that it is of")
        if any(ord(sign) < 32 for value in (self.network, self.password) for sign in value):
            raise ApplianceError("a name or a password has a line break")
        if bool(self.code) != bool(self.server):
            raise ApplianceError("a claim code and where the fleet enrols go together")
        if self.server and not SERVER.fullmatch(self.server):
            raise ApplianceError("where the fleet enrols is written like fleet.example.org:8884")


class Page:
    """Open from `async with` to its end. `wrong` is what went wrong the last time, in words."""

    def __init__(self, host: str, port: int, networks: list[str], wrong: str = "") -> None:
        self._host, self._port = host, port
        self._networks = networks
        self._wrong = wrong
        self._told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Page:
        listener = bound(f"{self._host}:{self._port}")
        self.url = f"http://{self._host}:{listener.getsockname()[1]}"
        routes = [
            Route("/state", self._state),
            Route("/pair", self._pair, methods=["POST"]),
            Mount("/", pages(Path(__file__).parent / "static", html=True)),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), http="h11", ws="none", lifespan="off", proxy_headers=False,
            server_header=False, headers=list(POLICY.items()), limit_concurrency=32, log_config=None,
            log_level="critical", access_log=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        await self._serving

    async def told(self) -> Told:
        """Wait for somebody who tells it."""
        told = await asyncio.shield(self._told)
        await asyncio.sleep(MOMENT)
        return told

    async def _state(self, request: Request) -> JSONResponse:
        if not _by_address(request):
            return JSONResponse({"wrong": "open the page by its address"}, 421)
        return JSONResponse({"networks": self._networks, "wrong": self._wrong})

    async def _pair(self, request: Request) -> JSONResponse:
        if not _by_address(request):
            return JSONResponse({"wrong": "open the page by its address"}, 421)
        # A form of another page cannot send this without asking first, and nobody answers that.
        if request.headers.get("content-type") != "application/json":
            return JSONResponse({"wrong": "the page asks otherwise"}, 415)
        try:
            told = read(await _body(request))
        except ApplianceError as error:
            return JSONResponse({"wrong": str(error)}, 400)
        if not self._told.done():
            self._told.set_result(told)
        return JSONResponse({}, 202)


def _by_address(request: Request) -> bool:
    """A name in the world's DNS may be bent to this address, and another page then seems to be this one."""
    try:
        ipaddress.ip_address(request.url.hostname or "")
    except ValueError:
        return False
    return True


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise ApplianceError("that is too long")
    return body


def read(body: bytes) -> Told:
    """ApplianceError where it is not what the page sends."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    names = {field.name for field in fields(Told)}
    if not isinstance(found, dict) or set(found) - names:
        raise ApplianceError("the page asks otherwise")
    if not all(isinstance(value, str) for value in found.values()):
        raise ApplianceError("the page asks otherwise")
    # A space at the end may be of a password; of anything else it is a telephone's keyboard's.
    return Told(**{name: value if name == "password" else value.strip() for name, value in found.items()})
