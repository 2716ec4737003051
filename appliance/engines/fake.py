"""Engines without models: for trying a desk on any machine, and for tests. Chosen like any other."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.engines import Woken
from appliance.messages import FRAME, RATE, Expect, Transcript, samples

PACE = samples(0.3)
"""Samples that the fake voice takes for a word: 200 words a minute."""

GAP = samples(0.05)
"""Silence at the end of each of them."""


def _level(pcm: bytes) -> float:
    """Root mean square, full scale 1."""
    sound = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float64)
    return math.sqrt(float((sound**2).mean())) / 32768 if sound.size else 0.0


class FakeWake:
    """Wakes at sound louder than `threshold` (full scale 1) after as much as 0.4 s of quiet."""

    def __init__(self, words: Sequence[str] = ("desk",), threshold: float = 0.1) -> None:
        self.word = next(iter(words), "desk")
        self.threshold = threshold

    def stream(self) -> FakeWakeStream:
        return FakeWakeStream(self)


class FakeWakeStream:
    QUIET = samples(0.4)

    def __init__(self, engine: FakeWake) -> None:
        self._engine = engine
        self._quiet = self.QUIET

    def push(self, pcm: bytes) -> Woken | None:
        if _level(pcm) < self._engine.threshold:
            self._quiet += len(pcm) // 2
            return None
        woken = self._quiet >= self.QUIET
        self._quiet = 0
        return Woken(self._engine.word, 0) if woken else None


class FakeVad:
    """Speech is what is louder than `threshold` (full scale 1), or, where `script` is given, its
    probabilities in order and silence after them; each stream has the script anew."""

    window = FRAME

    def __init__(self, threshold: float = 0.01, script: Sequence[float] | None = None) -> None:
        self.threshold = threshold
        self.script = script

    def stream(self) -> FakeVadStream:
        return FakeVadStream(self)


class FakeVadStream:
    def __init__(self, engine: FakeVad) -> None:
        self._threshold = engine.threshold
        self._script = None if engine.script is None else iter(engine.script)
        self._rest = b""

    def push(self, pcm: bytes) -> list[float]:
        pcm = self._rest + pcm
        step = 2 * FakeVad.window
        whole = len(pcm) - len(pcm) % step
        self._rest = pcm[whole:]
        return [self._probability(pcm[at : at + step]) for at in range(0, whole, step)]

    def _probability(self, pcm: bytes) -> float:
        if self._script is not None:
            return next(self._script, 0.0)
        return 1.0 if _level(pcm) > self._threshold else 0.0


class FakeEndOfTurn:
    """Takes the pauses of the `script` for what it says, in order, and every other for an end."""

    def __init__(self, script: Sequence[float] = ()) -> None:
        self._script = iter(script)

    def finished(self, pcm: bytes) -> float:
        return next(self._script, 1.0)


class FakeEcho:
    """Removes an echo that comes back as it was played, `delay` samples later and `gain` as loud."""

    def __init__(self, delay: int = 0, gain: float = 1.0) -> None:
        self.delay = delay
        self.gain = gain

    def stream(self) -> FakeEchoStream:
        return FakeEchoStream(self)


class FakeEchoStream:
    def __init__(self, engine: FakeEcho) -> None:
        self._gain = engine.gain
        self._before = np.zeros(engine.delay, dtype=np.float32)

    def remove(self, played: bytes, heard: bytes) -> bytes:
        known = np.concatenate((self._before, np.frombuffer(played, dtype="<i2").astype(np.float32)))
        echo, self._before = known[: len(heard) // 2], known[len(heard) // 2 :]
        left = np.frombuffer(heard, dtype="<i2") - self._gain * echo
        return bytes(np.clip(np.rint(left), -32768, 32767).astype("<i2").tobytes())


class FakeAsr:
    """Hears the lines of `script`, one per stream that had sound in it, and nothing after them. A partial
    holds a word per 0.3 s of loud sound, never more than the line has. `finished` is how finished the voice
    sounds at each pause in turn; none where it cannot tell."""

    def __init__(
        self, script: Sequence[str] = (), streams: bool = True, finished: Sequence[float] = ()
    ) -> None:
        self.streams = streams
        self.tells_ends = bool(finished)
        self.finished = iter(finished)
        self.expected: list[Expect] = []
        """What each stream was opened with."""
        self._lines = iter(script)

    def stream(self, expect: Expect) -> FakeAsrStream:
        self.expected.append(expect)
        return FakeAsrStream(self)

    def next_line(self) -> str:
        return next(self._lines, "")


class FakeAsrStream:
    def __init__(self, engine: FakeAsr) -> None:
        self._engine = engine
        self._line: str | None = None
        self._loud = 0

    def push(self, pcm: bytes) -> None:
        if _level(pcm) > 0.01:
            self._loud += len(pcm) // 2
            if self._line is None:
                self._line = self._engine.next_line()

    def partial(self) -> str:
        words = (self._line or "").split()
        return " ".join(words[: self._loud // PACE])

    def finish(self) -> Transcript:
        return Transcript(self._line or "", finished=next(self._engine.finished, None))


class FakeTts:
    """A tone of `PACE` samples per word, the last `GAP` of them silent, one piece per word: which word was
    cut can be counted."""

    voice = "fake"

    def __init__(self, hertz: float = 440.0) -> None:
        time = np.arange(PACE - GAP) / RATE
        tone = (0.2 * 32767 * np.sin(2 * np.pi * hertz * time)).astype("<i2")
        self._word = tone.tobytes() + bytes(2 * GAP)

    def speak(self, text: str, pace: float = 1.0) -> Iterator[bytes]:
        for _ in text.split():
            yield self._word


class FakeLlm:
    """Says the lines of `script` in order, then repeats what it is told; a word a piece. A word is a
    token."""

    def __init__(self, script: Sequence[str] = ()) -> None:
        self.asked: list[tuple[str, str]] = []
        """System and user of each question."""
        self._lines = iter(script)

    def reply(self, system: str, user: str, max_tokens: int) -> Iterator[str]:
        self.asked.append((system, user))
        yield from re.findall(r"\S+\s*", next(self._lines, user))[:max_tokens]

    def weigh(self, system: str, user: str, answers: Sequence[str]) -> list[float]:
        """All on the answer that the script says next, or alike on each."""
        self.asked.append((system, user))
        said = next(self._lines, "")
        if said in answers:
            return [float(answer == said) for answer in answers]
        return [1 / len(answers)] * len(answers)


class FakeEmbed:
    """Texts are as alike as they share words, whatever their order."""

    def __init__(self, dimensions: int = 256) -> None:
        self.dimensions = dimensions

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()) or [""]:
                row[zlib.crc32(word.encode()) % self.dimensions] += 1
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit
