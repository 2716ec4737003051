"""The fleet's page, for this machine only, and the door by which boxes enrol."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import ipaddress
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.errors import ApplianceError
from appliance.fleet import dispatch, grid, members, questions, views
from appliance.fleet.authority import Authority
from appliance.fleet.store import Store

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"

EVERY = 2.0
"""Seconds between two pictures of the whole."""

LARGEST, LARGEST_REQUEST = 600_000, 16_000
"""Bytes of what the page sends, and of what a box sends that enrols."""

POLICY = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


class Dashboard:
    """What it shows is made for all who look at it at once."""

    def __init__(self, store: Store, authority: Authority) -> None:
        self._store = store
        self._authority = authority
        self._picture = b"{}"
        self._fresh = asyncio.Condition()

    def app(self) -> ASGIApp:
        routes = [
            Route("/events", self._events),
            Route("/data/overview", self._overview),
            Route("/data/boxes", self._boxes),
            Route("/data/sites", self._sites),
            Route("/data/questions", self._questions),
            Route("/data/box/{name}", self._box),
            Route("/data/box/{name}/calls/{call}", self._turns),
            Route("/data/box/{name}/logs/{command}", self._log),
            Route("/data/box/{name}/commands", _told(self._command), methods=["POST"]),
            Route("/data/box/{name}/desk", _told(self._desk), methods=["POST"]),
            Route("/box/{name}", lambda request: FileResponse(STATIC / "box.html")),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ]
        return Doorman(Starlette(routes=routes))

    async def paint(self) -> None:
        """Make a new picture every other second, until cancelled."""
        while True:
            try:
                found = await asyncio.to_thread(views.overview, self._store)
                async with self._fresh:
                    self._picture = json.dumps(found).encode()
                    self._fresh.notify_all()
            except ApplianceError as error:
                log.error("%s", error)
            await asyncio.sleep(EVERY)

    async def _events(self, request: Request) -> StreamingResponse:
        async def pictures() -> AsyncIterator[bytes]:
            while True:
                yield b"data: " + self._picture + b"\n\n"
                async with self._fresh:
                    await self._fresh.wait()

        return StreamingResponse(pictures(), media_type="text/event-stream")

    async def _overview(self, request: Request) -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(views.overview, self._store))

    async def _boxes(self, request: Request) -> JSONResponse:
        page = request.query_params.get("page", "0")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 0
        text = request.query_params.get("q", "")[:64]
        return JSONResponse(await asyncio.to_thread(views.boxes, self._store, number, text))

    async def _sites(self, request: Request) -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(grid.health, self._store))

    async def _questions(self, request: Request) -> JSONResponse:
        page = request.query_params.get("page", "0")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 0
        return JSONResponse(await asyncio.to_thread(questions.unanswered, self._store, number))

    async def _box(self, request: Request) -> JSONResponse:
        found = await asyncio.to_thread(views.box, self._store, request.path_params["name"])
        return JSONResponse(found) if found else JSONResponse({"wrong": "There is no such box."}, 404)

    async def _turns(self, request: Request) -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(partial(views.turns, self._store, **request.path_params)))

    async def _log(self, request: Request) -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(partial(views.log, self._store, **request.path_params)))

    async def _command(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        do = str(asked.get("do", ""))
        return {"id": await asyncio.to_thread(dispatch.ask, self._store, name, do)}

    async def _desk(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        desk = str(asked.get("desk", ""))
        return {"serial": await asyncio.to_thread(dispatch.wish, self._store, self._authority, name, desk)}


class Door:
    """Where boxes enrol, by HTTPS: all that others than this machine can reach of the server, but for the
    broker."""

    def __init__(self, store: Store, authority: Authority, port: int) -> None:
        """`port` is the broker's."""
        self._store = store
        self._authority = authority
        self._port = port

    def app(self) -> ASGIApp:
        return Starlette(
            routes=[
                Route("/ca", self._ca),
                Route("/enrol", _told(self._enrol, LARGEST_REQUEST), methods=["POST"]),
            ]
        )

    async def _ca(self, request: Request) -> Response:
        return Response(self._authority.ca.read_bytes(), media_type="application/x-pem-file")

    async def _enrol(self, _: str, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            secret = base64.b32decode(str(asked.get("code", "")))
        except (binascii.Error, ValueError) as error:
            raise ApplianceError("the claim code is not good") from error
        request = str(asked.get("request", "")).encode()
        name, issued = await asyncio.to_thread(members.enrol, self._store, self._authority, secret, request)
        log.info("%s is of the fleet now", name)
        return {
            "device": name,
            "certificate": issued.certificate.decode(),
            "signer": self._authority.signer.read_text(),
            "port": self._port,
        }


class Doorman:
    """Until there are logins: who comes by the name of this machine only, and from the page itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(POLICY)
            await send(message)

        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if not _is_loopback(host):
            refused = PlainTextResponse("Open the page as http://127.0.0.1.", 421)
        elif scope["method"] not in ("GET", "HEAD") and _netloc(origin) != host.lower():
            refused = PlainTextResponse("Only the page itself may do that.", 403)
        else:
            await self._app(scope, receive, send_with_policy)
            return
        await refused(scope, receive, send_with_policy)


class Server(uvicorn.Server):
    """Over a port; signals are the program's."""

    def __init__(self, app: ASGIApp, host: str, port: int, keys: Authority | None = None) -> None:
        tls: dict[str, Any] = {}
        if keys:
            tls = {"ssl_certfile": str(keys.server), "ssl_keyfile": str(keys.server_key)}
        super().__init__(
            uvicorn.Config(
                app, host=host, port=port, http="h11", ws="none", lifespan="off", interface="asgi3",
                proxy_headers=False, server_header=False, limit_concurrency=256, log_config=None,
                log_level="critical", access_log=False, timeout_graceful_shutdown=1, **tls,
            )
        )  # fmt: skip

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


Deed = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


def _told(deed: Deed, largest: int = LARGEST) -> Callable[[Request], Awaitable[Response]]:
    """A deed that takes JSON and answers with it; what is wrong is an answer too."""

    async def answer(request: Request) -> Response:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > largest:
                return JSONResponse({"wrong": "That is too much."}, 413)
        try:
            asked = json.loads(body)
            if not isinstance(asked, dict):
                raise ValueError
            return JSONResponse(await deed(request.path_params.get("name", ""), asked))
        except (ValueError, RecursionError):
            return JSONResponse({"wrong": "That is no JSON object."}, 400)
        except ApplianceError as error:
            return JSONResponse({"wrong": str(error)}, 422)

    return answer


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
