"""What the rest of the box expects of an engine: one small Protocol per kind, one file per engine.

Engines block; `thread.py` is the only bridge from them to asyncio. An engine's constructor loads its model
and raises `ModelError` or `EngineError`; its heavy library is imported there, not at the top of the file. An
engine is used from one thread at a time. Sound is s16le mono 16 kHz bytes on every edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.messages import Expect, Transcript


@dataclass(frozen=True, slots=True)
class Woken:
    """A wake word was spoken."""

    word: str
    after: int
    """Samples of what was pushed that came after the word: the same breath may go on."""


class WakeStream(Protocol):
    def push(self, pcm: bytes) -> Woken | None:
        """Take any length of sound; tell when a wake word has just been spoken."""
        ...


class Wake(Protocol):
    def stream(self) -> WakeStream: ...


class VadStream(Protocol):
    def push(self, pcm: bytes) -> list[float]:
        """Take any length of sound; return the probability of speech, 0 to 1, of each whole window of
        `Vad.window` samples that it completed."""
        ...


class Vad(Protocol):
    window: int
    """Samples that one probability covers."""

    def stream(self) -> VadStream: ...


class EndOfTurn(Protocol):
    def finished(self, pcm: bytes) -> float:
        """How likely it is, 0 to 1, that who speaks in this sound has said all. The sound ends about 0.2 s
        into a pause; of a long one the last seconds count."""
        ...


class EchoStream(Protocol):
    def remove(self, played: bytes, heard: bytes) -> bytes:
        """What was heard without the echo of what was played. Both cover the same moments, in whole blocks
        of 10 ms; the echo may be up to 0.2 s late. Learns the room as it goes, in a second or two."""
        ...


class Echo(Protocol):
    def stream(self) -> EchoStream: ...


class AsrStream(Protocol):
    """One utterance."""

    def push(self, pcm: bytes) -> None:
        """Take more of the utterance. Cheap for engines that do not stream."""
        ...

    def partial(self) -> str:
        """The words so far; may change later."""
        ...

    def finish(self) -> Transcript:
        """The words of all that was pushed. May be called more than once, with pushes between: an
        utterance whose pause was not its end goes on. Text is empty where there were no words."""
        ...


class Asr(Protocol):
    streams: bool
    """True when `partial()` costs next to nothing because the engine decodes as it goes."""
    tells_ends: bool
    """True when its transcripts say how finished the voice sounds, so that no other engine need be asked."""

    def stream(self, expect: Expect) -> AsrStream: ...


class Tts(Protocol):
    voice: str
    """Tells this voice from any other: what was made by one is not taken for another's."""

    def speak(self, text: str, pace: float = 1.0) -> Iterator[bytes]:
        """Sound of the text, piece by piece as it is made; any piece length. [[...]] holds phonemes of the
        International Phonetic Alphabet. `pace` 1.2 speaks a fifth faster."""
        ...


class Llm(Protocol):
    def reply(self, system: str, user: str, max_tokens: int) -> Iterator[str]:
        """Pieces of text as they are made. Greedy, so that the same question has the same answer."""
        ...

    def weigh(self, system: str, user: str, answers: Sequence[str]) -> list[float]:
        """How probable each of a few answers of one token is as the first word of the reply, when nothing
        else may be said; their sum is 1. The prompt is read once."""
        ...


class Embed(Protocol):
    dimensions: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length per text, shape (len(texts), dimensions)."""
        ...
