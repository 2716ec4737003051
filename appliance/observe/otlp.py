"""Traces on their way to a collector: OTLP over HTTP, in JSON. They wait until the collector has taken them,
and hold nothing that anybody said."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from appliance import __version__
from appliance.engines.thread import EngineThread
from appliance.errors import ApplianceError
from appliance.observe.calls import Calls, Kept
from appliance.observe.trace import SCHEMA, Span, spans

log = logging.getLogger(__name__)

AT_ONCE = 50
"""Calls in one request."""

WITHIN = 10.0
"""Seconds for the collector to take them."""

AGAIN = 60.0
"""Seconds until a collector that did not is tried again."""

REFUSED = (400, 413, 422)
"""What a collector answers that does not want these traces, now or later (OTLP 1.3, failures)."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INTERNAL = 1
FAILED = 2
"""Numbers that OTLP has for the kind of a span and for its status."""


class _RefusedError(ApplianceError):
    """There is something in the request that the collector will never take."""


class Exporter:
    """Sends the traces of calls that are over. `endpoint` is the collector's address, as
    "http://127.0.0.1:4318"."""

    def __init__(self, endpoint: str, calls: Calls, memory: EngineThread) -> None:
        self._url = f"{endpoint.rstrip('/')}/v1/traces"
        self._calls = calls
        self._memory = memory
        self._ended = asyncio.Event()
        self._ended.set()

    def call_ended(self) -> None:
        self._ended.set()

    async def serve(self) -> None:
        """Until cancelled. A collector that is away is no reason for anything else to wait."""
        away = False
        while True:
            await self._ended.wait()
            self._ended.clear()
            try:
                await self.send()
                away = False
            except ApplianceError as error:
                if not away:
                    log.warning("traces wait: %s", error)
                away = True
            except Exception:
                log.exception("traces could not be sent")
                away = True
            if away:
                await asyncio.sleep(AGAIN)
                self._ended.set()

    async def send(self) -> int:
        """Send what waits; how many calls that were. ApplianceError where the collector does not take it."""
        count = 0
        while waiting := await self._memory.run(self._calls.unsent, AT_ONCE):
            await self._pass_on(waiting)
            count += len(waiting)
        return count

    async def _pass_on(self, calls: Sequence[Kept]) -> None:
        """A trace that cannot be made, or that the collector refuses for what it is, is left out: nothing
        else may wait for it. Which of several is refused is found by halves."""
        made = await self._memory.run(self._made, calls)
        try:
            if made:
                await asyncio.to_thread(_post, self._url, json.dumps(request(made)).encode())
        except _RefusedError as error:
            if len(calls) > 1:
                half = len(calls) // 2
                await self._pass_on(calls[:half])
                await self._pass_on(calls[half:])
                return
            log.error("the trace of call %s was left out: %s", calls[0].id, error)
        await self._memory.run(self._calls.sent, [call.number for call in calls])

    def _made(self, calls: Sequence[Kept]) -> list[tuple[Kept, list[Span]]]:
        made = []
        for call in calls:
            try:
                made.append((call, spans(call, self._calls.turns(call.number))))
            except Exception:
                log.exception("the trace of call %s could not be made and was left out", call.id)
        return made


def request(traces: Sequence[tuple[Kept, Sequence[Span]]]) -> dict[str, Any]:
    """An ExportTraceServiceRequest, as OTLP writes it in JSON: ids in hex, 64-bit numbers as strings."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes({"service.name": "appliance"})},
                "scopeSpans": [
                    {
                        "scope": {"name": "appliance", "version": __version__},
                        "spans": [_span(call.trace, span) for call, found in traces for span in found],
                        "schemaUrl": SCHEMA,
                    }
                ],
                "schemaUrl": SCHEMA,
            }
        ]
    }


def _span(trace: str, span: Span) -> dict[str, Any]:
    failed = {"status": {"code": FAILED, "message": span.error}} if span.error else {}
    error = {"error.type": span.error} if span.error else {}
    return {
        "traceId": trace,
        "spanId": span.id,
        **({"parentSpanId": span.parent} if span.parent else {}),
        "name": span.name,
        "kind": INTERNAL,
        "startTimeUnixNano": _nanoseconds(span.start),
        "endTimeUnixNano": _nanoseconds(span.end),
        "attributes": _attributes({**span.attributes, **error}),
        **failed,
    }


def _attributes(known: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in known.items()]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
    return {"stringValue": str(value)}


def _nanoseconds(moment: datetime) -> str:
    return str((moment - EPOCH) // timedelta(microseconds=1) * 1000)


def _post(url: str, body: bytes) -> None:
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=WITHIN) as answer:
            answer.read()
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code in REFUSED:
            raise _RefusedError(
                f"the collector answers {error.code}", "see what its log says of it"
            ) from error
        raise ApplianceError(
            f"the collector at {url} does not take traces ({error})",
            "see that it runs and takes OTLP over HTTP in JSON, or leave [traces] out of box.toml",
        ) from error
