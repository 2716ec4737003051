"""A telephone call as an audio channel, whatever carries it: one clock, no gaps, a frame out every 20 ms."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Protocol
from uuid import uuid4

import numpy as np

from appliance.channels import Desk
from appliance.channels.dtmf import Keys
from appliance.channels.playout import Playout
from appliance.channels.spare import Spare
from appliance.messages import FRAME, FRAME_BYTES, RATE, Audio, Notice, samples, seconds

log = logging.getLogger(__name__)

FIRST = 0.1
"""Seconds for the first sound to come: the call's frames begin when it does, so that none waits for long."""

SLACK = 0.008
"""Seconds by which a frame may come later than the first did and still be in time."""

FULL = 12
"""Frames that may wait; what is older is lost. A burst is no reason to hear everything later for good."""

SOFT = 200
"""Loudness (RMS) under which nobody misses a frame."""

FORGET = 5
"""Frames in a row that are lost after which silence is heard instead of the last sound dying away."""


class Leg(Protocol):
    """What carries the sound of a call: a modem's port, a SIP session."""

    def send(self, pcm: bytes) -> None:
        """Take 20 ms for the other side, s16le mono 16 kHz. Called every 20 ms; must not wait."""
        ...

    def press(self, keys: str) -> None:
        """Press keys for the other side. Must not wait."""
        ...

    async def transfer(self, to: str, patience: float) -> None:
        """Let the other side call `to` instead, and be gone; DeviceError where it cannot or will not, and the
        call goes on."""
        ...

    async def hang_up(self) -> None:
        """End the call. Safe to repeat."""
        ...


class PhoneCall:
    """The call's clock is this computer's, from the moment it stood: recordings never drift, whatever the
    other side's clock does. What comes late or never is concealed and counted."""

    desk_begins = True
    half_duplex = False

    def __init__(self, leg: Leg, channel: str, caller: str = "", call: str = "") -> None:
        self.id = call or uuid4().hex
        self.channel = channel
        self.caller = caller
        """The number that the network tells; it proves nothing. Empty where it is withheld."""
        self.playout = Playout()
        self.concealed = 0
        """Frames that were lost or late."""
        self.dropped = 0
        """Frames that were left out to catch up, or because nobody listened."""
        self._keypad = Keys()
        self.leg = leg
        self._waiting: deque[bytes] = deque()
        self._rest = b""
        self._last = bytes(FRAME_BYTES)
        self._lost_in_a_row = 0
        self._spare = Spare()
        self._heard: asyncio.Queue[Audio | None] = asyncio.Queue(100)
        self._time = asyncio.get_running_loop().time
        self._came = asyncio.Event()
        self._began: float | None = None
        self._clock = 0
        self._over = False
        self._running = asyncio.create_task(self._run(), name=f"phone {self.id}")

    # The leg's side.

    def push(self, pcm: bytes) -> None:
        """What came from the other side, s16le mono 16 kHz, cut anywhere."""
        self._rest += pcm
        while len(self._rest) >= FRAME_BYTES:
            self._waiting.append(self._rest[:FRAME_BYTES])
            self._rest = self._rest[FRAME_BYTES:]
            self._came.set()
        while len(self._waiting) > FULL:
            self._waiting.popleft()
            self.dropped += 1

    def press(self, key: str) -> None:
        """The line tells that the caller pressed a key."""
        self._keypad.told(key)

    def ended(self) -> None:
        """The other side is gone."""
        if not self._over:
            self._over = True
            self._running.cancel()
            self.playout.close()
            self._tell(None)

    # The desk's side.

    @property
    def over(self) -> bool:
        return self._over

    async def microphone(self) -> AsyncIterator[Audio]:
        while (frame := await self._heard.get()) is not None:
            yield frame

    def dial_keys(self, keys: str) -> None:
        """Press keys for the other side."""
        if keys:
            self.leg.press(keys)

    async def transfer(self, to: str, patience: float = 30.0) -> None:
        """As `Leg.transfer`."""
        await self.leg.transfer(to, patience)

    def notice(self, what: Notice) -> None:
        """A telephone has no screen."""

    def heard_itself(self) -> None:
        self.half_duplex = True

    def now(self) -> int:
        return max(self._clock, samples(self._time() - self._began)) if self._began else 0

    async def hang_up(self) -> None:
        self.ended()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([self._running])
        await self.leg.hang_up()

    async def _run(self) -> None:
        """A frame in and a frame out every 20 ms."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST):
                await self._came.wait()
        await asyncio.sleep(SLACK)
        began = self._began = self._time()
        while True:
            self._tell(self._keypad.hear(self._next()))
            # Whoever listens may answer it at once: another call that this one is joined to does.
            await asyncio.sleep(0)
            self._speak()
            self._clock += FRAME
            await asyncio.sleep(max(0.0, began + seconds(self._clock) - self._time()))

    def _next(self) -> Audio:
        """The next frame of the other side."""
        self._spare.look(len(self._waiting) - 1)
        if not self._waiting:
            self.concealed += 1
            self._lost_in_a_row += 1
            return Audio(self._conceal(), self._clock, concealed=True)
        self._lost_in_a_row = 0
        if self._spare.frames and len(self._waiting) > 1 and loudness(self._waiting[0]) < SOFT:
            self._waiting.popleft()
            self.dropped += 1
            self._spare.left_out()
        self._last = self._waiting.popleft()
        return Audio(self._last, self._clock)

    def _conceal(self) -> bytes:
        """The last sound dying away: a hole would sound like a click, and to a recogniser like a plosive."""
        if self._lost_in_a_row > FORGET:
            return bytes(FRAME_BYTES)
        sound = np.frombuffer(self._last, dtype="<i2").astype(np.float32)
        # Backwards, so that its first sample follows the last one that was heard.
        sound = sound[::-1] if self._lost_in_a_row % 2 else sound
        before = 1 - (self._lost_in_a_row - 1) / FORGET
        fade = np.linspace(before, before - 1 / FORGET, FRAME, dtype=np.float32)
        return bytes((sound * fade).astype("<i2").tobytes())

    def _speak(self) -> None:
        pcm = self.playout.pull(FRAME)
        self.leg.send(pcm.ljust(FRAME_BYTES, b"\0"))
        if pcm:
            self.playout.played(pcm, self._clock)

    def _tell(self, frame: Audio | None) -> None:
        if self._heard.full():
            self._heard.get_nowait()
            self.dropped += 1
        self._heard.put_nowait(frame)


def loudness(pcm: bytes) -> float:
    """RMS of s16le sound, 0 to 32,768."""
    sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    return float(np.sqrt((sound**2).mean())) if len(sound) else 0.0


__all__ = ["RATE", "Leg", "PhoneCall", "loudness"]


async def attend(call: PhoneCall, desk: Desk) -> None:
    """Have the desk talk to who calls; whatever happens, nobody is left on the line."""
    try:
        await desk.talk(call)
    except Exception:
        log.exception("%s call %s failed", call.channel, call.id)
    finally:
        await asyncio.shield(call.hang_up())
    log.info(
        "%s call %s: %.1f s, %d frames concealed, %d dropped",
        call.channel, call.id, seconds(call.now()), call.concealed, call.dropped,
    )  # fmt: skip
