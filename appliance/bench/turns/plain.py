"""The plain way to hold a call, to compare with: a fixed 700 ms of quiet end a turn, the whole utterance is
then recognised, the whole answer is made into sound, and then it is played. The engines and the mind are the
desk's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from appliance.app import App
from appliance.channels import AudioChannel
from appliance.engines import Asr, Tts, Vad
from appliance.engines.thread import EngineThread
from appliance.messages import RATE, Audio, Event, Expect, Heard, Line, Noise, Notice, Spoken, samples
from appliance.observe.recorder import Recorder

QUIET = samples(0.7)
"""Quiet that ends a turn."""

BEFORE = samples(0.3)
"""Sound kept from before speech was noticed."""

SPEECH = 0.5


class PlainCall:
    """A Call by sound, the plain way. Callers cannot interrupt."""

    desk_begins = True
    caller = ""

    def __init__(self, audio: AudioChannel, app: App, recorder: Recorder) -> None:
        self.id = audio.id
        self.channel = audio.channel
        self._audio = audio
        self._recorder = recorder
        self._vad: tuple[Vad, EngineThread] = app.engine("vad")  # type: ignore[assignment]
        self._asr: tuple[Asr, EngineThread] = app.engine("asr")  # type: ignore[assignment]
        self._tts: tuple[Tts, EngineThread] = app.engine("tts")  # type: ignore[assignment]
        self._expect = Expect()
        self._spoken = Spoken()
        self._busy = False
        audio.playout.on_played = self._on_played

    async def hear(self) -> AsyncIterator[Event]:
        vad, thread = self._vad
        stream, at, start, last = vad.stream(), 0, -1, 0
        sound = bytearray()
        async for frame in self._audio.microphone():
            self._recorder.caller(frame)
            if self._busy:
                start, sound = -1, bytearray()
                at = frame.end
                continue
            sound += frame.pcm
            for probability in await thread.run(stream.push, frame.pcm):
                at += vad.window
                if probability >= SPEECH:
                    last, start = at, at if start < 0 else start
            if start < 0:
                del sound[: -2 * BEFORE]
            elif frame.end - last >= QUIET:
                heard = await self._recognise(bytes(sound), start, last, frame.end)
                start, sound = -1, bytearray()
                yield heard

    async def _recognise(self, pcm: bytes, start: int, end: int, decided: int) -> Event:
        asr, thread = self._asr
        utterance = asr.stream(self._expect)

        def whole() -> str:
            utterance.push(pcm)
            return utterance.finish().text

        text = await thread.run(whole)
        return Heard(text, start, end, decided, self.now()) if text else Noise(start, end)

    async def say(self, lines: AsyncIterator[Line]) -> None:
        """Make all of the sound, then play it."""
        tts, thread = self._tts
        text = " ".join([line.text async for line in lines])
        self._spoken = Spoken(first_text=self.now())
        pcm = await thread.run(lambda: b"".join(tts.speak(text)))
        self._busy = True
        try:
            for at in range(0, len(pcm), RATE):
                await self._audio.playout.write(pcm[at : at + RATE])
            await self._audio.playout.drain()
            self._spoken = Spoken(text, self._spoken.start, self._spoken.end, self._spoken.first_text, True)
        except BaseException:
            self._audio.playout.cut()
            raise
        finally:
            self._busy = False

    def spoken(self) -> Spoken:
        return self._spoken

    def expect(self, what: Expect) -> None:
        self._expect = what

    def notice(self, what: Notice) -> None:
        self._audio.notice(what)

    def now(self) -> int:
        return self._audio.now()

    async def hang_up(self) -> None:
        await self._audio.hang_up()

    def _on_played(self, audio: Audio) -> None:
        start = audio.at if self._spoken.start is None else self._spoken.start
        self._spoken = Spoken("", start, audio.end, self._spoken.first_text)
        self._recorder.desk(audio)


async def talk(app: App, audio: AudioChannel, path: Path) -> None:
    """A whole conversation, the plain way."""
    recorder = Recorder(path)
    try:
        await app.chat(PlainCall(audio, app, recorder))
    finally:
        await audio.hang_up()
        recorder.close()
