"""The box's own page: what is on and off, and a desk to talk and write to."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from appliance.channels import Desk
from appliance.channels.web import BadCaller, WebChat, WebVoice, Wire
from appliance.console.calls import CallsPage
from appliance.console.editor import Editor
from appliance.errors import ConfigError, DeviceError
from appliance.observe.metrics import TYPE, Metrics

log = logging.getLogger(__name__)

VOICES = 8
CHATS = 32
"""Conversations at the same time."""

MESSAGE_BYTES = 64 << 10
"""The longest WebSocket message."""

GRACE = 0.4
"""Seconds that a conversation has to end by itself when its caller or the page is gone."""

POLICY = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "permissions-policy": "microphone=(self)",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}

Work = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Status:
    """Something of the box that is on or off, and why."""

    name: str
    on: bool
    why: str = ""
    """In plain words, with the mend where there is one."""


class Console:
    """A WaitingLine: the page, and the calls that come through it."""

    name = "page"

    def __init__(
        self,
        listen: str = "127.0.0.1:8080",
        title: Callable[[], str] = lambda: "Front desk",
        status: Callable[[], list[Status]] = list,
        wake: Callable[[], None] | None = None,
        editor: Editor | None = None,
        calls: CallsPage | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """`listen` is host:port; port 0 takes any that is free. `wake` wakes the kiosk, if there is one."""
        self._host, self._port = address(listen)
        self._title = title
        self._status = status
        self._wake = wake
        self._editor = editor
        self._calls = calls
        self._metrics = metrics
        self._desk: Desk | None = None
        self._server: uvicorn.Server | None = None
        self._wires: dict[Wire, str] = {}
        self.opened = asyncio.Event()
        """Set when the page can be opened at `url`."""
        self.url = ""

    async def serve(self, desk: Desk) -> None:
        listener = self._listen()
        self._desk = desk
        app = Doorman(self._app(), self._host)
        server = _Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="websockets-sansio",
                lifespan="off",
                interface="asgi3",
                ws_max_size=MESSAGE_BYTES,
                ws_per_message_deflate=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=128,
                log_config=None,
                log_level="critical",
                access_log=False,
            )
        )
        self._server = server
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        self.opened.set()
        try:
            await asyncio.shield(serving)
        finally:
            self.opened.clear()
            await self._close(server, serving)

    async def _close(self, server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
        """End the conversations, then the server, and no later than that whoever does not let go."""
        for wire in self._wires:
            wire.end(1001, "the desk is closing")
        server.should_exit = True
        await asyncio.wait({serving}, timeout=GRACE + 0.2)
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        await serving

    def _drop(self, socket: WebSocket) -> None:
        """Let go of a browser that does not even take what it is sent."""
        assert self._server
        for connection in list(self._server.server_state.connections):
            if getattr(connection, "client", None) == socket.client:
                connection.transport.abort()

    def _listen(self) -> socket.socket:
        listener = bound(self._host, self._port)
        listener.setblocking(False)
        self.url = f"http://{_bracketed(self._host)}:{listener.getsockname()[1]}"
        return listener

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/health", self._health),
                *([Route("/metrics", self._tell_metrics)] if self._metrics else ()),
                Route("/wake", self._wake_kiosk, methods=["POST"]),
                WebSocketRoute("/talk", self._talk),
                WebSocketRoute("/chat", self._chat),
                *(self._calls.routes() if self._calls else ()),
                *(self._editor.routes() if self._editor else ()),
                WebSocketRoute("/desk/trials/{id}/talk", self._talk),
                WebSocketRoute("/desk/trials/{id}/chat", self._chat),
                Mount("/", StaticFiles(directory=Path(__file__).parent / "static", html=True)),
            ]
        )

    async def _health(self, request: Request) -> JSONResponse:
        kinds = list(self._wires.values())
        return JSONResponse(
            {
                "ok": True,
                "desk": self._title(),
                "editor": self._editor is not None,
                "calls": {"voice": kinds.count("voice"), "chat": kinds.count("chat")},
                "status": [asdict(status) for status in self._status()],
            }
        )

    async def _tell_metrics(self, request: Request) -> Response:
        assert self._metrics
        on = {status.name: status.on for status in self._status()}
        return Response(self._metrics.text(on), media_type=TYPE)

    async def _wake_kiosk(self, request: Request) -> PlainTextResponse:
        if not self._wake:
            return PlainTextResponse("There is no kiosk.", 404)
        self._wake()
        return PlainTextResponse("The kiosk is awake.")

    async def _talk(self, socket: WebSocket) -> None:
        if desk := await self._desk_for(socket):
            async with self._wire(socket, "voice", VOICES) as wire:
                if wire and (voice := await WebVoice.answer(wire)):
                    await _converse(wire, voice.listen(), desk.talk(voice))

    async def _chat(self, socket: WebSocket) -> None:
        if desk := await self._desk_for(socket):
            async with self._wire(socket, "chat", CHATS) as wire:
                if wire:
                    chat = WebChat(wire)
                    await _converse(wire, chat.listen(), desk.chat(chat))

    async def _desk_for(self, socket: WebSocket) -> Desk | None:
        """The desk that runs, or one that is tried out; None, and the call is refused, where it is gone."""
        if "id" not in socket.path_params:
            return self._desk
        trial = self._editor.trial(socket) if self._editor else None
        if trial is None:
            await socket.close(1008)
        return trial

    @contextlib.asynccontextmanager
    async def _wire(self, socket: WebSocket, kind: str, most: int) -> AsyncIterator[Wire | None]:
        """An open wire; None, after a polite word, when there are too many already."""
        await socket.accept()
        wire = Wire(socket)
        writing = asyncio.create_task(wire.write())
        try:
            if list(self._wires.values()).count(kind) >= most:
                wire.tell(type="refused", wrong="Everybody here is busy", mend="Try again in a minute")
                wire.end(1013, "busy")
                yield None
            else:
                self._wires[wire] = kind
                yield wire
        except BadCaller as bad:
            log.warning("a %s call was not begun: %s", kind, bad)
            wire.end(bad.code, str(bad))
        finally:
            self._wires.pop(wire, None)
            wire.end()
            _, stuck = await asyncio.wait({writing}, timeout=GRACE)
            if stuck:
                writing.cancel()
                self._drop(socket)


async def _converse(
    wire: Wire, listening: Coroutine[Any, Any, None], talking: Coroutine[Any, Any, None]
) -> None:
    """Run a conversation until the desk has finished, the caller has left, or the wire was ended."""
    listen, talk = asyncio.create_task(listening), asyncio.create_task(talking)
    ended = asyncio.create_task(wire.ended.wait())
    try:
        await asyncio.wait({listen, talk, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not talk.done():
            await asyncio.wait({talk}, timeout=GRACE)
    finally:
        for task in (listen, talk, ended):
            task.cancel()
        await asyncio.wait({listen, talk, ended}, timeout=GRACE)
    if talk.done() and not talk.cancelled() and (error := talk.exception()):
        log.error("a conversation on the page failed", exc_info=error)
        wire.end(1011, "the desk failed")


class Doorman:
    """Lets in only who came by the box's own name, and only pages that came from it: neither another page
    in the same browser, nor a name that was bent to this address, reaches the desk."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._loopback = is_loopback(host)
        own = socket.gethostname().lower()
        self._names = {"localhost"} if self._loopback else {"localhost", own, f"{own}.local", host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in POLICY.items():
                    answered.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        host = headers.get("host", "")
        from_own_page = _netloc(headers.get("origin", "")) == host.lower()
        if scope["type"] == "websocket":
            if not (self._is_own(host) and from_own_page):
                log.warning("a call from a page that is not the box's own was refused")
                await send({"type": "websocket.close", "code": 1008})
                return
        elif not self._is_own(host):
            mend = "Open the page by the box's own name or address."
            await PlainTextResponse(mend, 421)(scope, receive, send_with_policy)
            return
        elif scope["method"] not in ("GET", "HEAD") and not from_own_page:
            await PlainTextResponse("Only the box's own page may do that.", 403)(
                scope, receive, send_with_policy
            )
            return
        await self._app(scope, receive, send_with_policy)

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            return ipaddress.ip_address(name).is_loopback or not self._loopback
        except ValueError:
            return name in self._names


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the application's."""
        yield


def address(listen: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:8080" or "[::1]:8080"; `ConfigError` where it is neither."""
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ConfigError(f"the page's address {listen!r} is not host:port", "write it like 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there; `DeviceError` where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=64)
    except OSError as error:
        raise DeviceError(
            f"the page cannot be opened at {_bracketed(host)}:{port}: {error.strerror or error}",
            "end the program that has this address, or choose another in box.toml",
        ) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
