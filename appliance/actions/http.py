"""Asking a system on the local network over HTTP, by a template of the desk file:

    [actions."http.request"]
    allow = ["crm.local:8080"]
    [actions."http.request".template.ticket]
    method = "POST"
    url = "http://crm.local:8080/tickets/{room}"
    body = {text = "{about}"}
    result = {number = "data.number"}       # what is taken from the JSON answer
    why = {409 = "full"}                    # what a status means
    token = "/etc/appliance/crm.token"      # a file
    timeout = 2.0                           # seconds, each try
    tries = 3
    repeat = false                          # whether it may be sent twice
    undo = "ticket_gone"                    # the template that takes it back

Every try of a deed carries the same `Idempotency-Key`. Redirects are not followed."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from appliance.actions.registry import Context, Refusal, Unreachable, action
from appliance.actions.templates import LARGEST, chosen, fill, fill_all, picked, repeats

SAFE = frozenset(["GET", "HEAD", "PUT", "DELETE"])
"""Methods that mean the same when they are sent twice."""

BACK_OFF = 0.2
"""Seconds before the second try; twice as long before each further one, give or take a third."""

AGAIN = frozenset([429, 502, 503, 504])
"""Answers that say: later."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    method: str
    scheme: str
    host: str
    port: int | None
    path: str
    headers: Mapping[str, str]
    body: bytes | None


@action(timeout=10.0, limit=(30, 3600), outside=True, repeat=repeats, target="template")
def request(context: Context, template: str, **slots: str) -> Mapping[str, Any]:
    """Send an HTTP request to an allowed host, and take from its answer what the template asks for.

    template: its name in the desk file
    """
    made = chosen(context.settings, template)
    message = _message(made, context, slots)
    until = time.monotonic() + context.timeout
    status, answer = _tried(message, made, until)
    if 200 <= status < 300:
        return {"status": status, **picked(answer, made.get("result", {}))}
    raise Refusal(str(made.get("why", {}).get(str(status), "declined")), status=status)


@request.undo
def take_back(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    """By the template that `undo` names, from the same slots and from what was answered."""
    made = chosen(context.settings, arguments["template"])
    if "undo" not in made:
        raise Refusal("refused", wrong="the template has no undo")
    known = {name: str(value) for name, value in {**arguments, **result}.items() if name != "template"}
    return request.function(context, made["undo"], **known)


def _message(made: Mapping[str, Any], context: Context, slots: Mapping[str, str]) -> Message:
    parts = urlsplit(str(made.get("url", "")))
    host = parts.netloc.lower()
    if parts.scheme not in ("http", "https") or host not in [
        str(h).lower() for h in context.settings.get("allow", [])
    ]:
        raise Refusal("refused", wrong=f"{host!r} is not among the allowed hosts")
    path = fill(parts.path or "/", slots, lambda value: quote(value, safe=""))
    if any(unquote(step) in (".", "..") for step in path.split("/")):
        raise Refusal("invalid", wrong="a slot would lead to another place")
    if parts.query:
        path += "?" + fill(parts.query, slots, lambda value: quote(value, safe=""))
    headers = {"Idempotency-Key": context.key, "Accept": "application/json", "User-Agent": "appliance"}
    body = None
    if "body" in made:
        body = json.dumps(fill_all(made["body"], slots)).encode()
        headers["Content-Type"] = "application/json"
    if "token" in made:
        headers["Authorization"] = f"Bearer {Path(made['token']).read_text().strip()}"
    return Message(
        str(made.get("method", "GET")).upper(),
        parts.scheme,
        parts.hostname or "",
        parts.port,
        path,
        headers,
        body,
    )


def _tried(message: Message, made: Mapping[str, Any], until: float) -> tuple[int, bytes]:
    """Status and body of the answer, after as many tries as are safe and in time."""
    again = message.method in SAFE or bool(made.get("repeat", False))
    tries, patience = int(made.get("tries", 3)), float(made.get("timeout", 2.0))
    doubt = False
    for number in range(tries):
        sent = False
        left = until - time.monotonic()
        if left <= 0:
            break
        connection = _connection(message, min(patience, left))
        try:
            connection.connect()
            sent = True
            status, answer = _exchange(connection, message, until)
            if status not in AGAIN:
                return status, answer
            doubt = doubt or not again  # It may have been done before it was refused.
        except (OSError, http.client.HTTPException):
            doubt = doubt or sent
        finally:
            connection.close()
        if sent and not again:
            break
        if number + 1 < tries:
            time.sleep(
                max(0.0, min(BACK_OFF * 2**number * random.uniform(0.67, 1.33), until - time.monotonic()))
            )
    raise Unreachable(f"{message.host} does not answer as it should", doubt)


def _connection(message: Message, timeout: float) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if message.scheme == "https" else http.client.HTTPConnection
    return kind(message.host, message.port, timeout=timeout)


def _exchange(connection: http.client.HTTPConnection, message: Message, until: float) -> tuple[int, bytes]:
    connection.request(message.method, message.path, message.body, dict(message.headers))
    response = connection.getresponse()
    answer = b""
    while chunk := response.read1(4096):
        answer += chunk
        if len(answer) > LARGEST:
            raise http.client.HTTPException("the answer is too long")
        if time.monotonic() > until:
            raise TimeoutError
    return response.status, answer
