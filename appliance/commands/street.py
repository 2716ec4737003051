"""Those who call a simulated modem: what they say, and what they hear of the desk."""

from __future__ import annotations

import asyncio
import logging
import re
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance import config
from appliance.channels.gsm.firmware import Line
from appliance.channels.gsm.replies import ACTIVE
from appliance.channels.gsm.simulator import Simulator
from appliance.channels.phone import loudness
from appliance.channels.playout import DEPTH, Playout
from appliance.channels.recorded import read_recording
from appliance.channels.soundcard import SoundCard
from appliance.engines import registry
from appliance.engines.resample import Resampler, resample
from appliance.engines.thread import EngineThread
from appliance.errors import ApplianceError
from appliance.messages import RATE, Expect

log = logging.getLogger(__name__)

CALLER = "+15550100"

LOUD = 300
"""Loudness (RMS) of what is somebody's voice."""

PAUSE = 0.8
"""Seconds of quiet after which what the desk said is written."""

TICK = 0.02


class Street:
    """Those who call a simulated modem, and whom the desk calls. `tell` writes a line for the person at the
    keyboard."""

    def __init__(self, simulator: Simulator, box: config.Box, tell: Callable[[str], None]) -> None:
        self.simulator = simulator
        self.caller = CALLER
        self._box = box
        self._tell = tell
        self._thread = EngineThread("simulate")
        self._engines: dict[str, Any] = {}
        self._call = bytearray()
        """What the desk said in this call, at the modem's rate."""
        self._said = bytearray()
        """What of it is not written yet."""
        self._quiet = 0.0
        self._playout: Playout | None = None
        self._talking: asyncio.Task[None] | None = None
        self._louder: Resampler | None = None

    def close(self) -> None:
        self._thread.close()

    async def prepare(self) -> None:
        """Load the voice that callers borrow, and the ears that write down what the desk says."""
        for kind in ("tts", "asr"):
            try:
                await self._engine(kind)
            except ApplianceError as error:
                self._tell(f"without {kind}, only recordings and heard.wav: {error}")

    async def say(self, what: str) -> None:
        """Words, or the name of a recording."""
        if re.search(r"\.(wav|flac|ogg|mp3)$", what):
            pcm = await self._thread.run(read_recording, Path(what))
        else:
            voice = await self._engine("tts")
            pcm = await self._thread.run(lambda: b"".join(voice.speak(what)))
        self.simulator.say(resample(pcm, RATE, to=self.simulator.rate))

    async def watch(self) -> None:
        """Tell what the desk does, until cancelled."""
        line, state, sent = self.simulator.line, -1, len(self.simulator.mailbox.sent)
        while True:
            now = self.simulator.line
            if now is not line or (now and now.state != state):
                await self._turn(line, now, state)
                line, state = now, now.state if now else -1
            for number, text in self.simulator.mailbox.sent[sent:]:
                self._tell(f"SMS to {number}: {text}")
            sent = len(self.simulator.mailbox.sent)
            await self._hear()
            await asyncio.sleep(TICK)

    def talk(self) -> None:
        """The person at this machine is the caller."""
        if not self._talking:
            self._talking = asyncio.create_task(self._by_microphone())

    def listen(self) -> None:
        """... no more."""
        if self._talking:
            self._talking.cancel()
        self._talking = self._playout = None

    async def _turn(self, before: Line | None, now: Line | None, state: int) -> None:
        """The call has become another, or come further."""
        if before and now is not before:
            await self._write()
            self._tell("the call is over" + self._keep())
        if now and not now.incoming and now is not before:
            self._tell(f"the desk calls {now.number}")
        elif now and now.state == ACTIVE:
            self._tell("the desk answers" if now.incoming else f"{now.number} takes the call")

    async def _hear(self) -> None:
        pcm = self.simulator.hear()
        if not pcm:
            return
        self._call += pcm
        # A loudspeaker that is off takes nothing, and must not keep anybody waiting.
        if self._playout and self._louder and self._playout.queued < DEPTH:
            self._playout.add(self._louder.push(pcm))
        if loudness(pcm) > LOUD:
            self._quiet = 0.0
            self._said += pcm
        elif self._said:
            self._quiet += len(pcm) / 2 / self.simulator.rate
            self._said += pcm
            if self._quiet > PAUSE:
                await self._write()

    async def _write(self) -> None:
        """Write the words that the desk said, as its own ears know them."""
        said, self._said = bytes(self._said), bytearray()
        if not said:
            return
        try:
            ears = await self._engine("asr")
        except ApplianceError as error:
            log.info("what the desk says is not written: %s", error)
            return

        def recognise() -> str:
            stream = ears.stream(Expect())
            stream.push(resample(said, self.simulator.rate, to=RATE))
            return str(stream.finish().text)

        if words := await self._thread.run(recognise):
            self._tell(f"desk: {words}")

    def _keep(self) -> str:
        """Keep what the desk said as a recording; where it lies, for people."""
        sound, self._call = bytes(self._call), bytearray()
        if not sound:
            return ""
        path = self.simulator.folder / "heard.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, self.simulator.rate, 0, "NONE", ""))
            file.writeframes(sound)
        return f"; what the desk said is in {path}"

    async def _by_microphone(self) -> None:
        kiosk = self._box.kiosk
        card = SoundCard(kiosk.microphone, kiosk.speaker, gain=kiosk.gain)
        card.on_state = lambda on, why: self._tell(f"microphone {'on' if on else 'off'}: {why}")
        self._playout, self._louder = Playout(), Resampler(self.simulator.rate)
        down = Resampler(RATE, to=self.simulator.rate)
        keeping = asyncio.create_task(card.keep())
        card.play(self._playout)
        try:
            while True:
                self.simulator.say(down.push((await card.read()).pcm))
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _engine(self, kind: str) -> Any:
        if kind not in self._engines:
            spec = getattr(self._box.engines, kind)
            self._engines[kind] = await self._thread.run(registry.make, kind, spec, self._box)
        return self._engines[kind]
