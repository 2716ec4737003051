"""How people come in, as everywhere; and what they change of who may what is written down."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from appliance.access.accounts import tidy
from appliance.access.asking import Endpoint, problem, who
from appliance.access.routes import routes as all_routes
from appliance.errors import StorageError
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit

log = logging.getLogger(__name__)

DEEDS = {
    "pair": "account.first",
    "enter": "session.began",
    "leave": "session.ended",
    "password": "account.password",
    "second/confirm": "account.second",
    "second/drop": "account.second-dropped",
    "tokens/make": "token.made",
    "tokens/remove": "token.removed",
    "accounts/add": "account.added",
    "accounts/change": "account.changed",
    "accounts/password": "account.password",
    "accounts/second": "account.second-dropped",
    "accounts/remove": "account.removed",
}

TOLD = {
    "tokens/make": ("role", "scope", "label", "days"),
    "tokens/remove": ("id",),
    "accounts/add": ("role", "scope"),
    "accounts/change": ("role", "scope"),
}
"""What of that is written down: only what the deed has looked at, for more can be sent. Passwords and codes
are not."""


def routes(store: Store) -> list[BaseRoute]:
    found = []
    for route in all_routes():
        if isinstance(route, Route) and (name := route.path.removeprefix("/access/")) in DEEDS:
            route = Route(route.path, _recorded(store, name, route.endpoint), methods=["POST"])
        found.append(route)
    return found


def _recorded(store: Store, what: str, endpoint: Endpoint) -> Endpoint:
    """Accounts lie in a file of their own, so no transaction holds both: it is written down once done, and
    not done where nothing can be written down."""

    async def recorded(request: Request) -> Response:
        try:
            return await done(request)
        except StorageError as error:
            log.error("%s: %s", DEEDS[what], error)
            return problem(503, error.wrong, error.mend)

    async def done(request: Request) -> Response:
        # A stranger makes the disk write nothing; and whoever is in may always leave.
        if who(request) and what != "leave":
            await asyncio.to_thread(_ready, store)
        answer = await endpoint(request)
        known, entered = who(request), what in ("enter", "pair")
        # Who had not entered has not left either.
        if answer.status_code == 200 and (known or entered):
            sent = _sent(await request.body())
            # Who enters is known by the name he gave, which was right; nobody else is by what he sends.
            name = known.name if known and not entered else tidy(sent["name"])
            about = tidy(sent["name"]) if what.startswith("accounts/") else name
            detail = {key: sent[key] for key in TOLD.get(what, ()) if key in sent}
            await asyncio.to_thread(write, store, name, DEEDS[what], about, detail)
        return answer

    return recorded


def write(store: Store, who: str, deed: str, about: str, detail: dict[str, Any]) -> None:
    with store.write() as db:
        audit.record(db, store.now(), who, deed, about, **detail)


def _ready(store: Store) -> None:
    """StorageError where the log cannot be written."""
    with store.write() as db:
        db.execute("update audit_head set number = number where id = 1")


def _sent(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body or b"{}")
    return found
