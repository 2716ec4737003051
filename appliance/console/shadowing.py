"""What would have changed yesterday, for the page; and what is to be tried next."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.routing import Route

from appliance.access.asking import text
from appliance.config.keeping import CHECKS
from appliance.console.asking import route
from appliance.serving.books import Books
from appliance.workshop.sharing import Share
from appliance.workshop.workshop import Workshop


def shadow_routes(books: Books, workshop: Workshop) -> list[Route]:
    """Only the manager sees it: it holds what callers said."""

    async def last(asked: dict[str, Any]) -> dict[str, Any]:
        found = await asyncio.to_thread(books.calls.shadow)
        candidate = await asyncio.to_thread(workshop.candidate)
        recorded = workshop.desk.recording != "never" and books.records
        shared = _shared(await workshop.sharing.last())
        return {
            "report": found, "checks": CHECKS, "candidate": candidate, "recorded": recorded, "shared": shared,
        }  # fmt: skip

    async def put(asked: dict[str, Any]) -> dict[str, Any]:
        return {"candidate": await asyncio.to_thread(workshop.put_candidate, text(asked))}

    async def drop(asked: dict[str, Any]) -> dict[str, Any]:
        await asyncio.to_thread(workshop.drop_candidate)
        return {}

    async def share(asked: dict[str, Any]) -> dict[str, Any]:
        await workshop.share_candidate(int(asked["percent"]))
        return {"shared": _shared(await workshop.sharing.last())}

    async def end(asked: dict[str, Any]) -> dict[str, Any]:
        await workshop.sharing.end("it was ended by hand")
        return {"shared": _shared(await workshop.sharing.last())}

    return [
        route("/desk/shadow", last),
        route("/desk/candidate", put),
        route("/desk/candidate/drop", drop),
        route("/desk/candidate/share", share),
        route("/desk/candidate/share/end", end),
    ]


def _shared(share: Share | None) -> dict[str, Any] | None:
    """What answers some of the callers, or did, and how it serves them beside the others."""
    if not share:
        return None
    evidence = share.evidence
    return {
        "version": share.version,
        "percent": share.percent,
        "at": share.at,
        "why": share.why,
        "calls": [evidence.candidate.n, evidence.rest.n],
        "gates": evidence.told(),
    }
