"""How many conversations at once this box can hold, measured by what its engines take for a sentence."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from typing import Any

from appliance.engines import Asr, Tts, Vad
from appliance.engines.thread import EngineThread
from appliance.messages import FRAME_BYTES, RATE, Expect

SENTENCE = "The desk is open from nine until half past five."

TURN = 8.0
"""Seconds from one answer to the next in a conversation: about three that the caller speaks, three that the
desk does, and pauses."""

TRANSCRIPTS = 2
"""Times that an utterance is transcribed: at a pause that was none, and at its end."""

BUSY = 0.5
"""Share of the cores that may work for conversations: beyond it one caller's answer waits for another's."""

MOST = 64


@dataclass(frozen=True, slots=True)
class Capacity:
    """What was measured."""

    conversations: int
    load: float = 0.0
    """Share of one core that one conversation takes."""
    took: float = 0.0
    """Seconds of the measurement."""


def of(load: float, cores: int) -> int:
    """Conversations of so much load each; one is always held, however slowly."""
    return max(1, min(MOST, math.floor(BUSY * cores / load))) if load > 0 else MOST


async def measure(
    vad: tuple[Vad, EngineThread], asr: tuple[Asr, EngineThread], tts: tuple[Tts, EngineThread]
) -> Capacity:
    """Say a sentence, hear it and understand it, each twice: what is done first is slower than ever after."""
    began = time.monotonic()
    for _ in range(2):
        pcm, speaking = await tts[1].run(_spoken, tts[0])
        if not pcm:
            return Capacity(MOST)
        hearing = await vad[1].run(_heard, vad[0], pcm)
        transcribing = await asr[1].run(_transcribed, asr[0], pcm)
    lasts = len(pcm) / 2 / RATE
    load = hearing / lasts + (speaking + TRANSCRIPTS * transcribing) / TURN
    return Capacity(of(load, len(os.sched_getaffinity(0))), load, time.monotonic() - began)


def _spoken(tts: Tts) -> tuple[bytes, float]:
    """The sentence's sound, and seconds of processor that it took."""
    began = _processor()
    return b"".join(tts.speak(SENTENCE)), _processor() - began


def _heard(vad: Vad, pcm: bytes) -> float:
    began, stream = _processor(), vad.stream()
    for at in range(0, len(pcm) - FRAME_BYTES, FRAME_BYTES):
        stream.push(pcm[at : at + FRAME_BYTES])
    return _processor() - began


def _transcribed(asr: Asr, pcm: bytes) -> float:
    began = _processor()
    stream: Any = asr.stream(Expect())
    stream.push(pcm)
    stream.finish()
    return _processor() - began


def _processor() -> float:
    """Of all threads: engines have some of their own."""
    return time.process_time()
