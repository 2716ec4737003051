"""The fleet's page, for who has entered."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from appliance.access.asking import needs, who, who_now
from appliance.access.doorman import Doorman, Stranger
from appliance.access.house import House
from appliance.access.pages import pages
from appliance.access.who import Who
from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.membership.authority import Authority
from appliance.fleet.page import api, grid, metrics, views
from appliance.fleet.page.api import Room
from appliance.fleet.page.operations import OPERATIONS
from appliance.fleet.people import audit, entrance
from appliance.fleet.people.scope import ALL, Scope
from appliance.fleet.questions.questions import Questions
from appliance.fleet.rollouts import rollouts
from appliance.fleet.rollouts.bundles import Pieces
from appliance.system.exposition import TYPE

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"

EVERY = 2.0
"""Seconds between two pictures of the whole."""

LARGEST = 600_000
"""Bytes of what the page sends."""

PAGES = (
    ("/", "index.html", "viewer"),
    ("/box/{name}", "box.html", "viewer"),
    ("/rollout/{id:int}", "rollout.html", "viewer"),
    ("/rollouts", "rollouts.html", "viewer"),
    ("/alerts", "alerts.html", "viewer"),
    ("/questions", "questions.html", "viewer"),
    ("/settings", "settings.html", "admin"),
    ("/audit", "audit.html", "admin"),
)

ROLES = ("viewer", "operator", "admin")
"""Who looks, who asks boxes to do something, who says who may."""

SELDOM = 30_000
"""Milliseconds between two looks at how soon the boxes of some groups answered."""

LOOK_AGAIN = 15
"""Pictures after which it is looked whether whoever is shown them may still come in."""


class Dashboard:
    """What it shows is made for all who look at the same boxes at once."""

    def __init__(
        self,
        store: Store,
        authority: Authority,
        pieces: Pieces,
        house: House,
        names: Sequence[str] = (),
        only_here: bool = True,
        stranger: Stranger = lambda: None,
    ) -> None:
        """`names`: by which the page is reached, where it is not for this machine only. `stranger`: who may
        come without entering."""
        self._store = store
        self._authority = authority
        self._pieces = pieces
        self._house = house
        self._asked = Questions(store)
        self._door = partial(Doorman, names=names, only_here=only_here, stranger=stranger, largest=LARGEST)
        self._pictures: dict[Scope, bytes] = {}
        self._watched: Counter[Scope] = Counter()
        self._answered: dict[Scope, tuple[int, dict[str, Any]]] = {}
        self._fresh = asyncio.Condition()

    def app(self) -> ASGIApp:
        room = Room(self._store, self._authority, self._house.accounts.all, self._pieces)
        routes: list[BaseRoute] = [
            *entrance.routes(self._store),
            *api.routes(room, OPERATIONS),
            Route("/metrics", needs("viewer", self._metrics)),
            Route("/events", needs("viewer", self._events)),
            Route("/data/overview", needs("viewer", self._overview)),
            Route("/data/boxes", needs("viewer", self._boxes)),
            Route("/data/sites", needs("viewer", self._sites)),
            Route("/data/questions", needs("viewer", self._questions)),
            Route("/data/box/{name}", needs("viewer", self._box)),
            Route("/audit.jsonl", needs("admin", self._export)),
            *(Route(path, needs(role, _page(name))) for path, name, role in PAGES),
            Mount("/", pages(STATIC)),
        ]
        return self._door(Starlette(routes=routes), self._house)

    async def paint(self) -> None:
        """Make a new picture every other second, until cancelled."""
        while True:
            try:
                pictures = {}
                for scope in dict.fromkeys([ALL, *self._watched]):
                    known = await self._answers(scope) if scope != ALL else None
                    found = await asyncio.to_thread(self._look, scope, known)
                    pictures[scope] = json.dumps(found).encode()
                self._pictures = pictures
                async with self._fresh:
                    self._fresh.notify_all()
            except ApplianceError as error:
                log.error("%s", error)
            await asyncio.sleep(EVERY)

    async def _answers(self, scope: Scope) -> dict[str, Any]:
        """Of some groups they are summed box by box, which is much work."""
        at, known = self._answered.get(scope, (0, {}))
        if self._store.now() - at > SELDOM:
            at, known = self._store.now(), await asyncio.to_thread(views.answers, self._store, scope)
            self._answered[scope] = at, known
        return known

    async def _events(self, request: Request) -> StreamingResponse:
        scope = scope_of(request)

        async def pictures() -> AsyncIterator[bytes]:
            self._watched[scope] += 1
            try:
                for number in count(1):
                    yield b"data: " + self._pictures.get(scope, b"{}") + b"\n\n"
                    async with self._fresh:
                        await self._fresh.wait()
                    if number % LOOK_AGAIN == 0 and not await self._still(request, scope):
                        return
            finally:
                self._watched -= Counter([scope])

        return StreamingResponse(pictures(), media_type="text/event-stream")

    async def _still(self, request: Request, scope: Scope) -> bool:
        """Whether whoever asked would be shown the same now."""
        now = await who_now(request)
        return now is not None and scoped(now) == scope

    async def _overview(self, request: Request) -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(self._look, scope_of(request)))

    def _look(self, scope: Scope, known: dict[str, Any] | None = None) -> dict[str, Any]:
        """A rollout is for who sees all groups: it has boxes of many."""
        running = rollouts.current(self._store) if scope == ALL else None
        return {**views.overview(self._store, scope, known), "rollout": running}

    async def _boxes(self, request: Request) -> JSONResponse:
        page = request.query_params.get("page", "0")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 0
        text = request.query_params.get("q", "")[:64]
        found = await asyncio.to_thread(views.boxes, self._store, number, text, scope_of(request))
        return JSONResponse(found)

    async def _sites(self, request: Request) -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(grid.health, self._store, scope_of(request)))

    async def _questions(self, request: Request) -> JSONResponse:
        page = request.query_params.get("page", "0")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 0
        return JSONResponse(await asyncio.to_thread(self._asked.page, number, scope_of(request)))

    async def _box(self, request: Request) -> JSONResponse:
        """One that is there for whoever asks."""
        name, scope = request.path_params["name"], scope_of(request)
        if not await asyncio.to_thread(scope.has, self._store, name):
            return JSONResponse({"wrong": "There is no such box."}, 404)
        return JSONResponse(await asyncio.to_thread(views.box, self._store, name))

    async def _metrics(self, request: Request) -> Response:
        text = await asyncio.to_thread(metrics.text, self._store, scope_of(request))
        return Response(text, media_type=TYPE)

    async def _export(self, request: Request) -> Response:
        if scope_of(request) != ALL:
            return JSONResponse({"wrong": "The log is for those who see all groups."}, 403)
        lines = (f"{line}\n" for line in audit.export(self._store, self._authority.bundle_key))
        return StreamingResponse(
            lines,
            media_type="application/jsonl",
            headers={"content-disposition": 'attachment; filename="audit.jsonl"'},
        )


def scope_of(request: Request) -> Scope:
    """What whoever asks may see."""
    known = who(request)
    return Scope(frozenset()) if known is None else scoped(known)


def scoped(known: Who) -> Scope:
    return ALL if known.scope is None else Scope(known.scope)


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> Response:
        return FileResponse(STATIC / name)

    return page
