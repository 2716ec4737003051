"""What a browser may ask of the box as its manager: JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from appliance.console.keeper import Keeper
from appliance.errors import ApplianceError, ConfigError

COOKIE = "manager"

LARGEST = 512 << 10
"""Bytes that are read of a request: some thousand facts."""

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | Response]]


def route(path: str, keeper: Keeper, answer: Answer) -> Route:
    """For the manager only."""

    async def asked(request: Request) -> Response:
        if refusal := refused(request, keeper):
            return refusal
        try:
            answered = await answer(await read(request))
            return answered if isinstance(answered, Response) else JSONResponse(answered)
        except ConfigError as error:
            return problem(422, error.wrong, error.mend, line=error.line)
        except ApplianceError as error:
            return problem(503, error.wrong, error.mend)
        except (KeyError, OverflowError, TypeError, ValueError):
            return problem(400, "That was not understood", "Load the page anew")

    return Route(path, asked, methods=["POST"])


def refused(request: Request, keeper: Keeper) -> Response | None:
    """Why this browser may not; None where it may."""
    if keeper.may(token(request)):
        return None
    return problem(403, keeper.why_closed() or "Only who knows the passphrase may do that.")


async def read(request: Request) -> dict[str, Any]:
    """The JSON object that was sent; ValueError where it is none, or too large."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise ValueError
    try:
        asked = json.loads(body or b"{}")
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


def token(connection: HTTPConnection) -> str:
    return connection.cookies.get(COOKIE, "")


def problem(code: int, wrong: str, mend: str = "", **more: Any) -> JSONResponse:
    return JSONResponse({"wrong": wrong, "mend": mend, **more}, code)
