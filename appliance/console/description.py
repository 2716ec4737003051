"""What the page's API takes and answers, as OpenAPI 3.1: `/openapi.json`. A test holds it to the routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute, Route

from appliance import __version__

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
NUMBER: Schema = {"type": "integer"}
SCOPE: Schema = {"type": ["array", "null"], "items": TEXT}
PLACE: Schema = {"type": ["array", "null"], "items": NUMBER, "minItems": 2, "maxItems": 2}
SIDE: Schema = {"type": "object", "properties": {"text": TEXT, "id": TEXT}}
ROLE: Schema = {"enum": ["visitor", "manager", "admin"]}

PROOF: Schema = {"password": TEXT, "code?": TEXT}
"""That whoever asks is who has entered: his own password, and digits where he has a second factor."""

OPTIONAL = frozenset({"scope", "code?", "after", "review", "questions"})
"""What may be left out of what is sent."""

LOOKED_AT = {
    "/health": "What the desk is called and, to its manager, what is on and off",
    "/metrics": "Counts, for Prometheus",
    "/desk": "The desk file that is served",
    "/desk/calls/{id}/sound": "A call's recording, two-channel Opus",
    "/access/me": "Who asks, and what he may",
    "/access/code": "The code that makes the first admin; shown at the machine itself only",
    "/openapi.json": "This",
}

SENT: dict[str, tuple[str, Schema]] = {
    "/wake": ("Wake the kiosk", {}),
    "/desk/check": ("What is wrong with a desk file", {"text": TEXT}),
    "/desk/facts": ("Its facts", {"text": TEXT}),
    "/desk/put": (
        "It with a fact more, or another",
        {"text": TEXT, "name": TEXT, "say": TEXT, "label": TEXT, "ask": TEXTS},
    ),
    "/desk/drop": ("It without a fact", {"text": TEXT, "name": TEXT}),
    "/desk/phrases": ("It with more phrases for a flow", {"text": TEXT, "name": TEXT, "phrases": TEXTS}),
    "/desk/try": ("Try it out beside the one that is served", {"text": TEXT, "questions": TEXTS}),
    "/desk/publish": ("Put it live", {"text": TEXT, "base": TEXT, "by": TEXT, "why": TEXT}),
    "/desk/candidate": ("Have a desk file tried in the night", {"text": TEXT}),
    "/desk/candidate/drop": ("Have none tried", {}),
    "/desk/candidate/share": ("Have some of the callers answered by it", {"percent": NUMBER}),
    "/desk/candidate/share/end": ("Have nobody answered by it any more", {}),
    "/desk/questions": ("What was asked lately and not answered", {}),
    "/desk/proposals": ("The same, put together by meaning", {}),
    "/desk/versions": ("Every desk file that was live", {}),
    "/desk/version": ("One of them", {"id": TEXT}),
    "/desk/compare": ("How two differ", {"before": SIDE, "after": SIDE}),
    "/desk/calls/list": (
        "A page of calls",
        {"review": {"type": "boolean"}, "after": PLACE},
    ),
    "/desk/calls/call": ("A call, turn by turn", {"id": TEXT}),
    "/desk/calls/agree": ("Its marks are right", {"id": TEXT}),
    "/desk/calls/correct": (
        "A turn should have been decided otherwise",
        {"id": TEXT, "turn": NUMBER, "intent": TEXT},
    ),
    "/desk/shadow": ("What another desk file, voice or model would have changed", {}),
    "/access/enter": ("Enter; the session is a cookie", {"name": TEXT, "password": TEXT, "code?": TEXT}),
    "/access/pair": ("Make the first admin", {"code": TEXT, "name": TEXT, "password": TEXT}),
    "/access/leave": ("End the session", {}),
    "/access/password": ("Another password", {**PROOF, "new": TEXT}),
    "/access/second/propose": ("Begin with a second factor", PROOF),
    "/access/second/confirm": ("Show that it works", {"code": TEXT}),
    "/access/second/drop": ("Do without it", PROOF),
    "/access/tokens/list": ("One's tokens", {}),
    "/access/tokens/make": (
        "A new one",
        {**PROOF, "label": TEXT, "role": ROLE, "days": {"type": "number"}, "scope": SCOPE},
    ),
    "/access/tokens/remove": ("Without one of them", {"id": NUMBER}),
    "/access/accounts/list": ("Everybody's accounts", {}),
    "/access/accounts/add": ("A new one", {**PROOF, "name": TEXT, "role": ROLE, "new": TEXT, "scope": SCOPE}),
    "/access/accounts/change": ("Another role", {**PROOF, "name": TEXT, "role": ROLE, "scope": SCOPE}),
    "/access/accounts/password": ("Another password", {**PROOF, "name": TEXT, "new": TEXT}),
    "/access/accounts/second": ("Let somebody in without a second factor", {**PROOF, "name": TEXT}),
    "/access/accounts/remove": ("Without an account", {"name": TEXT}),
}

PROBLEM: Schema = {
    "type": "object",
    "required": ["wrong", "mend"],
    "properties": {"wrong": TEXT, "mend": TEXT},
}

REFUSALS = {
    400: "It was not understood", 401: "Nobody has entered", 403: "The role is too low",
    409: "Somebody else was first", 422: "It cannot be done, and why",
    429: "It was too often", 503: "The box cannot do it now",
}  # fmt: skip
"""As JSON; those that follow are plain text."""

PLAIN = {404: "There is no such thing", 413: "It is too large", 421: "It came by another name"}


def describe(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Of these routes those that are for programs too; pages and their parts are not."""
    paths: dict[str, Any] = {}
    for route in routes:
        if isinstance(route, Route):
            if route.path in LOOKED_AT:
                paths[route.path] = {"get": _operation(route.path, LOOKED_AT[route.path])}
            elif route.path in SENT:
                summary, fields = SENT[route.path]
                paths[route.path] = {"post": {**_operation(route.path, summary), **_sends(fields)}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "The box's page", "version": __version__},
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-desk"},
            }
        },
        "security": [{"token": []}, {"session": []}],
    }


def _operation(path: str, summary: str) -> dict[str, Any]:
    problem = {"application/json": {"schema": PROBLEM}}
    answers: dict[str, Any] = {"200": {"description": "Done"}}
    answers |= {str(code): {"description": why, "content": problem} for code, why in REFUSALS.items()}
    answers |= {str(code): {"description": why} for code, why in PLAIN.items()}
    named = [
        {"name": name, "in": "path", "required": True, "schema": TEXT}
        for name in re.findall(r"{(\w+)}", path)
    ]
    return {"summary": summary, "responses": answers, **({"parameters": named} if named else {})}


def _sends(fields: Schema) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": [name for name in fields if name not in OPTIONAL],
        "properties": {name.rstrip("?"): field for name, field in fields.items()},
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
