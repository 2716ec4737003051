"""How people come in, as everywhere; and what they change of who may what is written down."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from appliance.access.asking import Endpoint, who
from appliance.access.routes import routes as all_routes
from appliance.fleet import audit
from appliance.fleet.store import Store

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

TOLD = ("role", "scope", "label", "days", "id")
"""What of that is written down; passwords and codes are not."""


def routes(store: Store) -> list[BaseRoute]:
    found = []
    for route in all_routes():
        if isinstance(route, Route) and (deed := DEEDS.get(route.path.removeprefix("/access/"))):
            route = Route(route.path, _recorded(store, deed, route.endpoint), methods=["POST"])
        found.append(route)
    return found


def _recorded(store: Store, deed: str, endpoint: Endpoint) -> Endpoint:
    """Accounts lie in a file of their own, so no transaction holds both: it is written down once done."""

    async def recorded(request: Request) -> Response:
        answer = await endpoint(request)
        if answer.status_code == 200:
            known, sent = who(request), _sent(await request.body())
            # Who enters is known by the name he gave, which was right.
            name = known.name if known else _name(sent)
            detail = {key: sent[key] for key in TOLD if key in sent}
            await asyncio.to_thread(write, store, name, deed, _name(sent) or name, detail)
        return answer

    return recorded


def write(store: Store, who: str, deed: str, about: str, detail: dict[str, Any]) -> None:
    with store.write() as db:
        audit.record(db, store.now(), who, deed, about, **detail)


def _sent(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body or b"{}")
    return found


def _name(sent: dict[str, Any]) -> str:
    return str(sent.get("name", "")).strip().lower()
