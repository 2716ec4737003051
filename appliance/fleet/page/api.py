"""The REST API: every operation is described once, and from that come its route, what it takes and refuses,
and the OpenAPI document."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fastjsonschema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from appliance import __version__
from appliance.access.asking import house, who
from appliance.access.attempts import TooOften
from appliance.access.who import Who
from appliance.errors import ApplianceError, StorageError
from appliance.fleet.keeping.store import Store
from appliance.fleet.membership.authority import Authority
from appliance.fleet.people.scope import ALL, Missing, Scope
from appliance.fleet.rollouts.bundles import Pieces

log = logging.getLogger(__name__)

AT = "/api/1"

PAGE, LARGEST_PAGE = 50, 500

Schema = Mapping[str, Any]

STRING: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
TRUTH: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}

PROBLEM: Schema = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}

TITLES = {
    400: "Not understood",
    401: "Not known",
    403: "Not allowed",
    404: "Not there",
    405: "No such deed",
    413: "Too much",
    422: "Not done",
    429: "Too often",
    503: "Not now",
}


class Forbidden(ApplianceError):
    """What is asked for is for others."""


@dataclass(frozen=True, slots=True)
class Room:
    """What operations work on."""

    store: Store
    authority: Authority
    accounts: Callable[[], Sequence[Any]]
    """Everybody's."""
    pieces: Pieces
    """Of bundles."""


@dataclass(frozen=True, slots=True)
class Asked:
    who: Who
    scope: Scope
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As the audit log has it."""
        return f"{self.who.name} by a token" if self.who.by == "token" else self.who.name

    @property
    def window(self) -> tuple[int, int]:
        """Rows to fetch, one more than are shown, and to leave out."""
        size = self.query["size"]
        return size + 1, self.query["page"] * size

    def paged(self, items: Sequence[Any]) -> dict[str, Any]:
        size = self.query["size"]
        return {
            "page": self.query["page"], "size": size, "more": len(items) > size, "items": list(items[:size]),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    """Its name, for programs that make clients of the document."""
    method: str
    path: str
    summary: str
    role: str
    answer: Callable[[Room, Asked], Any]
    result: Schema
    query: Mapping[str, Schema] = field(default_factory=dict)
    body: Schema | None = None
    status: int = 200
    whole: bool = False
    """Whether it is for those only who see all groups."""
    proven: bool = False
    """Whether a browser's session has to show anew that it is its owner's, by what PROOF has."""

    @property
    def names(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)


PAGED: Mapping[str, Schema] = {
    "page": {"type": "integer", "minimum": 0, "maximum": 100_000, "default": 0},
    "size": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE},
}


PROOF: Mapping[str, Schema] = {
    "password": {"type": "string", "maxLength": 256, "description": "Asked of browsers; a token needs none"},
    "code": {
        "type": "string",
        "maxLength": 8,
        "description": "The six digits, where there is a second factor",
    },
}


def text(most: int, least: int = 0, pattern: str = r"^[^\x00]*$") -> Schema:
    return {"type": "string", "minLength": least, "maxLength": most, "pattern": pattern}


def record(required: str, **properties: Schema) -> Schema:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def shown(**properties: Schema) -> Schema:
    """What is answered: fields may be added."""
    return {"type": "object", "required": [*properties], "properties": properties}


def page_of(item: Schema) -> Schema:
    return shown(
        page={"type": "integer"}, size={"type": "integer"}, more={"type": "boolean"},
        items={"type": "array", "items": item},
    )  # fmt: skip


def routes(room: Room, operations: Sequence[Operation]) -> list[Route]:
    """All that begins with AT, for an app inside a doorman."""
    paths: dict[str, dict[str, Endpoint]] = defaultdict(dict)
    for operation in operations:
        paths[operation.path][operation.method] = Endpoint(room, operation)
    document = JSONResponse(described(operations)).body

    async def openapi(request: Request) -> Response:
        if not who(request):
            return problem(401, "enter with a session or a token")
        return Response(document, media_type="application/json")

    found = [Route(f"{AT}/openapi.json", openapi)]
    for path, methods in paths.items():
        found.append(Route(AT + path, _by_method(methods), methods=[*METHODS]))
    return [*found, Route(f"{AT}/{{rest:path}}", _nothing_there, methods=[*METHODS])]


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


class Endpoint:
    def __init__(self, room: Room, operation: Operation) -> None:
        self._room = room
        self._operation = operation
        self._check = fastjsonschema.compile(dict(operation.body)) if operation.body else None

    async def __call__(self, request: Request) -> Response:
        known, operation = who(request), self._operation
        if known is None:
            return problem(401, "enter with a session or a token", {"www-authenticate": "Bearer"})
        if not known.may(operation.role):
            return problem(403, f"this is for {operation.role}s")
        if operation.whole and known.scope is not None:
            return problem(403, "this is for those who see all groups")
        try:
            scope = ALL if known.scope is None else Scope(known.scope)
            body = await self._body(request)
            proof = {name: body.pop(name, "") for name in PROOF if operation.proven}
            asked = Asked(known, scope, self._path(request), self._query(request), body)
            if operation.proven and known.by == "session":
                await house(request).prove(request.client.host if request.client else "", known.name, **proof)
            found = await asyncio.to_thread(operation.answer, self._room, asked)
        except ValueError as error:
            return problem(400, str(error))
        except Missing as error:
            return problem(404, str(error))
        except Forbidden as error:
            return problem(403, str(error))
        except TooOften as error:
            return problem(429, str(error), {"retry-after": str(error.wait)})
        except StorageError as error:
            log.error("%s", error)
            return problem(503, str(error))
        except ApplianceError as error:
            return problem(422, str(error))
        if operation.status == 204:
            return Response(status_code=204)
        return JSONResponse(found, operation.status)

    def _path(self, request: Request) -> dict[str, str]:
        found = {name: str(request.path_params[name]) for name in self._operation.names}
        _must_be_text(found)
        return found

    def _query(self, request: Request) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, schema in self._operation.query.items():
            given = request.query_params.getlist(name)
            if len(given) > 1:
                raise ValueError(f"{name} is given more than once")
            found[name] = _read(name, given[0], schema) if given else schema.get("default")
        _must_be_text(found)
        return found

    async def _body(self, request: Request) -> dict[str, Any]:
        if self._check is None:
            return {}
        try:
            sent = await request.body()
            if not sent and request.method == "DELETE":
                sent = b"{}"
            body: dict[str, Any] = self._check(json.loads(sent))
        except fastjsonschema.JsonSchemaValueException as error:
            raise ValueError(error.message.replace("data", "the body", 1)) from error
        except (ValueError, RecursionError) as error:
            raise ValueError("the body is no JSON") from error
        _must_be_text(body)
        return body


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """What is wrong, as RFC 9457 has it."""
    body = {"type": "about:blank", "title": TITLES[status], "status": status, "detail": detail}
    return JSONResponse(body, status, headers, "application/problem+json")


def described(operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in operations:
        paths[operation.path][operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The fleet",
            "version": __version__,
            "description": "What the fleet's page shows and does, for programs. Times are milliseconds since "
            "1970, UTC. Fields are only ever added.",
        },
        "servers": [{"url": AT}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": PROBLEM},
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    wrong = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = [401, 403, 503]
    refusals += [404] if operation.names else []
    refusals += [400] if operation.names or operation.query or operation.body else []
    refusals += [413] if operation.body else []
    refusals += [422] if operation.method != "GET" else []
    refusals += [429] if operation.proven else []
    done: dict[str, Any] = {"description": "Done"}
    if operation.status != 204:
        done["content"] = {"application/json": {"schema": operation.result}}
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": f"For {operation.role}s{' of all groups' if operation.whole else ''}.",
        "responses": {
            str(operation.status): done,
            **{str(code): {"description": TITLES[code], "content": wrong} for code in sorted(refusals)},
        },
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": text(200, 1, r"^[^\x00/]+$")}
        for name in operation.names
    ]
    parameters += [
        {"name": name, "in": "query", "schema": schema} for name, schema in operation.query.items()
    ]
    if parameters:
        found["parameters"] = parameters
    if operation.body:
        found["requestBody"] = {
            "required": operation.method != "DELETE",
            "content": {"application/json": {"schema": operation.body}},
        }
    return found


def _by_method(methods: Mapping[str, Endpoint]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        found = methods.get("GET" if request.method == "HEAD" else request.method)
        if found is None:
            allowed = ", ".join(methods)
            return problem(405, f"one of: {allowed}", {"allow": allowed})
        return await found(request)

    return endpoint


async def _nothing_there(request: Request) -> Response:
    return problem(404, "the API has no such address")


def _read(name: str, given: str, schema: Schema) -> Any:
    """A value of a query, by its schema."""
    if schema["type"] == "integer":
        if not re.fullmatch(r"\d{1,9}", given, re.ASCII):
            raise ValueError(f"{name} is a whole number")
        value = int(given)
        if not schema.get("minimum", 0) <= value <= schema.get("maximum", value):
            raise ValueError(f"{name} is {schema['minimum']} to {schema['maximum']}")
        return value
    if schema["type"] == "boolean":
        if given not in ("true", "false"):
            raise ValueError(f"{name} is true or false")
        return given == "true"
    if "enum" in schema:
        if given not in schema["enum"]:
            raise ValueError(f"{name} is one of: {', '.join(schema['enum'])}")
        return given
    if len(given) > schema["maxLength"]:
        raise ValueError(f"{name} has {schema['maxLength']} characters at most")
    return given


def _must_be_text(value: Any) -> None:
    for each in _texts(value):
        if "\0" in each:
            raise ValueError("there is a character that no text has")
        each.encode()  # UnicodeEncodeError is a ValueError: half a character.


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
