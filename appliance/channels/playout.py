"""What waits to be played, and the account of what was."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import numpy as np

from appliance.messages import FRAME, RATE, Audio

DEPTH = RATE // 2
"""Samples that may wait; a writer with more waits."""

FADE = RATE // 200
"""Samples over which a cut sound fades: 5 ms, so that it does not click."""


class Playout:
    """A queue of s16le mono 16 kHz sound between the mouth (asyncio) and a device (any thread).

    The device calls `pull` for what to play next and `played` when it has been heard; the mouth writes,
    cuts, and waits. `on_played` is told of every stretch that was played, on the loop's thread. `on_cut` is
    called at once by `cut`, in its thread, by a device that holds sound of its own to throw away.
    """

    def __init__(self, on_played: Callable[[Audio], None] | None = None) -> None:
        self.on_played = on_played
        self.on_cut: Callable[[], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._queued = bytearray()
        self._out = 0
        self._heard = asyncio.Event()
        self._closed = False
        self.level = 1.0
        """How loud to play from the next `pull` on, 0 to 1; it is reached within 20 ms."""
        self._level = 1.0

    async def write(self, pcm: bytes) -> None:
        """Queue sound; waits while more than `DEPTH` is queued."""
        self.add(pcm)
        while self.queued > DEPTH:
            self._heard.clear()
            await self._heard.wait()

    def add(self, pcm: bytes) -> None:
        """Queue sound that nobody else decides the pace of: another call's."""
        with self._lock:
            if not self._closed:
                self._queued += pcm

    @property
    def queued(self) -> int:
        """Samples written and not yet pulled."""
        return len(self._queued) // 2

    async def drain(self) -> None:
        """Wait until all that was written has been played."""
        while self._queued or self._out:
            self._heard.clear()
            await self._heard.wait()

    def close(self) -> None:
        """Nobody listens any more: nothing is queued from now on, and nobody waits for it to be played."""
        with self._lock:
            self._closed = True
            self._queued.clear()
        self._heard.set()

    def cut(self) -> None:
        """Forget what is queued, but for a fade of 5 ms so that it does not click."""
        with self._lock:
            tail = np.frombuffer(bytes(self._queued[: 2 * FADE]), dtype="<i2").astype(np.float32)
            fade = np.linspace(1.0, 0.0, len(tail), dtype=np.float32)
            self._queued = bytearray((tail * fade).astype("<i2").tobytes())
        # A writer that waits for room has room now, though nothing was played.
        self._heard.set()
        if self.on_cut:
            self.on_cut()

    def pull(self, count: int) -> bytes:
        """Up to `count` samples to play now; fewer, or none, when there are no more. From any thread."""
        with self._lock:
            pcm = bytes(self._queued[: 2 * count])
            del self._queued[: 2 * count]
            self._out += len(pcm) // 2
        return self._levelled(pcm) if pcm else pcm

    def _levelled(self, pcm: bytes) -> bytes:
        before, self._level = self._level, self.level
        if before == self._level == 1.0:
            return pcm
        sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        levels = np.full(len(sound), self._level, dtype=np.float32)
        ramp = min(len(sound), FRAME)
        levels[:ramp] = np.linspace(before, self._level, ramp)
        return bytes((sound * levels).astype("<i2").tobytes())

    def played(self, pcm: bytes, at: int) -> None:
        """The device has played `pcm`, from clock `at` on. From any thread; every pulled sample must come
        back here, or be given to `dropped`."""
        self._loop.call_soon_threadsafe(self._account, pcm, at)

    def dropped(self, count: int) -> None:
        """`count` pulled samples will never be heard. From any thread."""
        self._loop.call_soon_threadsafe(self._account, b"", 0, count)

    def _account(self, pcm: bytes, at: int, dropped: int = 0) -> None:
        with self._lock:
            self._out -= len(pcm) // 2 + dropped
        self._heard.set()
        if pcm and self.on_played:
            self.on_played(Audio(pcm, at))
