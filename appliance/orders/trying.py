"""A candidate is tried on this box: made of a bundle, taken up again after a restart, and ended by itself
where callers are served worse."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from appliance.app import App
from appliance.config import read_desk
from appliance.config.box import Box
from appliance.config.given import Given, Shelf
from appliance.engines.rack import Rack
from appliance.errors import ApplianceError
from appliance.serving.candidate import Candidate
from appliance.serving.served import Served
from appliance.speech import Delivery, SoundStore, Speech
from appliance.telemetry import bundle
from appliance.telemetry.bundle import Manifest
from appliance.telemetry.evidence import Evidence
from appliance.telemetry.orders import Standing
from appliance.telemetry.pantry import Pantry
from appliance.workshop.workshop import Workshop

log = logging.getLogger(__name__)

OWN = ("asr", "tts")
"""Engines that a candidate may have of its own, beside those of the box."""


class Trying:
    """`box_with` is box.toml with settings over it; `tell` tells the fleet what came of it."""

    def __init__(
        self,
        app: App,
        pantry: Pantry,
        shelf: Shelf,
        workshop: Workshop | None,
        box_with: Callable[[str], Box],
        tell: Callable[[Standing], Awaitable[None]],
    ) -> None:
        self._app = app
        self._pantry = pantry
        self._shelf = shelf
        self._workshop = workshop
        self._box_with = box_with
        self._tell = tell
        self._rack: Rack | None = None
        """Engines of its own that the candidate has."""
        self._leaving: dict[asyncio.Task[None], Rack] = {}
        """Those of candidates before, to whom somebody may still be talking."""
        self._judging: asyncio.Task[None] | None = None

    @property
    def pieces(self) -> list[str]:
        """The sha256 of what it is made of."""
        rows = self._app.place.store.read("select manifest from candidate where state = 'running'")
        return [each["sha256"] for (text,) in rows for each in json.loads(text)["pieces"]]

    def of(self, serial: int) -> Standing | None:
        """What became of the candidate that was wished by a serial; None where there was none such."""
        rows = self._app.place.store.read(
            "select manifest, state, why from candidate where serial = ?", serial
        )
        for text, state, why in rows:
            if state == "running":
                return Standing("trying", share=json.loads(text)["share"])
            return Standing("ended", False, why)
        return None

    async def begin(self, manifest: Manifest) -> None:
        """Let it answer some of the calls, from now on. ApplianceError where it cannot."""
        if manifest.of("system"):
            raise ApplianceError("a system cannot be tried by some of the calls", "send it to boxes, whole")
        running = self._app.candidate
        store = self._app.place.store
        secret = secrets.token_bytes(16)
        evidence = Evidence()
        if running and running.version == manifest.version:
            # More callers; those that it answers stay with it.
            secret, evidence = running.secret, running.evidence
        await self._serve(manifest, secret, evidence)

        def keep() -> None:
            with store.write() as db:
                db.execute("delete from candidate")
                db.execute(
                    "insert into candidate values (?, ?, ?, ?, ?, 'running', ?, '')",
                    manifest.version, manifest.serial, store.stamp(), json.dumps(asdict(manifest)), secret,
                    json.dumps(evidence.plain()),
                )  # fmt: skip

        await self._run(keep)

    async def resume(self) -> None:
        """One that was under way when the program ended goes on."""
        rows = self._app.place.store.read(
            "select manifest, secret, evidence from candidate where state = 'running'"
        )
        for text, secret, evidence in rows:
            manifest = bundle.read(json.loads(text))
            try:
                await self._serve(manifest, secret, Evidence.of(json.loads(evidence)))
            except (ApplianceError, OSError) as error:
                why = f"it cannot be served: {error}"
                await self.end(why, manifest.version)
                await self._tell(Standing("ended", False, why))

    async def _serve(self, manifest: Manifest, secret: bytes, evidence: Evidence) -> None:
        app = self._app
        served = await self._served_by(self._pantry.text(manifest, "desk"))
        speech = hearing = rack = None
        if settings := self._pantry.text(manifest, "settings"):
            rack = await self._engines_of(manifest, settings)
            if "tts" in rack:
                sounds = SoundStore(app.box.data / "speech" / manifest.hash)
                speech = Speech(*rack["tts"], Delivery(served.desk), sounds)
            if "asr" in rack and app.hearing:
                asr, thread = rack["asr"]
                hearing = replace(app.hearing, asr=asr, asr_thread=thread)
        app.candidate = Candidate(manifest.version, manifest.share, secret, served, speech, hearing, evidence)
        app.candidate.judged = self._judged
        self._dismiss()
        self._rack = rack
        log.info("version %d answers %d %% of the callers", manifest.version, manifest.share)

    async def _served_by(self, text: str) -> Served:
        if not text:
            return self._app.served
        assert self._workshop
        path = self._workshop.path
        desk, _ = await asyncio.to_thread(lambda: read_desk(path, text=text))
        return await self._app.load(desk)

    async def _engines_of(self, manifest: Manifest, settings: str) -> Rack:
        """Those that are others than the box's own. ApplianceError where one cannot be had."""
        box = self._box_with(settings)
        own = self._app.box
        kinds = [kind for kind in OWN if getattr(box.engines, kind) != getattr(own.engines, kind)]
        laid = Given(manifest.version, manifest.serial, models=True)
        files: dict[str, Path | str] = {
            f"models/{piece.name}": self._pantry.path(piece) for piece in manifest.of("model")
        }
        await asyncio.to_thread(self._shelf.lay, laid, files, own.models)
        rack = Rack(replace(own, engines=box.engines, models=self._shelf.of(laid) / "models"))
        await rack.load(kinds)
        if rack.off:
            await rack.close()
            raise ApplianceError("; ".join(f"{kind}: {why}" for kind, why in rack.off.items()))
        return rack

    def _judged(self) -> None:
        """A call has told for or against the candidate."""
        self._judging = asyncio.create_task(self._keep_judgement())

    async def _keep_judgement(self) -> None:
        candidate = self._app.candidate
        if not candidate:
            return
        try:
            if candidate.failed:
                why = f"callers are served worse: {', '.join(candidate.failed)}"
                gates = candidate.evidence.told()
                await self.end(why, candidate.version)
                await self._tell(Standing("ended", False, why, gates=gates))
            else:
                await self._run(self._keep_evidence, candidate)
        except ApplianceError as error:
            log.error("what the candidate is worth is not kept: %s", error)

    def _keep_evidence(self, candidate: Candidate) -> None:
        with self._app.place.store.write() as db:
            plain = json.dumps(candidate.evidence.plain())
            db.execute("update candidate set evidence = ? where version = ?", plain, candidate.version)

    async def end(self, why: str, version: int = 0) -> None:
        """It answers nobody any more; those it talks to are served to their end."""
        candidate = self._app.candidate
        if version and candidate and candidate.version != version:
            return
        self._app.candidate = None
        self._dismiss()

        def end() -> None:
            with self._app.place.store.write() as db:
                db.execute("update candidate set state = 'ended', why = ? where state = 'running'", why)

        await self._run(end)
        if candidate:
            log.info("version %d answers nobody any more: %s", candidate.version, why)

    def _dismiss(self) -> None:
        """The engines that the candidate has of its own are needed only by those who talk to it now."""
        if rack := self._rack:
            self._rack = None
            leaving = asyncio.create_task(self._let_go(rack))
            self._leaving[leaving] = rack
            leaving.add_done_callback(self._leaving.pop)

    async def _let_go(self, rack: Rack) -> None:
        await self._app.quiet()
        await rack.close()
        gc.collect()  # Calls that are over hold them in rings: hundreds of MB, on a board that has little.

    async def close(self) -> None:
        if self._judging:
            await asyncio.wait([self._judging])
        racks = [*self._leaving.values(), *([self._rack] if self._rack else [])]
        for leaving in self._leaving:
            leaving.cancel()
        for rack in racks:
            await rack.close()

    async def _run(self, do: Callable[..., Any], *arguments: Any) -> Any:
        """In the thread that writes what the box remembers."""
        return await self._app.place.memory.run(do, *arguments)
