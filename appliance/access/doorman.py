"""The door of a page: everything that comes in passes here, and is known afterwards or turned away.

Another page in the same browser may send requests here with the cookie of who has entered. What it cannot
forge is where they come from: `Origin` and `Sec-Fetch-Site` are the browser's. And a name in the world's DNS
may be bent to this address, so that such a page seems to be our own: what cannot be forged then is the name,
`Host`. A token is sent by programs only, and needs no such check."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.access.attempts import is_here
from appliance.access.body import Body
from appliance.access.house import House
from appliance.access.who import Who
from appliance.errors import ApplianceError

log = logging.getLogger(__name__)

LARGEST = 512 << 10
"""Bytes of a request's body."""

POLICY = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}
"""What a browser is told with every answer, unless the answer says otherwise."""

SAFE = ("GET", "HEAD", "OPTIONS")

Stranger = Callable[[], Who | None]
"""Who somebody is that shows neither session nor token. May block."""


class Doorman:
    """Around an app, whose endpoints learn by `who()` who asks; to each it says itself what it takes."""

    def __init__(
        self,
        app: ASGIApp,
        house: House | None,
        names: Iterable[str] = (),
        only_here: bool = True,
        policy: Mapping[str, str] | None = None,
        largest: int = LARGEST,
        stranger: Stranger = lambda: None,
    ) -> None:
        """Without a house nobody is known. `only_here`: the page is for this machine, by plain HTTP; else for
        others too, by TLS, and by its addresses, its host name and `names`. `policy`: more for the browser,
        or other."""
        self._app = app
        self._house = house
        self._only_here = only_here
        own = os.uname().nodename.lower()
        others = () if only_here else (own, f"{own}.local", *(name.lower() for name in names))
        self._names = {"localhost", *others}
        self._policy = {**POLICY, **(policy or {})}
        self._largest = largest
        self._stranger = stranger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        token = _token(headers)
        refusal = self._refusal(scope, headers, token)
        who = partial(self._who, scope, headers, token)
        if refusal is None:
            try:
                known = await who()
            except ApplianceError as error:
                log.error("nobody can be known: %s", error)
                refusal = JSONResponse({"wrong": error.wrong, "mend": error.mend}, 503)
        body = Body(receive, self._largest, whole=scope["type"] == "websocket")
        answer = body.answering(self._with_policy(send))
        if refusal is not None:
            await self._turn_away(refusal, scope, receive, answer)
            return
        scope["who"] = known
        scope["who_now"] = partial(who, again=True)
        scope["house"] = self._house
        scope["secure"] = not self._only_here
        await self._app(scope, body.receive, answer)

    async def _who(self, scope: Scope, headers: Headers, token: str, again: bool = False) -> Who | None:
        """`again`: the question is our own, and keeps no session open."""
        known = await self._known(scope, headers, token, again)
        return known or (None if token else await asyncio.to_thread(self._stranger))

    async def _known(self, scope: Scope, headers: Headers, token: str, again: bool) -> Who | None:
        if self._house is None:
            return None
        # What a script fetches to look for news is not what a person does.
        looks = scope.get("method") in SAFE and headers.get("sec-fetch-mode", "navigate") != "navigate"
        session = HTTPConnection(scope).cookies.get(cookie(self._house, not self._only_here), "")
        return await self._house.known(session, token, not (looks or again))

    def _refusal(self, scope: Scope, headers: Headers, token: str) -> Response | None:
        host = headers.get("host", "").lower()
        if not self._is_own(host):
            return PlainTextResponse("Open the page by the machine's own name or address.", 421)
        client = scope.get("client")
        if self._only_here and client and not is_here(client[0]):
            return PlainTextResponse("This page is for this machine only.", 403)
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE
        if changes and not self._is_from_itself(scope["type"], headers, host, token):
            return PlainTextResponse("Only the page itself may do that.", 403)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return PlainTextResponse("That was not understood.", 400)
        if int(length[:20]) > self._largest:
            return PlainTextResponse("That is too much.", 413)
        return None

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._names:
                return True
            # An address is nobody's to bend.
            return ipaddress.ip_address(name).is_loopback or not self._only_here
        except ValueError:
            return False

    def _is_from_itself(self, kind: str, headers: Headers, host: str, token: str) -> bool:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
        if origin is None:
            # A browser always tells the origin of what changes something.
            return bool(token) and "sec-fetch-site" not in headers and "cookie" not in headers
        scheme = "http" if self._only_here else "https"
        # Browsers differ in what they call the site of a WebSocket.
        return origin.lower() == f"{scheme}://{host}" and (kind == "websocket" or site == "same-origin")

    async def _turn_away(self, refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            log.warning("a call from a page that is not its own was refused")
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)

    def _with_policy(self, send: Send) -> Send:
        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in self._policy.items():
                    answered.setdefault(name, value)
            await send(message)

        return with_policy


def cookie(house: House, secure: bool) -> str:
    """What the cookie with the session's id is called; a browser takes the longer name over TLS only, and
    from nobody but this host."""
    return f"__Host-{house.name}" if secure else house.name


def _token(headers: Headers) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
