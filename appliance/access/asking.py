"""What the endpoints of a page have in common: who asks, what was sent, and how one is refused."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from appliance.access.attempts import TooOften
from appliance.access.house import House
from appliance.access.who import Who
from appliance.errors import ApplianceError, StorageError

ENTRANCE = "/access/enter.html"

Endpoint = Callable[[Request], Awaitable[Response]]
Answer = Callable[[Request, dict[str, Any]], Awaitable[dict[str, Any] | Response]]


def who(connection: HTTPConnection) -> Who | None:
    """As the doorman found out."""
    found: Who | None = connection.scope.get("who")
    return found


async def who_now(connection: HTTPConnection) -> Who | None:
    """The same, found out anew, for what lasts: sessions end, and accounts are changed. ApplianceError where
    it cannot be."""
    found: Who | None = await connection.scope["who_now"]()
    return found


def house(connection: HTTPConnection) -> House:
    found: House = connection.scope["house"]
    return found


def refused(request: Request, role: str) -> Response | None:
    """Why whoever asks may not; None where he may. A person who has not entered is shown the way in."""
    found = who(request)
    if found and found.may(role):
        return None
    if found and found.by != "place":
        return problem(403, f"This needs the role {role}", f"Yours is {found.role}")
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"{ENTRANCE}?to={quote(request.url.path)}", 303)
    return problem(401, "You have not entered", "Enter with your name and password", enter=ENTRANCE)


def needs(role: str, endpoint: Endpoint) -> Endpoint:
    """An endpoint for who has this role, or one above it."""

    @functools.wraps(endpoint)
    async def guarded(request: Request) -> Response:
        return refused(request, role) or await endpoint(request)

    return guarded


def told(answer: Answer) -> Endpoint:
    """An endpoint that is sent a JSON object and answers with one; what is wrong is an answer too."""

    async def asked(request: Request) -> Response:
        try:
            answered = await answer(request, await read(request))
            return answered if isinstance(answered, Response) else JSONResponse(answered)
        except TooOften as error:
            answered = problem(429, error.wrong, error.mend)
            answered.headers["retry-after"] = str(error.wait)
            return answered
        except StorageError as error:
            return problem(503, error.wrong, error.mend)
        except ApplianceError as error:
            return problem(422, error.wrong, error.mend)
        except (LookupError, OverflowError, TypeError, ValueError):
            return problem(400, "That was not understood", "Load the page anew")

    return asked


async def read(request: Request) -> dict[str, Any]:
    """The JSON object that was sent; ValueError where it is none."""
    try:
        asked = json.loads(await request.body() or b"{}")
    except RecursionError as error:
        raise ValueError from error
    if not isinstance(asked, dict):
        raise ValueError
    return asked


def text(asked: dict[str, Any], key: str = "text") -> str:
    """A text that was sent; ValueError where it cannot be written as UTF-8."""
    found = asked[key]
    if not isinstance(found, str):
        raise TypeError
    found.encode()
    return found.replace("\r\n", "\n")


def problem(code: int, wrong: str, mend: str = "", **more: Any) -> JSONResponse:
    return JSONResponse({"wrong": wrong, "mend": mend, **more}, code)
