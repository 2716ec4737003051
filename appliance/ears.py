"""Hearing: frames of sound in, what the caller does out. VAD finds speech, ASR its words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from appliance.engines import Asr, AsrStream, Vad
from appliance.engines.thread import EngineThread
from appliance.messages import (
    RATE,
    Audio,
    Event,
    Expect,
    Heard,
    Noise,
    Partial,
    Silence,
    SpeechStarted,
    Transcript,
    samples,
)
from appliance.turntaking import Change, Span, TurnTaking

log = logging.getLogger(__name__)

BEFORE = samples(0.3)
"""Sound kept from before speech was noticed, so that no first consonant is lost."""

STREAM_EVERY = samples(0.1)
"""How often an engine that streams is given what was said meanwhile."""

PARTIAL_EVERY = samples(0.7)
"""How often an engine that does not stream is asked for the words so far; it begins anew each time."""

PARTIAL_SHARE = 3
"""And no sooner than this many times what the last answer took, so that it has time for the final words."""

PARTIAL_LONGEST = samples(12)
"""Nor in an utterance longer than this."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """The engines that ears listen with, each with its thread. Shared by all calls."""

    vad: Vad
    vad_thread: EngineThread
    asr: Asr
    asr_thread: EngineThread


class Utterance:
    """One turn's sound on its way through the ASR engine."""

    def __init__(self, hearing: Hearing, stream: AsrStream) -> None:
        self._run = hearing.asr_thread.run
        self._stream = stream
        self._unheard = bytearray()
        self.length = 0
        """Samples so far."""
        self.partial_due = 0
        """Clock from which the words so far may be asked for."""

    def add(self, pcm: bytes | bytearray) -> None:
        self._unheard += pcm
        self.length += len(pcm) // 2

    async def partial(self) -> str:
        return await self._run(self._partial, self._take())

    async def finish(self) -> Transcript:
        return await self._run(self._finish, self._take())

    def _take(self) -> bytes:
        pcm, self._unheard = bytes(self._unheard), bytearray()
        return pcm

    def _partial(self, pcm: bytes) -> str:
        self._stream.push(pcm)
        return self._stream.partial()

    def _finish(self, pcm: bytes) -> Transcript:
        self._stream.push(pcm)
        return self._stream.finish()


class Ears:
    """The hearing of one call.

    `desk_speaks` tells whether the desk's voice is in the air. With `half_duplex` the microphone hears it
    too, and nothing is listened to meanwhile. `silence` is the quiet, in seconds, after which a `Silence`
    event comes.
    """

    def __init__(
        self,
        hearing: Hearing,
        desk_speaks: Callable[[], bool],
        now: Callable[[], int],
        half_duplex: bool = False,
        silence: float = 8.0,
    ) -> None:
        self._hearing = hearing
        self._desk_speaks = desk_speaks
        self._now = now
        self._half_duplex = half_duplex
        self._silence = samples(silence)
        self._turn = TurnTaking()
        self._expect = Expect()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._utterance: Utterance | None = None
        self._final: asyncio.Task[tuple[Transcript, int]] | None = None
        self._quiet_since = 0
        self._silences = 0
        self._window_end = 0
        self._transcribed_until = 0
        self._partial_every = STREAM_EVERY if hearing.asr.streams else PARTIAL_EVERY

    def expect(self, what: Expect) -> None:
        """What the next utterance probably is."""
        self._expect = what
        self._turn.expect(what)

    async def listen(self, microphone: AsyncIterator[Audio]) -> AsyncIterator[Event]:
        """What the caller does, until the microphone ends."""
        listening = asyncio.create_task(self._listen(microphone))
        try:
            while (event := await self._events.get()) is not None:
                yield event
            await listening
        finally:
            for task in (listening, self._final, *self._tasks):
                if task is not None:
                    task.cancel()

    async def _listen(self, microphone: AsyncIterator[Audio]) -> None:
        vad = self._hearing.vad.stream()
        recent = bytearray()
        try:
            async for frame in microphone:
                recent += frame.pcm
                del recent[: -2 * (BEFORE + RATE)]
                if self._utterance:
                    self._utterance.add(frame.pcm)
                if not self._window_end:
                    self._window_end = self._quiet_since = frame.at
                for probability in await self._hearing.vad_thread.run(vad.push, frame.pcm):
                    self._step(probability, recent, frame.end)
                self._keep_up(frame.end)
            await self._end_of_call()
        finally:
            self._events.put_nowait(None)

    def _step(self, probability: float, recent: bytearray, end: int) -> None:
        """Follow one VAD window; `recent` is the latest sound, which ends at clock `end`."""
        window, at = self._hearing.vad.window, self._window_end
        self._window_end += window
        speaks = self._desk_speaks()
        if speaks and self._half_duplex and not self._turn.in_turn:
            probability = 0.0
        match self._turn.step(probability, at, window, speaks):
            case Change.STARTED:
                oldest = max(self._transcribed_until, end - len(recent) // 2)
                start = max(self._turn.span.start - BEFORE, oldest)
                self._utterance = Utterance(self._hearing, self._hearing.asr.stream(self._expect))
                self._utterance.add(recent[2 * (start - end) :])
                self._utterance.partial_due = end + self._partial_every
                self._events.put_nowait(SpeechStarted(self._turn.span.start))
            case Change.PAUSED if self._utterance:
                self._final = asyncio.create_task(self._transcribe(self._utterance))
            case Change.RESUMED if self._final:
                self._final.cancel()
                self._final = None
            case Change.ENDED if self._utterance:
                self._end_of_turn(self._utterance, self._turn.span)
                self._transcribed_until = end
        if speaks or self._turn.in_turn:
            self._quiet_since = end
        elif end - self._quiet_since >= self._silence:
            self._silences += 1
            self._quiet_since = end
            self._events.put_nowait(Silence(end, self._silences))

    def _keep_up(self, end: int) -> None:
        """Ask for the words so far now and then; never for two answers at once."""
        utterance = self._utterance
        if utterance is None or self._final or any(not task.done() for task in self._tasks):
            return
        too_long = utterance.length > PARTIAL_LONGEST and not self._hearing.asr.streams
        if end >= utterance.partial_due and not too_long:
            self._start(self._partial(utterance, end))

    def _end_of_turn(self, utterance: Utterance, span: Span) -> None:
        final = self._final or asyncio.create_task(self._transcribe(utterance))
        self._utterance = self._final = None
        self._quiet_since = span.end
        self._start(self._deliver(final, span, self._now()))

    async def _end_of_call(self) -> None:
        """The line is dead: what was being said is still heard, so that the record is whole."""
        if self._utterance:
            self._end_of_turn(self._utterance, self._turn.span)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _partial(self, utterance: Utterance, began: int) -> None:
        text = await utterance.partial()
        took = max(0, self._now() - began)
        utterance.partial_due = began + max(self._partial_every, (1 + PARTIAL_SHARE) * took)
        if text and utterance is self._utterance:
            self._events.put_nowait(Partial(text, self._now()))

    async def _transcribe(self, utterance: Utterance) -> tuple[Transcript, int]:
        transcript = await utterance.finish()
        return transcript, self._now()

    async def _deliver(self, final: asyncio.Task[tuple[Transcript, int]], span: Span, decided: int) -> None:
        try:
            transcript, at = await final
        except Exception:
            log.exception(
                "speech recognition failed on an utterance of %.1f s", (span.end - span.start) / RATE
            )
            transcript, at = Transcript("", 0.0), self._now()
        if transcript.text:
            self._silences = 0
            self._events.put_nowait(
                Heard(transcript.text, span.start, span.end, decided, at, transcript.confidence)
            )
        else:
            self._events.put_nowait(Noise(span.start, span.end))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
