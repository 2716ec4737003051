"""The composition root: starts everything in order, stops it in reverse; nothing else does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance import config, slots
from appliance.actions import Runner
from appliance.brain import Brain
from appliance.channels import AudioChannel, Call
from appliance.clerk import Clerk, local_now
from appliance.conversation import converse
from appliance.ears import Hearing
from appliance.engines import EchoStream, registry
from appliance.engines.fake import FakeEmbed
from appliance.engines.thread import EngineThread
from appliance.errors import ApplianceError, StorageError
from appliance.foresight import Foresight
from appliance.knowledge import Knowledge
from appliance.memory import directory
from appliance.memory.events import EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import Turn
from appliance.observe.recorder import Recorder
from appliance.patience import MANNERS
from appliance.speech import Delivery, SoundStore, Speech
from appliance.voice import Voice
from appliance.wording import Wording, sentences

log = logging.getLogger(__name__)


class App:
    """One desk on one box, from `async with` to its end. It is the `Desk` that lines hand callers to."""

    def __init__(
        self, box: config.Box, desk: config.DeskFile, keep: Callable[[Turn], None] = lambda turn: None
    ) -> None:
        self.box = box
        self.desk = desk
        self.off: dict[str, str] = {}
        """What is off, and why."""
        self._keep = keep
        self._stack = AsyncExitStack()
        self._threads: list[EngineThread] = []
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._engines: dict[str, tuple[Any, EngineThread]] = {}
        self._hearing: Hearing | None = None
        self._speech: Speech | None = None
        self._wording: Wording | None = None

    async def __aenter__(self) -> App:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        self._stack.push_async_callback(self._end_threads)
        database, memory = self.box.data / "desk.db", self._thread("memory")
        self._memory, self._hands = memory, self._thread("actions")
        self._notebook = Notebook(database, memory)
        store = Store(database)
        await memory.run(directory.load, store, directory.entries(self.desk.actions))
        self._events = EventLog(store)
        self._runner = Runner(store, self.desk.actions)
        if doubts := await memory.run(self._runner.recover):
            log.warning(
                "%d actions were under way when the box went down: look whether they were done", len(doubts)
            )
        await asyncio.gather(*(self._load(field.name) for field in fields(config.Engines)))
        self._knowledge = Knowledge(self.desk, *self._embedding(), self.box.data / "papers.db")
        for problem in await self._knowledge.load():
            log.warning("papers: %s", problem)
        if "vad" in self._engines and "asr" in self._engines:
            vad, asr, (eot, thread) = self._engines["vad"], self._engines["asr"], self.engine("eot")
            self._hearing = Hearing(*vad, *asr, eot, thread, MANNERS[self.desk.turns])
        if "tts" in self._engines:
            sounds = SoundStore(self.box.data / "speech")
            self._speech = Speech(*self._engines["tts"], Delivery(self.desk), sounds)
        if "llm" in self._engines:
            self._wording = Wording(*self._engines["llm"])
        self._preparing = asyncio.create_task(self._prepare())
        self._stack.callback(self._preparing.cancel)

    async def _load(self, kind: str) -> None:
        """Load one engine in its own thread; where it cannot be, the desk does without and says why."""
        spec: config.Engine = getattr(self.box.engines, kind)
        if spec.engine == "none":
            self.off[kind] = "switched off in box.toml"
            return
        if kind == "wake" and self.box.kiosk.wake != "word":
            self.off[kind] = f"not needed: the kiosk wakes by {self.box.kiosk.wake}"
            return
        if kind == "echo" and self.box.kiosk.echo != "cancel":
            self.off[kind] = f"not needed: the kiosk's echo is {self.box.kiosk.echo}"
            return
        thread = self._thread(kind)
        try:
            engine = await thread.run(registry.make, kind, spec, self.box)
        except ApplianceError as error:
            log.warning("%s off: %s", kind, error)
            self.off[kind] = str(error)
            return
        self._engines[kind] = engine, thread

    def _thread(self, name: str) -> EngineThread:
        thread = EngineThread(name)
        self._threads.append(thread)
        return thread

    async def _end_threads(self) -> None:
        """All at once: each may have a piece of work in hand."""
        await asyncio.gather(*(asyncio.to_thread(thread.close) for thread in self._threads))

    def _embedding(self) -> tuple[Any, EngineThread]:
        """Without a model, questions are told apart by their words alone."""
        if "embed" not in self._engines:
            self._engines["embed"] = FakeEmbed(), self._thread("embed")
        return self._engines["embed"]

    async def _prepare(self) -> None:
        """Make the sound of the fixed lines ahead, and word what the LLM may word."""
        try:
            await self._memory.run(slots.warm, local_now())
            if self._wording:
                await self._wording.warm()
            if self._speech:
                for line in fixed_lines(self.desk):
                    await self._idle.wait()
                    await self._speech.lay_in(line)
                await self._word_ahead(self._speech)
        except Exception:
            log.exception("preparing failed: the first answers will be slower")

    async def _word_ahead(self, speech: Speech) -> None:
        for fact in self.desk.fact.values():
            if self._wording and (fact.wording or self.desk.wording.default) == "rephrase":
                await self._idle.wait()
                async for line in self._wording.reword(fact.say):
                    await speech.prepare(line.text)

    async def prepared(self) -> None:
        """Wait until the desk is as quick as it will be."""
        await asyncio.wait([self._preparing])

    @property
    def hearing(self) -> Hearing | None:
        return self._hearing

    @property
    def speech(self) -> Speech | None:
        return self._speech

    def echo_stream(self) -> EchoStream | None:
        """What takes the desk's voice out of a kiosk's microphone; None where it is not the desk's to do."""
        echo, _ = self.engine("echo")
        stream: EchoStream | None = echo.stream() if echo else None
        return stream

    def engine(self, kind: str) -> tuple[Any, EngineThread | None]:
        """The engine of a kind and its thread; None where it is off."""
        return self._engines.get(kind, (None, None))

    def voice_off(self) -> str:
        """Why nobody can talk to the desk by sound; empty when they can."""
        missing = [f"{kind}: {self.off[kind]}" for kind in ("vad", "asr", "tts") if kind in self.off]
        return "; ".join(missing)

    async def talk(self, channel: AudioChannel, recording: Path | None = None) -> None:
        """A whole conversation by sound; recorded where a file is given or box.toml says so."""
        if not self._hearing or not self._speech:
            log.error("call %s ended: no voice (%s)", channel.id, self.voice_off())
            await channel.hang_up()
            return
        recorder = self._recorder(channel.id, recording)
        try:
            silence, whole = self.desk.silence, unbroken(self.desk)
            voice = Voice(channel, self._hearing, self._speech, recorder, silence, whole)
            await self.chat(voice, lambda brain: Foresight(brain, self._speech, voice.enough))
        finally:
            await channel.hang_up()
            if recorder:
                recorder.close()

    async def chat(self, call: Call, foresee: Callable[[Brain], Foresight] = Foresight) -> None:
        """A whole conversation, by whatever a Call is made of."""
        log.info("call %s by %s began", call.id, call.channel)
        self._calls += 1
        self._idle.clear()
        clerk = Clerk(self.desk, self._events, self._runner, self._memory, self._hands, call.id, local_now)
        brain = Brain(self._knowledge, self._notebook, self._wording, call.id, clerk)
        await self._note(clerk.began())
        try:
            await converse(call, brain, self._keep, foresee(brain))
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()
            await self._note(clerk.ended())
            log.info("call %s ended", call.id)

    async def _note(self, writing: Awaitable[None]) -> None:
        """A disk that is full must not keep anybody from being answered."""
        try:
            await writing
        except StorageError as error:
            log.error("%s", error)

    def _recorder(self, call: str, path: Path | None) -> Recorder | None:
        if path is None and self.box.recordings:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            path = self.box.data / "recordings" / f"{stamp}-{call}.wav"
            try:
                return Recorder(path)
            except StorageError as error:
                log.error("call %s is not recorded: %s", call, error)
        return Recorder(path) if path else None


def unbroken(desk: config.DeskFile) -> frozenset[str]:
    """What is said to its end: lines, and the sentences of them."""
    lines = [desk.line(name) or "" for name in desk.uninterruptible]
    return frozenset([*lines, *(sentence for line in lines for sentence in sentences(line))])


def fixed_lines(desk: config.DeskFile) -> list[str]:
    """Every line that is said as it stands in the desk file."""
    lines = [getattr(desk.lines, field.name) for field in fields(desk.lines)]
    lines += [sentence for fact in desk.fact.values() for sentence in sentences(fact.say)]
    for flow in desk.flow.values():
        lines += [flow.say, *(line for ask in flow.ask for line in (ask.prompt, *ask.reprompt))]
    return [line for line in lines if line and "{" not in line]
