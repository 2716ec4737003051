"""The page's list of calls, and each as a person looks at it: heard, seen and judged."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from appliance.access.asking import needs, problem, text
from appliance.config.keeping import CHECKS
from appliance.console.asking import route
from appliance.console.shadowing import shadow_routes
from appliance.errors import AudioError
from appliance.messages import samples
from appliance.observe.calls import Kept
from appliance.observe.corrections import correct
from appliance.observe.locked import locked, opened
from appliance.observe.trace import Span, spans
from appliance.observe.waveform import waveform
from appliance.serving.books import Books
from appliance.workshop.workshop import Workshop

log = logging.getLogger(__name__)

NOT_STORED = {"cache-control": "no-store"}

MOVES = ("message", "person", "goodbye", "repeat", "which", "unknown", "language")
"""What the desk may decide besides its facts and flows."""

SHOWN = frozenset(
    "appliance.intent appliance.why appliance.score appliance.confidence appliance.false_ends"
    " appliance.foreseen gen_ai.tool.name".split()
)
"""What of a span is told to a person."""


class CallsPage:
    """Only the manager sees calls."""

    def __init__(self, books: Books, workshop: Workshop) -> None:
        self._books = books
        self._workshop = workshop

    def routes(self) -> list[Route]:
        return [
            route("/desk/calls/list", self._list),
            route("/desk/calls/call", self._call),
            route("/desk/calls/agree", self._agree),
            route("/desk/calls/correct", self._correct),
            Route("/desk/calls/{id}/sound", needs("manager", self._sound)),
            *shadow_routes(self._books, self._workshop),
        ]

    async def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A page of calls: all of them, or those to review."""
        which: Any = "to review" if asked.get("review") else "all"
        after = asked.get("after")
        after = (int(after[0]), int(after[1])) if after else None
        calls = self._books.calls
        page = await asyncio.to_thread(calls.page, which, after)
        waiting = await asyncio.to_thread(calls.to_review)
        more = [page[-1].failed, page[-1].number] if page else None
        return {"calls": [_row(call) for call in page], "after": more, "waiting": waiting}

    async def _call(self, asked: dict[str, Any]) -> dict[str, Any]:
        call = await self._found(asked)
        turns = await asyncio.to_thread(self._books.calls.turns, call.number)
        desk = self._workshop.desk
        wave, sounded = await self._wave(call)
        return {
            **_row(call),
            "turns": [_turn(turn) for turn in turns],
            "spans": [_span(call, span) for span in spans(call, turns)],
            "wave": wave,
            "sounded": sounded,
            "intents": [*desk.fact, *desk.flow, *MOVES],
        }

    async def _agree(self, asked: dict[str, Any]) -> dict[str, Any]:
        call = await self._found(asked)
        await asyncio.to_thread(self._books.calls.review, call.id, "agreed")
        return {}

    async def _correct(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A turn should have been decided otherwise: that becomes a scenario."""
        call, number, intent = await self._found(asked), int(asked["turn"]), text(asked, "intent")
        desk = self._workshop.desk
        if intent not in (*desk.fact, *desk.flow, *MOVES):
            raise ValueError(intent)
        turns = await asyncio.to_thread(self._books.calls.turns, call.number)
        path, own = self._books.scenarios, self._workshop.path.absolute()
        by = own if own.exists() else None
        name = await asyncio.to_thread(correct, path, by, call, turns, number, intent)
        await asyncio.to_thread(self._books.calls.review, call.id, "corrected")
        return {"scenario": name, "file": str(path)}

    async def _sound(self, request: Request) -> Response:
        """The recording, or the part of it that the browser asks for."""
        call = await asyncio.to_thread(self._books.calls.call, request.path_params["id"])
        recording = self._recording(call) if call else None
        if recording is None:
            return problem(404, "There is no recording of this call", "It was not recorded, or is deleted")
        if not await asyncio.to_thread(locked, recording):
            return FileResponse(recording, headers=NOT_STORED)
        with await asyncio.to_thread(opened, recording) as content:
            return _part(content.read(), request.headers.get("range", ""))

    async def _found(self, asked: Mapping[str, Any]) -> Kept:
        call = await asyncio.to_thread(self._books.calls.call, text(dict(asked), "id"))
        if call is None:
            raise KeyError(asked["id"])
        return call

    async def _wave(self, call: Kept) -> tuple[list[list[int]] | None, int]:
        """The picture of its sound, and how long that is; None where there is none that can be heard."""
        if not (recording := self._recording(call)):
            return None, 0
        try:
            return await asyncio.to_thread(waveform, recording)
        except AudioError as error:
            log.warning("a recording has no picture: %s", error)
            return None, 0

    def _recording(self, call: Kept) -> Path | None:
        """The file, where it is there and one of the box's own."""
        if not re.fullmatch(r"[\w-]+\.ogg", call.recording):
            return None
        path = self._books.recordings / call.recording
        return path if path.is_file() else None


def _part(sound: bytes, range: str) -> Response:
    """A sound, or the part of it that a browser asks for: "bytes=100-199", either end may be left out."""
    headers = {**NOT_STORED, "accept-ranges": "bytes"}
    asked = re.fullmatch(r"bytes=(\d{1,15})-(\d{0,15})|bytes=-(\d{1,15})", range.strip())
    if not asked:
        return Response(sound, media_type="audio/ogg", headers=headers)
    first, to, last = asked.groups()
    start = int(first) if first else max(0, len(sound) - int(last))
    end = min(int(to) + 1 if to else len(sound), len(sound))
    if start >= end:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{len(sound)}"})
    headers["content-range"] = f"bytes {start}-{end - 1}/{len(sound)}"
    return Response(sound[start:end], 206, headers, "audio/ogg")


def _row(call: Kept) -> dict[str, Any]:
    return {
        "id": call.id,
        "channel": call.channel,
        "began": call.began.isoformat(),
        "length": call.length,
        "over": call.ended is not None,
        "count": call.turns,
        "flows": call.flows,
        "deeds": [deed["action"] for deed in call.deeds if not deed["why"]],
        "recorded": bool(call.recording),
        "marks": [{**asdict(mark), "says": CHECKS[mark.check]} for mark in call.marks],
        "failed": call.failed,
        "review": call.review,
    }


def _turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    heard, spoken = turn["heard"], turn["spoken"]
    return {
        "number": turn["number"],
        "cause": turn["cause"],
        "at": turn["at"],
        "heard": heard and heard["words"],
        "spoken": spoken["words"],
        "whole": turn["whole"],
        "unsaid": spoken["unsaid"],
        "decision": turn["decision"] and [turn["decision"][key] for key in ("intent", "why", "source")],
    }


def _span(call: Kept, span: Span) -> dict[str, Any]:
    known = {key.rpartition(".")[2]: span.attributes[key] for key in SHOWN & span.attributes.keys()}
    return {
        "id": span.id,
        "parent": span.parent,
        "name": span.name,
        "start": _clock(call, span.start),
        "end": _clock(call, span.end),
        "known": known,
        "error": span.error,
    }


def _clock(call: Kept, moment: datetime) -> int:
    return samples((moment - call.began).total_seconds())
