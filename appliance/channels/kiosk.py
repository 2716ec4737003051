"""The kiosk: whoever stands before the box wakes the desk and talks to it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Literal
from uuid import uuid4

import numpy as np

from appliance.channels import Desk
from appliance.channels.playout import Playout
from appliance.channels.presence import Presence
from appliance.channels.soundcard import SoundCard
from appliance.engines import Vad, Wake
from appliance.engines.thread import EngineThread
from appliance.gpio.light import State
from appliance.messages import (
    FRAME,
    RATE,
    Audio,
    Heard,
    Noise,
    Notice,
    Saying,
    Silence,
    SpeechStarted,
    Turn,
    samples,
    seconds,
)

log = logging.getLogger(__name__)

Mode = Literal["speech", "word", "button", "presence", "always"]

SPEECH = 0.5
"""Probability from which a window counts as speech."""

SPOKEN_TO = samples(0.2)
"""Speech without a break that wakes the desk."""

SAME_BREATH = samples(3.0)
"""What was said after the wake word, until it was recognised, that a call can begin with."""

BEFORE_SPEECH = samples(0.5)
"""How much of what preceded the speech a call begins with."""

PATIENCE = 5.0
"""Seconds that a call waits for a microphone that was unplugged."""

AFTERWARDS = samples(0.3)
"""After a call, how long the room may still carry its sound."""


class Kiosk:
    """Waits to be woken, then hands the desk one call after the other, all from one sound card.

    `mode` is what wakes: "speech" (the VAD hears 200 ms of it), "word" (`wake` hears its word), "button"
    (`wake_now` only), "presence" (somebody comes, or stands there and speaks), or "always" (nothing is waited
    for). `wake_now` works in each of them. `echo` says who
    removes the desk's own voice from the microphone: "cancel" the sound card that is given, "hardware" the
    device; with "half-duplex", or where neither does it well, a visitor cannot interrupt. `on_state` is told
    when the kiosk comes or goes, and why. `thread` is that of the engine that wakes (`wake` with "word", else
    `vad`), where others use the engine too.
    """

    name = "kiosk"

    def __init__(
        self,
        sound: SoundCard,
        vad: Vad,
        wake: Wake | None = None,
        mode: Mode = "speech",
        echo: Literal["cancel", "hardware", "half-duplex"] = "half-duplex",
        chime: bool = True,
        on_state: Callable[[bool, str], None] | None = None,
        thread: EngineThread | None = None,
        presence: Presence | None = None,
    ) -> None:
        if mode == "word" and wake is None:
            raise ValueError("waking by word needs a wake engine")
        self._sound = sound
        self._vad = vad
        self._wake = wake
        self._mode = mode
        self._echo = echo
        self._heard_itself = False
        self._chime = chime
        self._pressed = asyncio.Event()
        self.muted = False
        """Whether nobody is listened to before a call, and nothing wakes the desk."""
        self._call_on: KioskChannel | None = None
        self._hanging_up: set[asyncio.Task[None]] = set()
        self.show: Callable[[State], None] = lambda state: None
        """Told what the desk is doing, for a light."""
        self._on_state = on_state
        self._thread = thread
        self._presence = presence
        sound.on_state = self._tell

    @property
    def state(self) -> tuple[bool, str]:
        """Whether the kiosk is on, and why: `(False, "no microphone; plug one in")`."""
        if self._sound.on and self.half_duplex:
            return True, f"{self._sound.why}; nobody can cut in: {self._why_half_duplex()}"
        return self._sound.on, self._sound.why

    @property
    def half_duplex(self) -> bool:
        """Whether nothing is listened to while the desk speaks, because it would hear itself."""
        card = self._sound.echo
        missing = self._echo == "half-duplex" or (self._echo == "cancel" and card is None)
        return missing or self._heard_itself or (card is not None and card.fails)

    def heard_itself(self) -> None:
        """The desk took its own voice for a visitor's."""
        self._heard_itself = True
        self._tell(*self.state)

    def wake_now(self) -> None:
        """The button: wake as if spoken to. Does nothing during a call; while one ends, the next is begun."""
        if not self.talking:
            self._pressed.set()

    @property
    def talking(self) -> bool:
        """Whether a call is under way that is not about to end."""
        return bool(self._call_on and not self._call_on.over)

    def end_now(self) -> None:
        """The handset is put back: end the call, or begin none."""
        self._pressed.clear()
        if self._call_on:
            task = asyncio.create_task(self._call_on.hang_up())
            self._hanging_up.add(task)
            task.add_done_callback(self._hanging_up.discard)

    async def serve(self, desk: Desk) -> None:
        """Wait for people and hand each to the desk, until cancelled. Where no microphone is there, wait for
        one to be plugged in."""
        engine = self._thread or EngineThread("kiosk engine")
        if self._presence:
            self._presence.on_come = partial(self._from_its_thread, asyncio.get_running_loop())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sound.keep())
                while True:
                    await self._converse(desk, await self._woken(engine))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            if self._presence:
                self._presence.close()
            if engine is not self._thread:
                engine.close()

    async def _converse(self, desk: Desk, channel: KioskChannel) -> None:
        lost = self._sound.lost
        self._call_on = channel
        self._pressed.clear()
        self.show("listening")
        try:
            if self._chime and self._mode in ("word", "button"):
                await channel.chime()
            await desk.talk(channel)
        except Exception:
            log.exception("kiosk call %s failed", channel.id)
        finally:
            await channel.hang_up()
            self._call_on = None
            self.show("idle")
        log.info(
            "kiosk call %s: %.1f s, %.2f s of sound lost",
            channel.id,
            seconds(channel.now()),
            seconds(self._sound.lost - lost),
        )
        await self._settle()

    async def _settle(self) -> None:
        """Let the sound of a call die away before listening for the next."""
        quiet = self._sound.now() + AFTERWARDS
        while (await self._sound.read()).at < quiet:
            pass
        self._sound.play(None)

    async def _woken(self, engine: EngineThread) -> KioskChannel:
        """Wait to be woken; the call begins with what was said until then."""
        speaks = self._mode in ("speech", "presence")
        speech = await engine.run(self._vad.stream) if speaks else None
        word = await engine.run(self._wake.stream) if self._wake and self._mode == "word" else None
        kept = SAME_BREATH if word else BEFORE_SPEECH + SPOKEN_TO
        recent: deque[Audio] = deque(maxlen=kept // FRAME + 5)
        spoken = 0
        while True:
            frame = await self._sound.read()
            if self.muted:
                self._pressed.clear()
                recent.clear()
                spoken = 0
                continue
            if self._pressed.is_set() or self._mode == "always":
                return self._call(frame.at, [frame], desk_begins=True)
            recent.append(frame)
            if word and (woken := await engine.run(word.push, frame.pcm)):
                rest = [each for each in recent if each.end > frame.end - woken.after]
                return self._call(rest[0].at if rest else frame.end, rest, desk_begins=False)
            if speech:
                for probability in await engine.run(speech.push, frame.pcm):
                    counts = probability >= SPEECH and self._somebody_is_there()
                    spoken = spoken + self._vad.window if counts else 0
                if spoken >= SPOKEN_TO:
                    return self._call(recent[0].at, list(recent), desk_begins=False)

    def _from_its_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        """Somebody has come."""
        loop.call_soon_threadsafe(self.wake_now)

    def _somebody_is_there(self) -> bool:
        return self._presence.there if self._presence else self._mode == "speech"

    def _call(self, zero: int, beginning: list[Audio], desk_begins: bool) -> KioskChannel:
        return KioskChannel(self, self._sound, zero, beginning, desk_begins)

    def _why_half_duplex(self) -> str:
        if self._echo == "half-duplex":
            return "echo is not cancelled (box.toml kiosk.echo)"
        if self._echo == "cancel" and self._sound.echo is None:
            return "there is no echo cancellation"
        if self._sound.echo and self._sound.echo.unsteady:
            return 'its echo comes now sooner, now later; use another sound card, or echo = "hardware"'
        return "the microphone hears the loudspeaker; turn it down, or put them farther apart"

    def _tell(self, on: bool, why: str) -> None:
        if not on:
            self._heard_itself = False  # What is plugged in next may do better.
        log.info("kiosk %s: %s", "on" if on else "off", why)
        if self._on_state:
            self._on_state(on, why)


class KioskChannel:
    """One call at the kiosk: the sound card from clock `zero` on, until the desk or the device is gone."""

    channel = "kiosk"
    caller = ""

    def __init__(
        self, kiosk: Kiosk, sound: SoundCard, zero: int, beginning: list[Audio], desk_begins: bool
    ) -> None:
        self.id = uuid4().hex
        self.desk_begins = desk_begins
        self.playout = Playout()
        self._kiosk = kiosk
        self._sound = sound
        self._zero = zero
        self._beginning = beginning
        self._latest = 0
        self._over = False
        self._waiting: asyncio.Timeout | None = None
        sound.play(self.playout, zero)

    @property
    def half_duplex(self) -> bool:
        return self._kiosk.half_duplex

    @property
    def over(self) -> bool:
        """Whether it has been hung up."""
        return self._over

    def heard_itself(self) -> None:
        self._kiosk.heard_itself()

    async def microphone(self) -> AsyncIterator[Audio]:
        for frame in self._beginning:
            yield self._from_zero(frame)
        while (following := await self._frame()) is not None:
            yield self._from_zero(following)

    def notice(self, what: Notice) -> None:
        """The kiosk has no screen, but it may have a light."""
        match what:
            case Heard():
                self._kiosk.show("thinking")
            case Saying():
                self._kiosk.show("speaking")
            case Turn() | Noise() | Silence() | SpeechStarted():
                self._kiosk.show("listening")

    def now(self) -> int:
        self._latest = max(self._latest, self._sound.now() - self._zero)
        return self._latest

    async def hang_up(self) -> None:
        self._over = True
        self.playout.cut()
        if self._waiting and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def chime(self) -> None:
        """Say without words: I am listening."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self.playout.write(CHIME)
                await self.playout.drain()

    async def _frame(self) -> Audio | None:
        """The next frame; None when the desk has hung up or the microphone stays away."""
        if self._over:
            return None
        try:
            async with asyncio.timeout(PATIENCE) as self._waiting:
                return await self._sound.read()
        except TimeoutError:
            return None
        finally:
            self._waiting = None

    def _from_zero(self, frame: Audio) -> Audio:
        # What was heard lies in the past, though an audio server may hand it out a little early.
        self._latest = max(self._latest, frame.end - self._zero)
        return replace(frame, at=frame.at - self._zero)


def _chime() -> bytes:
    """Two soft notes, a fourth apart, 160 ms."""
    moments = np.arange(samples(0.16)) / RATE
    sound = np.zeros(len(moments))
    for pitch, start in ((659.3, 0.0), (880.0, 0.05)):
        since = np.maximum(moments - start, 0)
        sound += np.sin(2 * np.pi * pitch * since) * np.minimum(since / 0.005, 1) * np.exp(-since / 0.04)
    fade = np.minimum((moments[-1] - moments) / 0.02, 1)
    return bytes((sound * fade * 0.12 * 32767).astype("<i2").tobytes())


CHIME = _chime()
