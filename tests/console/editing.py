"""A desk that runs, with the page's editor open, and a browser without a browser to work it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from appliance.access.house import House
from appliance.app import App
from appliance.config import digest
from appliance.console.calls import CallsPage
from appliance.console.editor import Editor
from appliance.console.server import ROLES, Console
from appliance.workshop.workshop import Workshop
from tests.channels import browser
from tests.workshop import test_workshop
from tests.workshop.test_workshop import NEWER, TEXT

PASSWORD = "a brass bell by the door"

__all__ = ["NEWER", "PASSWORD", "TEXT", "Page", "digest", "editing"]


class Page:
    """What a browser at the page may do."""

    def __init__(self, app: App, workshop: Workshop, console: Console, house: House) -> None:
        self.app = app
        self.house = house
        self.workshop = workshop
        self.console = console
        self.cookie = ""

    async def ask(self, what: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON; what is answered as a cookie is kept. Without a body it is only looked at."""
        return await asyncio.to_thread(self._ask, what, body, headers)

    async def enter(self, name: str, password: str = PASSWORD) -> int:
        """The status; from then on the page knows who asks."""
        return (await self.ask("/access/enter", {"name": name, "password": password}))[0]

    async def publish(self, text: str, base: str = "") -> tuple[int, dict[str, Any]]:
        base = base or digest(self.workshop.text)
        return await self.ask("publish", {"text": text, "base": base, "by": "Ann", "why": "a test"})

    def _ask(self, what: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        path = what if what.startswith("/") else f"/desk{what and '/'}{what}"
        url = f"{self.console.url}{path}"
        sent = {"Origin": self.console.url, "Cookie": self.cookie, **headers}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, sent), timeout=20) as answer:
                self.cookie = (answer.headers["set-cookie"] or self.cookie).partition(";")[0]
                self.headers = answer.headers
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            return error.code, json.loads(text) if text.startswith("{") else {"wrong": text}


@contextlib.asynccontextmanager
async def editing(folder: Path, text: str | None = TEXT, claimed: bool = False) -> AsyncIterator[Page]:
    """`claimed`: there are accounts, `root` the admin, `ann` a manager and `vic` a visitor."""
    async with test_workshop.opened(folder, text) as (app, workshop):
        house = House(folder / "access.db", ROLES)
        if claimed:
            for name, role in (("root", "admin"), ("ann", "manager"), ("vic", "visitor")):
                house.accounts.add(name, role, PASSWORD)
        editor, calls = Editor(workshop), CallsPage(app.books, workshop)
        served: Any = app
        async with browser.opened(
            served,
            title=lambda: app.desk.name,
            editor=editor,
            calls=calls,
            metrics=app.books.metrics,
            house=house,
        ) as console:
            yield Page(app, workshop, console, house)
        house.close()
