"""How many conversations at once this box can hold, measured by what its engines take for a sentence."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol, TypeVar

from appliance.engines import Asr, Tts, Vad
from appliance.engines.thread import EngineThread
from appliance.messages import FRAME_BYTES, RATE, Expect

T = TypeVar("T")

log = logging.getLogger(__name__)

SENTENCE = "The desk is open from nine until half past five."

TURN = 8.0
"""Seconds from one answer to the next in a conversation: about three that the caller speaks, three that the
desk does, and pauses."""

TRANSCRIPTS = 2
"""Times that an utterance is transcribed: at a pause that was none, and at its end."""

BUSY = 0.5
"""Share of the cores, and of the time of the engine that is asked most, that conversations may take. Who
asks an engine that is busy half of the time waits half as long again as its work takes, on the average
(M/D/1); beyond that, soon for long. That is reasoned: it is not measured yet on a Pi with callers."""

MOST = 64


@dataclass(frozen=True, slots=True)
class Capacity:
    """What was measured."""

    conversations: int
    load: float = 0.0
    """Share of one core that one conversation takes."""
    longest: float = 0.0
    """Share of its time for which the engine that is asked most works for one conversation: each engine does
    one thing at a time, however many cores there are."""
    took: float = 0.0
    """Seconds of the measurement."""


def of(load: float, cores: int, longest: float = 0.0) -> int:
    """Conversations of so much load each; one is always held, however slowly."""
    needs = max(load / cores, longest)
    return max(1, min(MOST, math.floor(BUSY / needs))) if needs > 0 else MOST


@dataclass(frozen=True, slots=True)
class _Work:
    """What a piece of work took, in seconds."""

    processor: float
    clock: float


async def measure(
    vad: tuple[Vad, EngineThread], asr: tuple[Asr, EngineThread], tts: tuple[Tts, EngineThread]
) -> Capacity:
    """Say a sentence, hear it and understand it, each twice: what is done first is slower than ever after.
    Whatever else this process does meanwhile is counted with it."""
    began = time.monotonic()
    for _ in range(2):
        pcm, speaking = await tts[1].run(_spoken, tts[0])
        if not pcm:
            return Capacity(MOST)
        _, hearing = await vad[1].run(_heard, vad[0], pcm)
        _, transcribing = await asr[1].run(_transcribed, asr[0], pcm)
    lasts = len(pcm) / 2 / RATE
    works = ((hearing, 1 / lasts), (speaking, 1 / TURN), (transcribing, TRANSCRIPTS / TURN))
    load = sum(work.processor * often for work, often in works)
    longest = max(work.clock * often for work, often in works)
    conversations = of(load, len(os.sched_getaffinity(0)), longest)
    return Capacity(conversations, load, longest, time.monotonic() - began)


class Desk(Protocol):
    @property
    def calls(self) -> int:
        """That are under way."""
        ...

    async def quiet(self) -> None:
        """Wait until none is."""
        ...


async def in_quiet(
    vad: tuple[Vad, EngineThread], asr: tuple[Asr, EngineThread], tts: tuple[Tts, EngineThread], desk: Desk
) -> Capacity | None:
    """Measured while nobody calls; None where it cannot be."""
    measured = None
    while measured is None or desk.calls:
        await desk.quiet()
        try:
            measured = await measure(vad, asr, tts)
        except Exception:
            log.exception("how many conversations can be held is not known")
            return None
    log.info("%s", measured)
    return measured


def _timed(do: Callable[..., T]) -> Callable[..., tuple[T, _Work]]:
    """With what it took. The processor's time is that of all threads: engines have some of their own."""

    @wraps(do)
    def timed(*args: Any) -> tuple[T, _Work]:
        processor, clock = time.process_time(), time.monotonic()
        done = do(*args)
        return done, _Work(time.process_time() - processor, time.monotonic() - clock)

    return timed


@_timed
def _spoken(tts: Tts) -> bytes:
    return b"".join(tts.speak(SENTENCE))


@_timed
def _heard(vad: Vad, pcm: bytes) -> None:
    stream = vad.stream()
    for at in range(0, len(pcm) - FRAME_BYTES, FRAME_BYTES):
        stream.push(pcm[at : at + FRAME_BYTES])


@_timed
def _transcribed(asr: Asr, pcm: bytes) -> None:
    stream: Any = asr.stream(Expect())
    stream.push(pcm)
    stream.finish()
