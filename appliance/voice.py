"""Voice makes a Call of an audio channel: ears on its microphone, a mouth on its speaker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from appliance.channels import AudioChannel
from appliance.ears import Ears, Hearing
from appliance.messages import (
    RATE,
    Audio,
    Event,
    Expect,
    Heard,
    Line,
    Noise,
    Notice,
    Partial,
    SpeechStarted,
    Spoken,
    samples,
)
from appliance.mouth import Mouth
from appliance.observe.recorder import Recorder
from appliance.speech import Speech
from appliance.turns.interruption import GOING_ON, Act, Evidence, Verdict, judge
from appliance.turns.keypad import NOTHING, Keypad

log = logging.getLogger(__name__)

TAIL = samples(0.25)
"""How long a room still carries the desk's voice after the loudspeaker has stopped."""

NEARLY = 1.2
"""Seconds before the end of a question in which a yes answers it."""

LATE = samples(0.4)
"""By how much what is heard may be later than what was played, echo and speech detection together."""

UNDECIDED = samples(1.5)
"""How long the desk stays silent, and nobody speaks, for something of which no words come."""

WORDLESS = samples(3.0)
"""The same while there is a sound that might be speech: music, machines, people farther off."""

LONG = samples(5.0)
"""Who speaks for longer than this into an answer has not heard it, or is a radio."""

TALKED_DOWN = 2
"""Answers in a row that were so talked down; the next is said to its end."""

ITSELF = 2
"""Times that the desk takes its own voice for the caller's before it stops listening while it speaks."""


@dataclass(slots=True)
class _CutIn:
    """Speech that began while the desk spoke."""

    at: int
    answers: bool
    """Whether a yes would be an answer: the question was almost out."""
    goes_on: bool = False
    """Whether the answer had only begun, so that it is probably more of what was being said."""
    told: bool = False
    """Whether the loop was told that somebody speaks."""
    idle: bool = False
    """Whether its words so far are nobody's who wants the turn."""


class Voice:
    """A Call by sound. What is heard and what is played may be recorded on the call's one clock.

    Who speaks while the desk does makes it fall silent at once. Where it then turns out that nobody wanted
    the turn, the desk goes on at the word, and the loop hears nothing of it. Lines whose text is in
    `unbroken` are said to their end; what is said meanwhile is told after them.
    """

    def __init__(
        self,
        channel: AudioChannel,
        hearing: Hearing,
        speech: Speech,
        recorder: Recorder | None = None,
        silence: float = 8.0,
        unbroken: Collection[str] = (),
        shortcuts: Mapping[str, str] = NOTHING,
    ) -> None:
        """`shortcuts`: as `Keypad` has them."""
        self.id = channel.id
        self.channel = channel.channel
        self.desk_begins = channel.desk_begins
        self.caller = channel.caller
        self._audio = channel
        self._recorder = recorder
        self._mouth = Mouth(speech, channel.playout, channel.now, unbroken)
        self._ears = Ears(hearing, self._desk_speaks, channel.now, self._deaf, silence, self._watch)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._evidence = Evidence()
        self._near: float | None = None
        """By how much the latest frame stands out of the desk's own echo, in dB."""
        self._cut_in: _CutIn | None = None
        self._stopped = 0
        """Clock at which the desk last fell silent for somebody."""
        self._afterwards: Heard | None = None
        """What is told when the answer is over ..."""
        self._presses = False
        """... or when it comes to a line that may be cut."""
        self._expect = self._before = Expect()
        """What is awaited after the present answer, and what was before it."""
        self._itself = 0
        self._talked_down = 0
        self._keypad = Keypad(shortcuts)
        self._instead: Callable[[Audio], None] | None = None
        channel.playout.on_played = self._on_played

    async def hear(self) -> AsyncGenerator[Event]:
        listening = asyncio.create_task(self._listen())
        try:
            while (event := await self._events.get()) is not None:
                yield event
            await listening
        finally:
            listening.cancel()

    async def say(self, lines: AsyncIterator[Line]) -> None:
        await self._mouth.say(lines)
        self._talked_down = 0
        if self._afterwards:
            self._tell(self._with_earlier())

    def spoken(self) -> Spoken:
        return self._mouth.spoken()

    def expect(self, what: Expect) -> None:
        self._before, self._expect = self._expect, what
        self._ears.expect(what)
        self._keypad.expect(what)

    def tell(self, event: Event) -> None:
        """Let the desk hear of something that is no sound: a key, or what became of a hand-off. A line that
        must be heard is said first."""
        self._ears.stir()
        if self._mouth.speaking and not self._may_cut():
            if isinstance(event, SpeechStarted):
                return
            if isinstance(event, Heard):
                self._afterwards = self._with_earlier(event)
                return
        self._cut_in = None
        self._tell(event)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Meanwhile the desk hears nothing of the caller."""
        self.divert(lambda frame: None)
        try:
            yield
        finally:
            self._instead = None

    def divert(self, instead: Callable[[Audio], None]) -> None:
        """Within `aside`: who gets what the caller says and presses."""
        self._instead = instead

    def enough(self, text: str) -> None:
        """These words, if they are what the caller said before a pause, are a whole answer."""
        self._ears.enough(text)

    def notice(self, what: Notice) -> None:
        self._audio.notice(what)

    def now(self) -> int:
        return self._audio.now()

    async def hang_up(self) -> None:
        await self._audio.hang_up()

    async def _listen(self) -> None:
        try:
            async for event in self._ears.listen(self._microphone()):
                self._hear(event)
        finally:
            self._events.put_nowait(None)

    async def _microphone(self) -> AsyncIterator[Audio]:
        async for frame in self._audio.microphone():
            self._near = frame.near
            if self._instead:
                self._instead(frame)
                frame = replace(frame, pcm=bytes(len(frame.pcm)), keys="")
            if self._recorder:
                self._recorder.caller(frame)
            for event in self._keypad.step(frame.keys, frame.end):
                self.tell(event)
            yield frame

    def _on_played(self, audio: Audio) -> None:
        self._mouth.on_played(audio)
        # What caller and person tell each other nobody writes down, so nobody could take out what is private.
        if self._recorder and not self._instead:
            self._recorder.desk(audio)

    def _desk_speaks(self) -> bool:
        return self._mouth.speaking or (self._audio.half_duplex and self._within_tail(self._audio.now()))

    def _within_tail(self, at: int) -> bool:
        end = self._mouth.spoken_until
        return end is not None and at - end < TAIL

    def _deaf(self) -> bool:
        return self._audio.half_duplex and self._desk_speaks()

    def _watch(self, probability: float, at: int, window: int) -> None:
        """Every window of sound: stop at once where somebody seems to speak."""
        if not self._mouth.speaking or not self._may_cut():
            return
        if self._afterwards and self._presses:
            self._tell(SpeechStarted(self._afterwards.start))
            self._tell(self._with_earlier())
            return
        act = self._evidence.step(probability, window, self._near)
        if act is Act.LOWER:
            self._mouth.duck()
        elif act is Act.STOP:
            self._mouth.pause()
            self._stopped = at
        elif self._nobody(at):
            self._go_on()

    def _nobody(self, at: int) -> bool:
        """Whether nobody keeps the desk from going on, or nobody whose words come."""
        calm = self._evidence.calm
        if calm and (self._cut_in is None or self._cut_in.idle):
            return True
        return self._mouth.paused and at - self._stopped >= (UNDECIDED if calm else WORDLESS)

    def _hear(self, event: Event) -> None:
        match event:
            case SpeechStarted() if self._mouth.speaking or self._within_tail(event.at):
                answers = self._mouth.left <= NEARLY and self._asks()
                self._cut_in = _CutIn(event.at, answers, self._goes_on(event.at))
                if self._cut_in.goes_on:
                    self._ears.expect(self._before)
            case Partial() if self._cut_in:
                self._hear_so_far(self._cut_in, event)
            case Heard() if self._cut_in:
                self._hear_out(self._cut_in, event)
            case Noise() if self._cut_in:
                if event.end > self._cut_in.at:
                    self._leave_off(self._cut_in)
            case _:
                self._tell(event)

    def _hear_so_far(self, cut_in: _CutIn, event: Partial) -> None:
        if cut_in.told:
            return self._tell(event)
        verdict = self._judge(event.text, cut_in.at, event.at, cut_in)
        if verdict is Verdict.TURN and self._may_cut():
            self._mouth.pause()
            self._tell(SpeechStarted(cut_in.at))
            self._tell(event)
            cut_in.told = True
        else:
            cut_in.idle = True
            if event.paused:
                self._ears.enough(event.text)
        return None

    def _hear_out(self, cut_in: _CutIn, heard: Heard) -> None:
        verdict = self._judge(heard.text, heard.start, heard.end, cut_in)
        wanted = verdict is Verdict.TURN or (verdict is Verdict.ASIDE and cut_in.answers)
        if verdict is Verdict.ECHO:
            self._hear_itself()
        if not wanted:
            return self._leave_off(cut_in)
        self._afterwards = self._with_earlier(heard)
        self._presses = verdict is Verdict.TURN
        if cut_in.told or not self._mouth.speaking or (self._presses and self._may_cut()):
            self._talked_down = self._talked_down + 1 if heard.end - heard.start > LONG else 0
            if not cut_in.told:
                self._tell(SpeechStarted(heard.start))
            self._tell(self._with_earlier())
            self._cut_in = None
        else:
            self._leave_off(cut_in)
        return None

    def _leave_off(self, cut_in: _CutIn) -> None:
        """It was nobody who wanted the turn."""
        if cut_in.told:
            self._tell(Noise(cut_in.at, self.now()))
        if cut_in.goes_on:
            self._ears.expect(self._expect)
        self._cut_in = None
        self._go_on()

    def _go_on(self) -> None:
        if self._mouth.paused:
            self._evidence.mistaken()
        self._mouth.resume()

    def _goes_on(self, at: int) -> bool:
        began = self._mouth.spoken_from
        return self._mouth.speaking and began is not None and at - began < samples(GOING_ON)

    def _judge(self, heard: str, start: int, end: int, cut_in: _CutIn) -> Verdict:
        played = self._mouth.words_between(start - LATE - RATE // 2, end + LATE)
        return judge(heard, played, cut_in.goes_on and self._before.kind in ("digits", "spelled"))

    def _may_cut(self) -> bool:
        wanted = self._mouth.interruptible and self._talked_down < TALKED_DOWN
        return not self._mouth.speaking or wanted

    def _with_earlier(self, heard: Heard | None = None) -> Heard:
        """What was to be told afterwards, and `heard` after it."""
        before, self._afterwards = self._afterwards, None
        if before and heard:
            return replace(heard, text=f"{before.text} {heard.text}", start=before.start)
        told = before or heard
        assert told
        return told

    def _hear_itself(self) -> None:
        self._itself += 1
        log.warning("call %s: the desk heard itself", self.id)
        if self._itself >= ITSELF:
            self._audio.heard_itself()

    def _asks(self) -> bool:
        return self._expect.kind == "yes_no" or self._mouth.line.rstrip().endswith("?")

    def _tell(self, event: Event) -> None:
        self._events.put_nowait(event)
