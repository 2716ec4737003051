"""A desk file that answers some of the callers, on a box whose manager tries it: watched beside the file that
answers the others, and ended by itself where callers are served worse."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from appliance.app import App
from appliance.config import digest
from appliance.errors import ApplianceError, ConfigError
from appliance.serving.candidate import Candidate
from appliance.serving.served import Served
from appliance.telemetry.evidence import Evidence

log = logging.getLogger(__name__)

MOST = 50
"""Percent of the callers."""

FLEET = "the fleet tries a version of its own"
"""Why one that answered some of the callers has ended."""


@dataclass(frozen=True, slots=True)
class Share:
    """The last that was tried so."""

    version: str
    """Digest of the desk file."""
    percent: int
    at: str
    """Since when; UTC, ISO 8601."""
    why: str
    """Why it has ended; empty while it answers."""
    evidence: Evidence


class Sharing:
    """`ready` makes a text ready to be served; ConfigError where it cannot be."""

    def __init__(self, app: App, ready: Callable[[str], Awaitable[Served]]) -> None:
        self._app = app
        self._ready = ready
        self._candidate: Candidate | None = None
        self._judging: set[asyncio.Task[None]] = set()

    async def begin(self, text: str, percent: int) -> None:
        """Let it answer so many of the callers. Who it answers stays with it when there are to be more.
        ApplianceError where the fleet tries something, or the text cannot be served."""
        if not 1 <= percent <= MOST:
            raise ConfigError(f"{percent} % of the callers are not some of them", f"1 to {MOST} % are")
        if self._app.candidate not in (None, self._candidate):
            raise ApplianceError(
                "the fleet tries a version by some of the callers", "wait until that has ended"
            )
        secret, evidence = secrets.token_bytes(16), Evidence()
        if (running := self._candidate) and running.served.desk.digest == digest(text):
            secret, evidence = running.secret, running.evidence
        await self._serve(text, percent, secret, evidence)
        store = self._app.place.store

        def keep() -> None:
            with store.write() as db:
                db.execute("delete from shared")
                db.execute(
                    "insert into shared values (?, ?, ?, ?, ?, ?, '')",
                    text, self._app.desk.digest, percent, store.stamp(), secret,
                    json.dumps(evidence.plain()),
                )  # fmt: skip

        await self._run(keep)

    async def resume(self) -> None:
        """What was under way when the program ended goes on, unless the file beside it is another one, or
        the fleet has tried something since."""
        query = """select desk, beside, percent, secret, evidence,
            exists (select 1 from candidate where candidate.at > shared.at) from shared where why = ''"""
        rows = await self._run(self._app.place.store.read, query)
        for text, beside, percent, secret, evidence, taken in rows:
            if taken or beside != self._app.desk.digest:
                await self.end(FLEET if taken else "the desk file was changed")
                return
            try:
                await self._serve(text, percent, secret, Evidence.of(json.loads(evidence)))
            except ApplianceError as error:
                await self.end(f"it cannot be served: {error}")

    async def end(self, why: str) -> None:
        """It answers nobody any more; those it talks to are served to their end."""
        if self._candidate and self._app.candidate is self._candidate:
            self._app.candidate = None
            log.info("version %s answers nobody any more: %s", self._candidate.served.desk.digest, why)
        self._candidate = None
        await self._run(self._end, why)

    async def last(self) -> Share | None:
        """What is tried so, or was."""
        if self._candidate and self._app.candidate is not self._candidate:
            await self.end(FLEET)
        query = "select desk, percent, at, why, evidence from shared"
        for text, percent, at, why, evidence in await self._run(self._app.place.store.read, query):
            return Share(digest(text), percent, at, why, Evidence.of(json.loads(evidence)))
        return None

    async def close(self) -> None:
        if self._judging:
            await asyncio.wait(self._judging)

    async def _serve(self, text: str, percent: int, secret: bytes, evidence: Evidence) -> None:
        served = await self._ready(text)
        self._app.candidate = self._candidate = Candidate(0, percent, secret, served, evidence=evidence)
        self._candidate.judged = self._judged
        log.info("version %s answers %d %% of the callers", served.desk.digest, percent)

    def _judged(self) -> None:
        """A call has told for or against it."""
        if self._candidate:
            judging = asyncio.create_task(self._keep(self._candidate))
            self._judging.add(judging)
            judging.add_done_callback(self._judging.discard)

    async def _keep(self, candidate: Candidate) -> None:
        try:
            evidence = json.dumps(candidate.evidence.plain())
            await self._run(self._write, "update shared set evidence = ? where why = ''", evidence)
            if candidate.failed and candidate is self._candidate:
                await self.end(f"callers are served worse: {', '.join(candidate.failed)}")
        except ApplianceError as error:
            log.error("what the desk file is worth is not kept: %s", error)

    def _end(self, why: str) -> None:
        self._write("update shared set why = ? where why = ''", why)

    def _write(self, statement: str, *values: Any) -> None:
        with self._app.place.store.write() as db:
            db.execute(statement, *values)

    async def _run(self, do: Callable[..., Any], *arguments: Any) -> Any:
        """In the thread that writes what the box remembers."""
        return await self._app.place.memory.run(do, *arguments)
