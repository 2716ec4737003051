"""The composition root: starts everything in order, stops it in reverse; nothing else does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliance import config, slots
from appliance.actions import Hands, Runner
from appliance.answering.picking import Picker
from appliance.answering.wording import Wording
from appliance.brain import Brain
from appliance.channels import AudioChannel, Call
from appliance.channels.exchange import CallFailed, Exchange
from appliance.config.hours import local_now
from appliance.conversation import converse
from appliance.ears import Hearing
from appliance.engines import EchoStream
from appliance.engines.rack import LATER, Rack
from appliance.engines.thread import EngineThread
from appliance.errors import StorageError
from appliance.foresight import Foresight
from appliance.memory.events import EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.recall import Recall
from appliance.memory.store import Store
from appliance.messages import Heard, Turn
from appliance.observe import encrypting
from appliance.observe.recorder import Recorder
from appliance.phone.handoff import HandOff, Means
from appliance.serving import candidate, capacity, served
from appliance.serving.aftermath import settle
from appliance.serving.ahead import lay_in
from appliance.serving.attendance import Attendance, HangUp
from appliance.serving.books import Books
from appliance.serving.candidate import Candidate
from appliance.serving.consent import Consent
from appliance.serving.leave import Leave, turn_away, turn_away_aloud
from appliance.serving.served import Place, Served, unbroken
from appliance.speech import Delivery, SoundStore, Speech
from appliance.telemetry.outbox import Outbox
from appliance.telemetry.told import Discreet
from appliance.turns.patience import MANNERS
from appliance.voice import Voice

log = logging.getLogger(__name__)

LET_GO = 5.0
"""Seconds that a line has to hang up; then all else is done without it."""

OUTSIDE = 4
"""Actions beyond the box that may wait for their answers at the same time."""

PAPERS = 10.0
"""Seconds that a start waits for papers to be read; the first time they may take many minutes."""


class App:
    """One desk on one box, from `async with` to its end. It is the `Desk` that lines hand callers to."""

    def __init__(
        self,
        box: config.Box,
        desk: config.DeskFile,
        keep: Callable[[Turn], None] = lambda turn: None,
        thread: Callable[[str, int], EngineThread] = EngineThread,
        early: bool = False,
    ) -> None:
        """`keep` gets every turn; `thread` makes what engines run in. `early`: who writes is answered before
        the desk is `voiced`, and what makes it quicker waits until it is `at_ease`."""
        self.box = box
        self._desk = desk
        self._engines = Rack(box, thread)
        self.off = self._engines.off
        """Which engines are off, and why."""
        self._keep = keep
        self._stack = AsyncExitStack()
        self._calls = 0
        self.heard = 0
        """Turns, by sound, in which words of callers were heard and answered."""
        self._idle = asyncio.Event()
        self._idle.set()
        self.at_ease = asyncio.Event()
        """Set once there is time for what makes the desk quicker."""
        if not early:
            self.at_ease.set()
        self.leave = Leave()
        self.hearing: Hearing | None = None
        self.speech: Speech | None = None
        self.exchange: Exchange | None = None
        """By which the desk calls people; none where no line can."""
        self.capacity: capacity.Capacity | None = None
        """Of conversations by sound, once it was measured."""
        self._wording: Wording | None = None
        self._picker: Picker | None = None
        self.outbox: Outbox | None = None
        """What the fleet is told; None where the box is of none."""
        self.candidate: Candidate | None = None
        """What answers some of the calls."""

    async def __aenter__(self) -> App:
        try:
            await self._start()
            if self.at_ease.is_set():
                await self.voiced()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        encrypting.settle(self.box.data)
        store = Store(self.box.data / "desk.db")
        self._stack.callback(store.close)
        self._stack.push_async_callback(self._engines.close)
        self._memory = memory = self._engines.thread("memory")
        if self.box.fleet.enabled:
            self._join(store)
        self._study = self._engines.thread("study")
        hands = Hands(
            self._engines.thread("actions"), [self._engines.thread(f"outside {n}") for n in range(OUTSIDE)]
        )
        await memory.run(Runner(store, self._desk.actions).recover)
        if broken := await memory.run(settle, self._desk, EventLog(store)):
            log.warning("%d conversations were under way when the box went down: see the messages", broken)
        await self._engines.load(("embed",))
        recall = Recall(store, self.box.data / "recall.db", *self._engines.embedding())
        self.books = Books(self.box, store, memory)
        self._stack.push_async_callback(self.books.close)
        await self.books.settle()
        self.place = Place(store, Notebook(store, memory), memory, hands, recall)
        served.tidy(self.box.data, self._desk)
        # In the thread that meanings are asked of: nobody calls yet to whom learning would have to give way.
        embed, meanings = self._engines.embedding()
        self.served = await served.load(
            self._desk, embed, meanings, meanings, self.box.data, self.place, self._study, PAPERS
        )
        await self.served.open()
        keeping = asyncio.create_task(self.books.serve(lambda: self.desk.retention, self.prepared))
        self._stack.callback(keeping.cancel)
        for problem in self.served.problems:
            log.warning("papers: %s", problem)
        self.off.update(dict.fromkeys(LATER, "it is being loaded"))
        self._voicing = asyncio.create_task(self._load_voice())
        self._preparing = asyncio.create_task(self._prepare())
        # Popped: a task that is cancelled holds its frames, and they this, in a ring with every engine.
        self._stack.callback(lambda: [vars(self).pop(it).cancel() for it in ("_voicing", "_preparing")])

    async def _load_voice(self) -> None:
        await self._engines.load(LATER)
        if "vad" in self._engines and "asr" in self._engines:
            self.hearing = Hearing(*self._engines["vad"], *self._engines["asr"], *self.engine("eot"))
        if "tts" in self._engines:
            tts, sounds = self._engines["tts"], SoundStore(self.box.data / "speech")
            self.speech = Speech(*tts, Delivery(self.desk), sounds)
        if "llm" in self._engines:
            self._wording, self._picker = Wording(*self._engines["llm"]), Picker(*self._engines["llm"])

    async def voiced(self) -> None:
        """Wait until it can hear, speak and word, as far as it ever will."""
        await asyncio.shield(self._voicing)

    def _join(self, store: Store) -> None:
        """Have the fleet told of what happens."""
        try:
            self.outbox = Outbox(store)
            store.tell = Discreet(self.outbox, self.box.fleet.questions).put
        except StorageError as error:
            log.error("the fleet is told of nothing: %s", error)

    async def load(self, desk: config.DeskFile, place: Place | None = None) -> Served:
        """Make a desk file ready, while calls go on. Raises ConfigError."""
        return await served.load(
            desk, *self._engines.embedding(), self._study, self.box.data, place or self.place
        )

    async def trial(self, desk: config.DeskFile, folder: Path) -> Served:
        """The same, to be tried out: on an empty box in `folder`, and nothing outside is reached. Its store
        is the caller's to close. Raises ConfigError."""
        study = self._study
        store = await study.run(Store, folder / "desk.db")
        try:
            place = Place(store, Notebook(store, study), study, Hands(study), trial=True)
            ready = await self.load(desk, place)
            await ready.open()
        except BaseException:
            store.close()
            raise
        return ready

    async def swap(self, ready: Served) -> None:
        """New calls are served by it from now on. Raises ConfigError, and then nothing has changed."""
        await ready.open()
        self.served = ready
        if self.speech:
            self.speech = self.speech.for_desk(ready.desk)
        self._preparing = asyncio.create_task(self._prepare(self._preparing))

    async def _prepare(self, before: asyncio.Task[None] | None = None) -> None:
        """Make the sound of the fixed lines ahead, and word what the LLM may word. What no desk file changes
        was done `before`."""
        try:
            await asyncio.gather(self.at_ease.wait(), self.voiced())
            if before:
                await before
            else:
                await asyncio.gather(self._engines.warm(), self._memory.run(slots.warm, local_now()))
                if self._wording:
                    await self._wording.warm()
            if self.speech:
                await lay_in(self.speech, self._wording, lambda: self.served, self.quiet, self.box.data)
        except Exception:
            log.exception("preparing failed: the first answers will be slower")

    async def prepared(self, within: float | None = None) -> None:
        """Wait until the desk is as quick as it will be, or for so many seconds."""
        await asyncio.wait([self._preparing], timeout=within)

    @property
    def desk(self) -> config.DeskFile:
        """What new calls are served by."""
        return self.served.desk

    @property
    def calls(self) -> int:
        """Calls that are under way; those by which the desk tries itself are none."""
        return self._calls

    async def quiet(self) -> None:
        """Wait until no call is under way."""
        await self._idle.wait()

    def echo_stream(self) -> EchoStream | None:
        """What takes the desk's voice out of a kiosk's microphone; None where it is not the desk's to do."""
        echo, _ = self.engine("echo")
        stream: EchoStream | None = echo.stream() if echo else None
        return stream

    def engine(self, kind: str) -> tuple[Any, EngineThread | None]:
        """The engine of a kind and its thread; None where it is off."""
        return self._engines.get(kind)

    async def measure(self) -> None:
        """See how many conversations can be held at once, for lines by which several come. Nothing is made
        ready and nobody calls meanwhile: that would be counted with it."""
        if self.voice_off():
            return
        await self.prepared()
        vad, asr, tts = (self._engines[kind] for kind in ("vad", "asr", "tts"))
        self.capacity = await capacity.in_quiet(vad, asr, tts, self) or self.capacity

    @property
    def room(self) -> int:
        """How many more conversations can be held now."""
        most = self.capacity.conversations if self.capacity else capacity.MOST
        return max(0, most - self._calls)

    def voice_off(self) -> str:
        """Why nobody can talk to the desk by sound; empty when they can."""
        missing = [f"{kind}: {self.off[kind]}" for kind in ("vad", "asr", "tts") if kind in self.off]
        return "; ".join(missing)

    async def talk(
        self,
        channel: AudioChannel,
        recording: Path | None = None,
        served: Served | None = None,
        opening: str = "",
    ) -> None:
        """A whole conversation by sound; recorded where a file is given or box.toml says so. `served`: what
        it is held with, unless by what new calls are. `opening`: what is told first to who was called;
        CallFailed where the desk stops before."""
        await self.voiced()
        served = served or candidate.choose(channel, self.served, self.candidate)
        if self.leave.taken:
            if opening:
                raise CallFailed("the desk stops")
            return await channel.hang_up()
        if self.leave.locked and not (served.place.trial or opening):
            return await self.turn_away(channel, self.desk.lines.locked)
        if not self.hearing or not self.speech:
            log.error("call %s ended: no voice (%s)", channel.id, self.voice_off())
            return await channel.hang_up()
        desk = served.desk
        kept = self.books.recorder(channel.id, desk) if not (recording or served.place.trial) else None
        consent = Consent(desk.recording, kept) if kept else None
        recorder = Recorder(recording) if recording else kept
        hearing, speech = candidate.voice(served, self.candidate, self.hearing, self.speech)
        hearing = replace(hearing, patience=MANNERS[desk.turns])
        speech = speech if desk is self.desk else speech.for_desk(desk)
        whole = {*unbroken(desk), desk.lines.recorded}  # That it is recorded must be heard.
        voice = Voice(channel, hearing, speech, recorder, desk.silence, whole, desk.keys)
        handoff = self._handoff(served, voice, channel)
        leaving = nullcontext() if served.place.trial else self.leave.talking(voice)

        async def hung_up() -> Recorder | None:
            try:
                async with asyncio.timeout(LET_GO):
                    await channel.hang_up()
            except Exception:
                log.exception("call %s could not be hung up", channel.id)
            finally:
                if consent:
                    consent.close()
                if recorder:
                    recorder.close()
            return kept

        def foresee(brain: Brain) -> Foresight:
            return Foresight(brain, speech, voice.enough)

        with leaving:
            try:
                await self.chat(voice, served, foresee, handoff, consent, opening, hung_up)
            finally:
                await hung_up()

    async def turn_away(self, channel: AudioChannel, line: str = "") -> None:
        """Tell who called that nobody can talk to them now, and hang up."""
        await turn_away_aloud(channel, self.speech, line or self.desk.lines.busy)

    async def chat(
        self,
        call: Call,
        served: Served | None = None,
        foresee: Callable[[Brain], Foresight] = Foresight,
        handoff: HandOff | None = None,
        consent: Consent | None = None,
        opening: str = "",
        hung_up: HangUp | None = None,
    ) -> None:
        """A whole conversation, by whatever a Call is made of; with `served` and `opening` as in `talk`.
        `handoff` puts who calls through to a person, `consent` is of a call that is recorded, and `hung_up`
        of one by sound."""
        served = served or candidate.choose(call, self.served, self.candidate)
        place = served.place
        if self.leave.locked and not (place.trial or opening):
            return await turn_away(call, self.desk.lines.locked)
        if not place.trial:
            log.info("call %s by %s began", call.id, call.channel)
        attendance = Attendance(call, served, self.books, self.candidate, self.box.data / "calendar.ics")
        first = served.desk.lines.calling.format(desk=served.desk.name, what=opening) if opening else ""
        brain = Brain(
            served.knowledge, place.notebook, self._wording, call.id, attendance.clerk, self._picker, handoff,
            consent, first,
        )  # fmt: skip

        def keep(turn: Turn) -> None:
            attendance.keep(turn)
            if not place.trial:
                self.heard += bool(hung_up and isinstance(turn.cause, Heard) and turn.spoken.text)
                self._keep(turn)

        if not place.trial:
            self._calls += 1
            self._idle.clear()
        try:
            await attendance.began()
            await converse(call, brain, keep, foresee(brain))
        finally:
            if not place.trial:
                self._calls -= 1
                if not self._calls:
                    self._idle.set()
            await self.books.see_through(attendance.over(call.now(), hung_up))

    def _handoff(self, served: Served, voice: Voice, channel: AudioChannel) -> HandOff | None:
        desk = served.desk
        if not (desk.handoff and self.exchange and self.hearing and self.speech) or served.place.trial:
            return None
        means = Means(self.exchange, self.hearing, self.speech)
        return HandOff(desk.handoff, desk.lines, means, voice, channel, local_now, desk.closed)
