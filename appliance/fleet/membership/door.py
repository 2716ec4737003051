"""The door by which boxes enrol."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.membership import members
from appliance.fleet.membership.authority import Authority

log = logging.getLogger(__name__)

LARGEST = 16_000
"""Bytes of what a box sends that enrols."""

PATIENCE = 30.0
"""Seconds in which all of that has come."""


class Door:
    """Where boxes enrol, by HTTPS: all that others than this machine can reach of the server, but for the
    broker."""

    def __init__(self, store: Store, authority: Authority, port: int) -> None:
        """`port` is the broker's."""
        self._store = store
        self._authority = authority
        self._port = port

    def app(self) -> ASGIApp:
        routes = [Route("/ca", self._ca), Route("/enrol", _told(self._enrol), methods=["POST"])]
        return Starlette(routes=routes)

    async def _ca(self, request: Request) -> Response:
        return Response(self._authority.ca.read_bytes(), media_type="application/x-pem-file")

    async def _enrol(self, asked: dict[str, Any]) -> dict[str, Any]:
        request = str(asked.get("request", "")).encode()
        try:
            secret = base64.b32decode(str(asked.get("code", "")))
            signature = base64.b64decode(str(asked.get("signature", "")))
        except (binascii.Error, ValueError) as error:
            raise ApplianceError("the claim code is not good") from error
        if "bulk" in asked:
            name, bulk = str(asked.get("name", "")), str(asked["bulk"]).encode()
            issued = await asyncio.to_thread(
                members.enrol_in_bulk, self._store, self._authority, bulk, signature, request, name
            )
        else:
            name, issued = await asyncio.to_thread(
                members.enrol, self._store, self._authority, secret, request
            )
        log.info("%s is of the fleet now", name)
        return {
            "device": name,
            "certificate": issued.certificate.decode(),
            "signer": self._authority.signer.read_text(),
            "port": self._port,
        }


Deed = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def _told(deed: Deed) -> Callable[[Request], Awaitable[Response]]:
    """A deed that takes JSON and answers with it; what is wrong is an answer too."""

    async def answer(request: Request) -> Response:
        body = b""
        try:
            async with asyncio.timeout(PATIENCE):
                async for piece in request.stream():
                    body += piece
                    if len(body) > LARGEST:
                        return JSONResponse({"wrong": "That is too much."}, 413)
        except TimeoutError:
            return JSONResponse({"wrong": "That took too long."}, 408)
        try:
            asked = json.loads(body)
            if not isinstance(asked, dict):
                raise ValueError
            return JSONResponse(await deed(asked))
        except (ValueError, RecursionError):
            return JSONResponse({"wrong": "That is no JSON object."}, 400)
        except ApplianceError as error:
            return JSONResponse({"wrong": str(error)}, 422)

    return answer
