"""Hearing: frames of sound in, what the caller does out. VAD finds speech, ASR its words."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from appliance.engines import Asr, AsrStream, EndOfTurn, Vad
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
from appliance.turns.foreground import Foreground
from appliance.turns.patience import MANNERS, Patience, Pause
from appliance.turns.turntaking import Change, Span, TurnTaking

log = logging.getLogger(__name__)

BEFORE = samples(0.3)
"""Sound kept from before speech was noticed, so that no first consonant is lost."""

STREAM_EVERY = samples(0.1)
"""How often an engine that streams is given what was said meanwhile."""

PARTIAL_EVERY = samples(0.7)
"""How often an engine that does not stream is asked for the words so far; it begins anew each time."""

SHOWN_EVERY = samples(1.8)
"""The same where the desk is silent, and nobody needs them but a screen: an engine that is busy with them
when a pause begins is late with the final words."""

PARTIAL_SHARE = 3
"""And no sooner than this many times what the last answer took, so that it has time for the final words."""

PARTIAL_LONGEST = samples(12)
"""Nor in an utterance longer than this."""

SOUNDED = samples(8)
"""Sound that an engine is given to tell whether the caller has finished."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """The engines that ears listen with, each with its thread. Shared by all calls."""

    vad: Vad
    vad_thread: EngineThread
    asr: Asr
    asr_thread: EngineThread
    eot: EndOfTurn | None = None
    eot_thread: EngineThread | None = None
    patience: Patience = MANNERS["normal"]


class Utterance:
    """One turn's sound on its way through the ASR engine.

    The stream is made, and sound is taken, in the engine's thread only: work that was cancelled before it
    began must not take sound with it.
    """

    def __init__(self, hearing: Hearing, expect: Expect) -> None:
        self.expect = expect
        """Counts until the engine is first asked for words."""
        self._thread = hearing.asr_thread
        self._make = hearing.asr.stream
        self._stream: AsrStream | None = None
        self._unheard: deque[bytes] = deque()
        self.length = 0
        """Samples so far."""
        self.so_far = ""
        self.partial_every = 0
        """Samples between two askings for the words so far."""
        self.partial_due = 0
        """Clock from which the words so far may be asked for."""

    def add(self, pcm: bytes) -> None:
        self._unheard.append(pcm)
        self.length += len(pcm) // 2

    async def partial(self) -> str:
        return await self._thread.run(lambda: self._push().partial())

    async def finish(self) -> Transcript:
        return await self._thread.run(lambda: self._push().finish())

    def _push(self) -> AsrStream:
        """In the engine's thread: give it what it has not had yet."""
        self._stream = self._stream or self._make(self.expect)
        while self._unheard:
            self._stream.push(self._unheard.popleft())
        return self._stream


class Ears:
    """The hearing of one call.

    `desk_speaks` tells whether the desk's voice is in the air; while `deaf` the microphone hears that voice
    too, and nothing is listened to. `watch` is told of every window as it comes: the probability of speech in
    it, its clock and its length in samples. `silence` is the quiet, in seconds, after which a `Silence` event
    comes.
    """

    def __init__(
        self,
        hearing: Hearing,
        desk_speaks: Callable[[], bool],
        now: Callable[[], int],
        deaf: Callable[[], bool] = lambda: False,
        silence: float = 8.0,
        watch: Callable[[float, int, int], None] = lambda probability, at, window: None,
    ) -> None:
        self._hearing = hearing
        self._desk_speaks = desk_speaks
        self._now = now
        self._deaf = deaf
        self._watch = watch
        self._silence = samples(silence)
        self._turn = TurnTaking()
        self._foreground = Foreground()
        self._expect = Expect()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._utterance: Utterance | None = None
        self._final: asyncio.Task[tuple[Transcript, int]] | None = None
        """The words up to the pause that the caller is in."""
        self._pause: Pause | None = None
        """What is known of that pause, once the words are."""
        self._quiet_since = 0
        self._window_end: int | None = None
        self._earlier: Heard | None = None
        """What was heard of a caller who goes on."""
        self._transcribed_until = 0

    def expect(self, what: Expect) -> None:
        """What the next utterance probably is."""
        self._expect = what
        if self._utterance:
            self._utterance.expect = replace(what, cuts_in=self._utterance.expect.cuts_in)

    def enough(self, text: str) -> None:
        """These words, if they are what the caller said before a pause, are all that is needed."""
        if self._pause and self._pause.text == text and self._final:
            self._judge(replace(self._pause, enough=True))

    def stir(self) -> None:
        """The caller did something that is no sound: nobody is silent."""
        self._quiet_since = self._now()

    async def listen(self, microphone: AsyncIterator[Audio]) -> AsyncGenerator[Event]:
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
                del recent[: -2 * SOUNDED]
                if self._utterance:
                    self._utterance.add(frame.pcm)
                if self._window_end is None:
                    self._window_end = self._quiet_since = frame.at
                for probability in await self._hearing.vad_thread.run(vad.push, frame.pcm):
                    self._step(probability, recent, frame.end, clear=frame.near is None)
                self._keep_up(frame.end)
            await self._end_of_call()
        finally:
            self._events.put_nowait(None)

    def _step(self, probability: float, recent: bytearray, end: int, clear: bool) -> None:
        """Follow one VAD window; `recent` is the latest sound, which ends at clock `end`. `clear`: no echo
        was expected in it."""
        assert self._window_end is not None
        window, at = self._hearing.vad.window, self._window_end
        self._window_end += window
        speaks = self._desk_speaks()
        if not self._turn.in_turn and self._deaf():
            probability = 0.0
        probability = self._foreground.step(probability, recent[2 * (at - end) :][: 2 * window], clear)
        self._watch(probability, at, window)
        match self._turn.step(probability, at, window):
            case Change.STARTED:
                oldest = max(self._transcribed_until, end - len(recent) // 2)
                start = max(self._turn.span.start - BEFORE, oldest)
                self._utterance = Utterance(self._hearing, replace(self._expect, cuts_in=speaks))
                self._utterance.add(bytes(recent[2 * (start - end) :]))
                every = PARTIAL_EVERY if speaks else SHOWN_EVERY
                self._utterance.partial_every = STREAM_EVERY if self._hearing.asr.streams else every
                self._utterance.partial_due = end + self._utterance.partial_every
                self._events.put_nowait(SpeechStarted(self._turn.span.start))
            case Change.PAUSED if self._utterance:
                self._final = asyncio.create_task(self._transcribe(self._utterance))
                since = self._turn.span.start - BEFORE - end
                self._start(self._consider(self._final, self._utterance, bytes(recent[2 * since :])))
            case Change.RESUMED if self._final:
                self._final.cancel()
                self._final = self._pause = None
            case Change.ENDED if self._utterance:
                self._end_of_turn(self._utterance, self._turn.span, goes_on=self._turn.span.end > at)
                self._transcribed_until = end
        if self._earlier and not self._tasks and self._turn.quiet(end):
            heard, self._earlier = self._earlier, None
            self._events.put_nowait(heard)
        if speaks or self._turn.in_turn:
            self._quiet_since = end
        elif end - self._quiet_since >= self._silence:
            self._quiet_since = end
            self._events.put_nowait(Silence(end))

    def _keep_up(self, end: int) -> None:
        """Ask for the words so far now and then; never for two answers at once."""
        utterance = self._utterance
        if utterance is None or self._final or any(not task.done() for task in self._tasks):
            return
        if not self._turn.speech:
            return  # A pause may begin, and then the final words must not wait for these.
        too_long = utterance.length > PARTIAL_LONGEST and not self._hearing.asr.streams
        if end >= utterance.partial_due and not too_long:
            self._start(self._partial(utterance, end))

    def _end_of_turn(self, utterance: Utterance, span: Span, goes_on: bool = False) -> None:
        final = self._final or asyncio.create_task(self._transcribe(utterance))
        self._utterance = self._final = self._pause = None
        self._quiet_since = span.end
        self._start(self._deliver(final, span, self._now(), goes_on))

    async def _end_of_call(self) -> None:
        """The line is dead: what was being said is still heard, so that the record is whole."""
        if self._utterance:
            self._end_of_turn(self._utterance, self._turn.span)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._earlier:
            self._events.put_nowait(self._earlier)

    async def _partial(self, utterance: Utterance, began: int) -> None:
        text = await utterance.partial()
        took = max(0, self._now() - began)
        utterance.partial_due = began + max(utterance.partial_every, (1 + PARTIAL_SHARE) * took)
        if text != utterance.so_far and utterance is self._utterance:
            utterance.so_far = text
            self._events.put_nowait(Partial(text, self._now()))

    async def _consider(
        self, final: asyncio.Task[tuple[Transcript, int]], utterance: Utterance, sound: bytes
    ) -> None:
        """Judge a pause by its words, and by the `sound` of the voice before it. The words are told also when
        there are none: whoever paused for this utterance may go on."""
        sounding = asyncio.create_task(self._finished(sound))
        await asyncio.wait([final, sounding])
        if final.cancelled() or self._final is not final:
            return
        if final.exception():
            return self._turn.judge(0)  # There are no words to wait for.
        transcript, at = final.result()
        finished = sounding.result() if transcript.finished is None else transcript.finished
        self._judge(Pause(transcript.text, utterance.expect, finished))
        utterance.so_far = transcript.text
        self._events.put_nowait(Partial(transcript.text, at, paused=True))

    def _judge(self, pause: Pause) -> None:
        self._pause = pause
        self._turn.judge(samples(self._hearing.patience(pause)))

    async def _finished(self, sound: bytes) -> float | None:
        """How likely the caller sounds finished; None where nobody can tell, or the recogniser does."""
        eot, thread = self._hearing.eot, self._hearing.eot_thread
        if eot is None or thread is None or self._hearing.asr.tells_ends:
            return None
        try:
            return await thread.run(eot.finished, sound)
        except Exception:
            log.exception("the end of a turn could not be told by the voice")
            return None

    async def _transcribe(self, utterance: Utterance) -> tuple[Transcript, int]:
        transcript = await utterance.finish()
        return transcript, self._now()

    async def _deliver(
        self, final: asyncio.Task[tuple[Transcript, int]], span: Span, decided: int, goes_on: bool
    ) -> None:
        """Tell what was heard. Where the caller goes on meanwhile, the next turn tells both."""
        try:
            transcript, at = await final
        except Exception:
            lasted = (span.end - span.start) / RATE
            log.exception("speech recognition failed on an utterance of %.1f s", lasted)
            transcript, at = Transcript("", 0.0), self._now()
        heard, self._earlier = self._earlier, None
        if transcript.text:
            more = Heard(transcript.text, span.start, span.end, decided, at, transcript.confidence)
            heard = heard.going_on(more) if heard else more
        if heard and (goes_on or self._utterance):
            self._earlier = heard
        else:
            self._events.put_nowait(heard or Noise(span.start, span.end))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
