"""Bursts of a tone, said to a desk that says everything again: how late each comes back."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from appliance.bench.phone.caller import PACKET, RATE, Refused, call

HERTZ = 1000

LASTS = 5
"""Packets of a burst: 100 ms."""

EVERY = 0.5
"""Seconds from one burst to the next."""

LEAD = 0.5
"""Seconds before the first: what is said while the other side still takes up the receiver, nobody hears."""

LOUD = 2000
"""Sample value over which the tone is there."""

Late = list[float]
"""Seconds, one of each burst that came back."""


def burst(rate: int = RATE) -> bytes:
    """100 ms, s16le."""
    at = np.arange(rate * LASTS // 50)
    return (12_000 * np.sign(np.sin(2 * np.pi * HERTZ * at / rate + 0.1))).astype("<i2").tobytes()


class Onsets:
    """Where bursts begin in sound that comes in pieces."""

    def __init__(self, rate: int = RATE) -> None:
        self.found: list[float] = []
        self._rate = rate
        self._quiet = RATE

    def push(self, pcm: bytes, at: float) -> None:
        """`at`: when its first sample was there to be played."""
        loud = np.flatnonzero(np.abs(np.frombuffer(pcm, dtype="<i2").astype(int)) > LOUD)
        if not len(loud):
            self._quiet += len(pcm) // 2
            return
        if self._quiet >= self._rate // 5:
            self.found.append(at + int(loud[0]) / self._rate)
        self._quiet = 0

    def late(self, said: list[float]) -> Late:
        """How long after each burst was said its onset came."""
        found = ((next((f for f in self.found if 0 <= f - at < EVERY), None), at) for at in said)
        return [onset - at for onset, at in found if onset is not None]


async def listen_to(name: str, desk: int, bursts: int) -> tuple[Late, int]:
    """One call: how late each burst came back, and how many packets came. Refused as by `call`."""
    tone, quiet = burst(), bytes(2 * PACKET)
    said: list[float] = []
    onsets = Onsets()
    async with call(name, desk) as caller:
        caller.heard = onsets.push
        began = time.monotonic()
        for number in range(round((bursts + 1) * EVERY * 50 + LEAD * 50)):
            # Not in step with the desk's own frames, nor always at the same place between them.
            await asyncio.sleep(max(0.0, began + number * 0.02 - time.monotonic()))
            within = (number - round(LEAD * 50)) % round(EVERY * 50)
            if within == 0 and number >= LEAD * 50 and len(said) < bursts:
                said.append(time.monotonic())
            sound = tone[2 * PACKET * within :][: 2 * PACKET] if within < LASTS and said else b""
            caller.send(sound or quiet)
        return onsets.late(said), caller.packets


async def _all(desk: int, calls: int, bursts: int) -> list[tuple[Late, int]]:
    async def one(number: int) -> tuple[Late, int]:
        await asyncio.sleep(number * 0.031)
        try:
            return await listen_to(f"tone-{number}", desk, bursts)
        except Refused:
            return [], 0

    return await asyncio.gather(*map(one, range(calls)))


def at_once(desk: int, calls: int, bursts: int) -> list[tuple[Late, int]]:
    """So many calls at the same time; nothing of a call that did not come about. For a process of its own."""
    return asyncio.run(_all(desk, calls, bursts))
