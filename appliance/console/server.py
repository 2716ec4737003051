"""The box's own page: what is on and off, a desk to talk and write to, and the manager's work.

On this machine it is plain HTTP; other machines reach it by TLS, and only where box.toml says so. Who may
what is said at each endpoint, and tried by a test for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from appliance.access.asking import Endpoint, needs, refused, who, who_now
from appliance.access.attempts import is_here, network
from appliance.access.doorman import Doorman
from appliance.access.house import House
from appliance.access.pages import pages
from appliance.access.routes import routes
from appliance.access.who import Who
from appliance.channels import Desk
from appliance.channels.web import BadCaller, WebChat, WebVoice, Wire
from appliance.console.calls import CallsPage
from appliance.console.description import describe
from appliance.console.editor import Editor
from appliance.console.listening import Network, Server, address, bound, bracketed
from appliance.errors import ApplianceError
from appliance.observe.metrics import Metrics
from appliance.system.exposition import TYPE

log = logging.getLogger(__name__)

ROLES = ("visitor", "manager", "admin")
"""Who may talk and write to the desk; who may change and see what it does; who may say who may."""

VOICES = 8
CHATS = 32
"""Conversations at the same time ..."""

EACH = 4
"""... and those of one other machine."""

LOOK_AGAIN = 10.0
"""Seconds between two looks whether whoever calls may still."""

GRACE = 0.4
"""Seconds that a conversation has to end by itself when its caller or the page is gone."""

STATIC = Path(__file__).parent / "static"

POLICY = {"permissions-policy": "microphone=(self)"}

PAGES = {
    "/": "visitor", "/kiosk": "visitor", "/editor.html": "manager", "/calls.html": "manager",
    "/shadow.html": "manager",
}  # fmt: skip
"""Who may open each."""


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
        house: House | None = None,
        network: Network | None = None,
    ) -> None:
        """`listen` is host:port of this machine; port 0 takes any that is free. `wake` wakes the kiosk, if
        there is one. `house` says who may what: without one everybody is a visitor, and there is no
        `network`."""
        if network and not house:
            raise ApplianceError("the page cannot be opened to the network without accounts")
        for each in (listen, *([network.listen] if network else ())):
            address(each)
        self._listen = listen
        self._house = house
        self._network = network
        self._title = title
        self._status = status
        self.wake = wake
        """Wakes the kiosk; None where there is none, or not yet."""
        self._editor = editor
        self._calls = calls
        self._metrics = metrics
        self._desk: Desk | None = None
        self._described: dict[str, Any] = {}
        self._servers: list[Server] = []
        self._wires: dict[Wire, tuple[str, str]] = {}
        """Of what kind each is, and from where."""
        self.opened = asyncio.Event()
        """Set when the page can be opened at `url`."""
        self.url = ""
        self.network_url = ""
        """For other machines; empty where they cannot open it."""

    @property
    def where(self) -> str:
        """Where it can be opened, in a line."""
        outside = self._network
        return f"{self.url}, and {self.network_url} ({outside.own.fingerprint})" if outside else self.url

    async def serve(self, desk: Desk) -> None:
        self._desk = desk
        app = self._app()
        here = Doorman(app, self._house, policy=POLICY, stranger=self._who_is_here)
        listeners = [bound(self._listen)]
        servers = [Server(here)]
        self.url = f"http://{bracketed(address(self._listen)[0])}:{listeners[0].getsockname()[1]}"
        if outside := self._network:
            listeners.append(bound(outside.listen))
            host = address(outside.listen)[0]
            names = (*outside.names, *([] if _is_any(host) else [host]))
            door = Doorman(app, self._house, names, False, POLICY, stranger=self._who_is_outside)
            servers.append(Server(door, outside.own))
            name = names[0] if names else f"{os.uname().nodename.lower()}.local"
            self.network_url = f"https://{bracketed(name)}:{listeners[1].getsockname()[1]}"
        self._servers = servers
        serving = [
            asyncio.create_task(server.serve(sockets=[listener]))
            for server, listener in zip(servers, listeners, strict=True)
        ]
        self.opened.set()
        try:
            await asyncio.shield(asyncio.gather(*serving))
        finally:
            self.opened.clear()
            await self._close(serving)

    async def _close(self, serving: list[asyncio.Task[None]]) -> None:
        """End the conversations, then the servers, and no later than that whoever does not let go."""
        for wire in self._wires:
            wire.end(1001, "the desk is closing")
        for server in self._servers:
            server.should_exit = True
        await asyncio.wait(serving, timeout=GRACE + 0.2)
        for server in self._servers:
            for connection in list(server.server_state.connections):
                connection.transport.abort()
        await asyncio.gather(*serving)

    def _drop(self, socket: WebSocket) -> None:
        """Let go of a browser that does not even take what it is sent."""
        for server in self._servers:
            for connection in list(server.server_state.connections):
                if getattr(connection, "client", None) == socket.client:
                    connection.transport.abort()

    def _who_is_here(self) -> Who:
        """Until there is an admin, whoever is at the machine itself may do everything: he could as well write
        into its files. From then on he is a visitor."""
        claimed = self._house is None or self._house.accounts.claimed()
        role = ROLES[0] if claimed else ROLES[-1]
        return Who("", role, frozenset(ROLES[: ROLES.index(role) + 1]), by="place")

    def _who_is_outside(self) -> Who | None:
        visitors = self._network and self._network.visitors
        return Who("", ROLES[0], frozenset(ROLES[:1]), by="place") if visitors else None

    def _app(self) -> Starlette:
        metrics = [Route("/metrics", seen(self._tell_metrics))] if self._metrics else []
        app = Starlette(
            routes=[
                Route("/openapi.json", seen(self._describe)),
                Route("/health", needs("visitor", self._health)),
                *metrics,
                Route("/wake", needs("visitor", self._wake_kiosk), methods=["POST"]),
                WebSocketRoute("/talk", self._talk),
                WebSocketRoute("/chat", self._chat),
                *(self._calls.routes() if self._calls else ()),
                *(self._editor.routes() if self._editor else ()),
                WebSocketRoute("/desk/trials/{id}/talk", self._talk),
                WebSocketRoute("/desk/trials/{id}/chat", self._chat),
                *(routes() if self._house else ()),
                *(Route(path, needs(role, _page(path))) for path, role in PAGES.items()),
                Mount("/", pages(STATIC)),
            ]
        )
        self._described = describe(app.routes)
        return app

    async def _describe(self, request: Request) -> JSONResponse:
        return JSONResponse(self._described)

    async def _health(self, request: Request) -> JSONResponse:
        found = who(request)
        assert found
        told: dict[str, Any] = {
            "ok": True,
            "desk": self._title(),
            "kiosk": self.wake is not None,
            "editor": self._editor is not None and found.may("manager"),
            "name": found.name,
            "accounts": self._house is not None,
            "claimed": self._house is not None and await asyncio.to_thread(self._house.accounts.claimed),
            "network": self.network_url,
        }
        if sees_status(request):
            kinds = [kind for kind, _ in self._wires.values()]
            told["calls"] = {"voice": kinds.count("voice"), "chat": kinds.count("chat")}
            told["status"] = [asdict(status) for status in self._status()]
        return JSONResponse(told)

    async def _tell_metrics(self, request: Request) -> Response:
        assert self._metrics
        on = {status.name: status.on for status in self._status()}
        return Response(self._metrics.text(on), media_type=TYPE)

    async def _wake_kiosk(self, request: Request) -> PlainTextResponse:
        if not self.wake:
            return PlainTextResponse("There is no kiosk.", 404)
        self.wake()
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
        found = who(socket)
        desk: Desk | None = None
        if found and found.may(_role_for(socket)):
            trial = self._editor.trial(socket) if _is_trial(socket) and self._editor else None
            desk = trial if _is_trial(socket) else self._desk
        if desk is None:
            await socket.close(1008)
        return desk

    @contextlib.asynccontextmanager
    async def _wire(self, socket: WebSocket, kind: str, most: int) -> AsyncIterator[Wire | None]:
        """An open wire; None, after a polite word, when there are too many already."""
        await socket.accept()
        wire = Wire(socket)
        writing = asyncio.create_task(wire.write())
        watching = asyncio.create_task(_watch(socket, wire))
        place = socket.client.host if socket.client else ""
        try:
            if self._is_full(kind, most, place):
                wire.tell(type="refused", wrong="Everybody here is busy", mend="Try again in a minute")
                wire.end(1013, "busy")
                yield None
            else:
                self._wires[wire] = kind, network(place)
                yield wire
        except BadCaller as bad:
            log.warning("a %s call was not begun: %s", kind, bad)
            wire.end(bad.code, str(bad))
        finally:
            self._wires.pop(wire, None)
            watching.cancel()
            wire.end()
            _, stuck = await asyncio.wait({writing}, timeout=GRACE)
            if stuck:
                writing.cancel()
                self._drop(socket)

    def _is_full(self, kind: str, most: int, place: str) -> bool:
        same = [where for each, where in self._wires.values() if each == kind]
        return len(same) >= most or (not is_here(place) and same.count(network(place)) >= EACH)


def _is_trial(socket: WebSocket) -> bool:
    return "id" in socket.path_params


def _role_for(socket: WebSocket) -> str:
    return "manager" if _is_trial(socket) else "visitor"


async def _watch(socket: WebSocket, wire: Wire) -> None:
    """End the call of who may call no more: his session is over, or his account is another."""
    while True:
        await asyncio.sleep(LOOK_AGAIN)
        try:
            found = await who_now(socket)
        except ApplianceError as error:
            log.warning("whether who calls still may is not known: %s", error)
            continue
        if not (found and found.may(_role_for(socket))):
            wire.end(1008, "you have to enter anew")
            return


def sees_status(request: Request) -> bool:
    """Whoever is at the machine itself, and its manager."""
    found = who(request)
    return bool(found) and (not request.scope["secure"] or bool(found and found.may("manager")))


def seen(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> Response:
        if sees_status(request):
            return await endpoint(request)
        return refused(request, "manager") or await endpoint(request)

    return guarded


def _page(path: str) -> Endpoint:
    file = STATIC / ("index.html" if path in ("/", "/kiosk") else path.removeprefix("/"))

    async def page(request: Request) -> Response:
        return FileResponse(file)

    return page


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


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
