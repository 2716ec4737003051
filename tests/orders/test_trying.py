"""A candidate with a voice of its own: what it needs is there as long as somebody talks to it."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.app import App
from appliance.config import Box, DeskFile, Engine
from appliance.config.given import Shelf
from appliance.errors import ApplianceError
from appliance.orders.trying import Trying
from appliance.telemetry.bundle import Manifest, Piece
from appliance.telemetry.orders import Standing
from appliance.telemetry.pantry import Pantry
from tests.audio_server import until
from tests.guest import Guest
from tests.test_app import VOICE

SETTINGS = b"another voice"


@asynccontextmanager
async def tried(folder: Path, asr: str = "fake") -> AsyncIterator[tuple[App, Trying]]:
    """A desk whose candidates have a voice of their own, and a recogniser."""

    def box_with(settings: str) -> Box:
        own = replace(VOICE, asr=Engine(asr, threads=1), tts=Engine("fake", threads=1))
        return replace(box, engines=own)

    async def tell(standing: Standing) -> None:
        pass

    pantry = Pantry(folder / "pieces", free=lambda _: 1 << 40)
    pantry.make_room(manifest(1))
    pantry.put(manifest(1).pieces[0], 0, SETTINGS)
    box = Box(folder, engines=VOICE)
    async with App(box, DeskFile("Alder House")) as app:
        trying = Trying(app, pantry, Shelf(folder), None, box_with, tell)
        yield app, trying
        await trying.close()


def engines() -> list[str]:
    """The threads of those that hear and speak."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name in ("asr", "tts"))


def manifest(version: int) -> Manifest:
    piece = Piece("settings", "settings.toml", len(SETTINGS), hashlib.sha256(SETTINGS).hexdigest())
    return Manifest("box", version, 0, version, pieces=(piece,), share=50)


async def test_the_engines_of_a_candidate_that_has_ended_go_when_nobody_talks_to_it_any_more(
    tmp_path: Path,
) -> None:
    async with tried(tmp_path) as (app, trying):
        await trying.begin(manifest(1))
        assert app.candidate
        assert app.candidate.speech
        voice, thread = weakref.ref(app.candidate.speech._tts), app.candidate.speech._thread
        guest = Guest()
        talking = asyncio.create_task(app.chat(guest))
        await guest.greeting()
        await trying.end("it is enough")
        await asyncio.sleep(0.1)
        assert not thread.closed
        await guest.leave()
        await talking
        await until(lambda: thread.closed and voice() is None)


async def test_a_candidate_in_the_place_of_another_is_the_only_one_with_engines(tmp_path: Path) -> None:
    async with tried(tmp_path) as (app, trying):
        await trying.begin(manifest(1))
        assert app.candidate
        assert app.candidate.speech
        before = app.candidate.speech._thread
        await trying.begin(manifest(2))
        await until(lambda: before.closed)
        assert app.candidate.speech
        assert not app.candidate.speech._thread.closed


async def test_a_candidate_of_which_one_engine_cannot_be_had_leaves_none(tmp_path: Path) -> None:
    async with tried(tmp_path, asr="whisper") as (app, trying):
        before = engines()
        with pytest.raises(ApplianceError, match="asr"):
            await trying.begin(manifest(1))
        assert app.candidate is None
        assert engines() == before
