"""The engines of a box, each in a thread of its own; and which are off, and why."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from appliance import config
from appliance.engines import registry
from appliance.engines.fake import FakeEmbed
from appliance.engines.thread import EngineThread
from appliance.errors import ApplianceError

log = logging.getLogger(__name__)

GIVES_WAY = {"llm": 5, "study": 10}
"""How nice the threads are that think rather than hear or speak."""


KINDS = tuple(field.name for field in fields(config.Engines))
LATER = tuple(kind for kind in KINDS if kind != "embed")
"""What is not needed to answer who writes."""


class Rack:
    """`close` ends every thread that it made, and holds no engine any more."""

    def __init__(self, box: config.Box, make: Callable[[str, int], EngineThread] = EngineThread) -> None:
        """`make`: a thread of a name that gives way by so much."""
        self.off: dict[str, str] = {}
        """What is off, and why."""
        self._box = box
        self._make = make
        self._engines: dict[str, tuple[Any, EngineThread]] = {}
        self._threads: list[EngineThread] = []

    async def load(self, kinds: Sequence[str] = KINDS) -> None:
        """The engines of these kinds that box.toml names, side by side."""
        await asyncio.gather(*map(self._load, kinds))

    async def warm(self) -> None:
        """Have done what the first to ask each of them would wait for, side by side. The start need not wait
        for it."""
        await asyncio.gather(*map(self._warm, tuple(self._engines)))

    def get(self, kind: str) -> tuple[Any, EngineThread | None]:
        """The engine of a kind and its thread; None where it is off."""
        return self._engines.get(kind, (None, None))

    def __contains__(self, kind: str) -> bool:
        return kind in self._engines

    def __getitem__(self, kind: str) -> tuple[Any, EngineThread]:
        return self._engines[kind]

    def embedding(self) -> tuple[Any, EngineThread]:
        """Without a model, questions are told apart by their words alone."""
        if "embed" not in self._engines:
            self._engines["embed"] = FakeEmbed(), self.thread("embed")
        return self._engines["embed"]

    def thread(self, name: str) -> EngineThread:
        thread = self._make(name, GIVES_WAY.get(name, 0))
        self._threads.append(thread)
        return thread

    async def close(self) -> None:
        """All threads at once: each may have a piece of work in hand. The engines are let go of."""
        await asyncio.gather(*(asyncio.to_thread(thread.close) for thread in self._threads))
        self._engines.clear()

    async def _load(self, kind: str) -> None:
        """Load one engine in its own thread; where it cannot be, the desk does without and says why."""
        spec: config.Engine = getattr(self._box.engines, kind)
        if why := self._not_needed(kind, spec):
            self.off[kind] = why
            return
        thread = self.thread(kind)
        try:
            engine = await thread.run(registry.make, kind, spec, self._box)
        except ApplianceError as error:
            log.warning("%s off: %s", kind, error)
            self.off[kind] = str(error)
            return
        self._engines[kind] = engine, thread
        self.off.pop(kind, None)

    async def _warm(self, kind: str) -> None:
        engine, thread = self._engines[kind]
        if not hasattr(engine, "warm"):
            return
        try:
            await thread.run(engine.warm)
        except Exception as error:
            log.warning("%s is not as quick as it should be: %s", kind, error)

    def _not_needed(self, kind: str, spec: config.Engine) -> str:
        kiosk = self._box.kiosk
        if spec.engine == "none":
            return "switched off in box.toml"
        if kind == "wake" and kiosk.wake != "word":
            return f"not needed: the kiosk wakes by {kiosk.wake}"
        if kind == "echo" and kiosk.echo != "cancel":
            return f"not needed: the kiosk's echo is {kiosk.echo}"
        return ""
