"""Voice makes a Call of an audio channel: ears on its microphone, a mouth on its speaker."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import replace

from appliance.channels import AudioChannel
from appliance.ears import Ears, Hearing
from appliance.keypad import NOTHING, Keypad
from appliance.messages import Audio, Event, Expect, Line, Notice, Spoken, samples
from appliance.mouth import Mouth
from appliance.observe.recorder import Recorder
from appliance.speech import Speech

TAIL = samples(0.25)
"""How long a room still carries the desk's voice after the loudspeaker has stopped."""


class Voice:
    """A Call by sound. What is heard and what is played may be recorded on the call's one clock."""

    def __init__(
        self,
        channel: AudioChannel,
        hearing: Hearing,
        speech: Speech,
        recorder: Recorder | None = None,
        silence: float = 8.0,
        shortcuts: Mapping[str, str] = NOTHING,
    ) -> None:
        """`shortcuts`: as `Keypad` has them."""
        self.id = channel.id
        self.channel = channel.channel
        self.desk_begins = channel.desk_begins
        self.caller = channel.caller
        self._audio = channel
        self._recorder = recorder
        self._mouth = Mouth(speech, channel.playout, channel.now)
        self._ears = Ears(hearing, self._desk_speaks, channel.now, channel.half_duplex, silence)
        self._keypad = Keypad(shortcuts)
        self._instead: Callable[[Audio], None] | None = None
        channel.playout.on_played = self._on_played

    async def hear(self) -> AsyncGenerator[Event]:
        async with aclosing(self._ears.listen(self._microphone())) as events:
            async for event in events:
                yield event

    async def say(self, lines: AsyncIterator[Line]) -> None:
        await self._mouth.say(lines)

    def spoken(self) -> Spoken:
        return self._mouth.spoken()

    def expect(self, what: Expect) -> None:
        self._ears.expect(what)
        self._keypad.expect(what)

    def tell(self, event: Event) -> None:
        """Let the desk hear of something that is no sound."""
        self._ears.tell(event)

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

    def notice(self, what: Notice) -> None:
        self._audio.notice(what)

    def now(self) -> int:
        return self._audio.now()

    async def hang_up(self) -> None:
        await self._audio.hang_up()

    async def _microphone(self) -> AsyncIterator[Audio]:
        async for frame in self._audio.microphone():
            if self._recorder:
                self._recorder.caller(frame)
            if self._instead:
                self._instead(frame)
                frame = replace(frame, pcm=bytes(len(frame.pcm)), keys="")
            for event in self._keypad.step(frame.keys, frame.end):
                self._ears.tell(event)
            yield frame

    def _on_played(self, audio: Audio) -> None:
        self._mouth.on_played(audio)
        if self._recorder:
            self._recorder.desk(audio)

    def _desk_speaks(self) -> bool:
        if self._mouth.speaking:
            return True
        end = self._mouth.spoken_until
        return self._audio.half_duplex and end is not None and self._audio.now() - end < TAIL
