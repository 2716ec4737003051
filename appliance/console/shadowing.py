"""What would have changed yesterday, for the page."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.routing import Route

from appliance.books import Books
from appliance.config.keeping import CHECKS
from appliance.console.asking import route
from appliance.console.keeper import Keeper


def shadow_routes(books: Books, keeper: Keeper) -> list[Route]:
    """Only the manager sees it: it holds what callers said."""

    async def last(asked: dict[str, Any]) -> dict[str, Any]:
        found = await asyncio.to_thread(books.calls.shadow)
        return {"report": found, "checks": CHECKS}

    return [route("/desk/shadow", keeper, last)]
