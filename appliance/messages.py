"""The plain records that everything passes around. Standard library only.

Clocks: every `at`, `start`, `end` and the like is a position on the call's sample clock, in samples of
16 kHz since the channel opened. It never runs backwards and never stops while the call lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

RATE = 16_000
"""Samples a second, everywhere inside the box."""

FRAME = 320
"""Samples in a frame: 20 ms."""

FRAME_BYTES = 2 * FRAME


def samples(seconds: float) -> int:
    return round(seconds * RATE)


def seconds(count: int) -> float:
    return count / RATE


@dataclass(frozen=True, slots=True)
class Audio:
    """A stretch of sound: s16le mono at 16 kHz."""

    pcm: bytes
    at: int
    """Clock of the first sample."""
    concealed: bool = False
    """True where the sound was lost and silence stands in for it."""
    keys: str = ""
    """What was pressed meanwhile on a telephone."""
    near: float | None = None
    """dB by which it stands out of the echo of the desk's own voice: about 0 where it is only that; None
    where no echo is expected."""

    @property
    def end(self) -> int:
        """Clock just after the last sample."""
        return self.at + len(self.pcm) // 2


@dataclass(frozen=True, slots=True)
class Expect:
    """What the desk waits to hear next; ears listen accordingly."""

    kind: Literal["any", "yes_no", "digits", "spelled", "name", "message"] = "any"
    words: tuple[str, ...] = ()
    """Words and names worth listening for, most likely first."""
    patience: float | None = None
    """Seconds of quiet that end the caller's turn here; None where the usual ones do."""
    digits: int | None = None
    """How many digits or letters make the answer whole, where that is known."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """What a key of a telephone stands for, in words: pressed, it is a whole answer."""
    cuts_in: bool = False
    """Whether it is said while the desk speaks: a single word then is probably a command."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words an engine made of an utterance."""

    text: str
    confidence: float = 1.0
    """0 to 1, as the engine sees it; comparable within one engine only."""
    finished: float | None = None
    """How likely, 0 to 1, the voice sounds finished; None where the engine cannot tell."""


# What a call lets one hear.


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak."""

    at: int


@dataclass(frozen=True, slots=True)
class Partial:
    """What has been understood so far of an utterance that is not over."""

    text: str
    at: int
    paused: bool = False
    """True where the caller has paused after these words, and may have finished."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A finished utterance."""

    text: str
    start: int
    """Clock of the first sample of speech."""
    end: int
    """Clock just after the last sample of speech."""
    decided: int
    """Clock when it was certain that the turn was over."""
    transcribed: int
    """Clock when the final words were there (they may precede `decided`: they are prepared in the pause)."""
    confidence: float = 1.0
    false_ends: int = 0
    """Pauses in it that were taken for its end; the caller heard no more than the beginning of an answer."""

    def going_on(self, more: Heard) -> Heard:
        """What was taken for two utterances, as the one that it was."""
        ends = self.false_ends + 1 + more.false_ends
        confidence = min(self.confidence, more.confidence)
        text = f"{self.text} {more.text}"
        return replace(more, text=text, start=self.start, confidence=confidence, false_ends=ends)


@dataclass(frozen=True, slots=True)
class Noise:
    """What began like speech turned out to hold no words."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody has spoken for a while, though the desk is waiting."""

    at: int


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A caller who was to be put through to a person is with the desk again."""

    at: int
    why: str


@dataclass(frozen=True, slots=True)
class Closing:
    """The desk is about to stop, and lets its callers go."""

    at: int


Event = SpeechStarted | Partial | Heard | Noise | Silence | TakenBack | Closing

Cause = Heard | Noise | Silence | TakenBack | Closing
"""What the desk may have an answer to."""


# What a call is told to say, and what came of it.


@dataclass(frozen=True, slots=True)
class Line:
    """Something to say; a sentence, or a few."""

    text: str
    fixed: bool = True
    """True when it stands word for word in the desk file, so that its sound may be kept and used again."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word, and where it lies on the call's clock; one may end where the next begins."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was really played of an answer, which may be less than was meant."""

    text: str = ""
    """The words played; cut at the word at which the caller cut in."""
    start: int | None = None
    """Clock of the first sample played."""
    end: int | None = None
    """Clock just after the last sample played."""
    first_text: int | None = None
    """Clock when the first words to say were there (first token, where an LLM words the answer)."""
    whole: bool = False
    """True when everything that was meant was played."""
    words: tuple[Word, ...] = field(default=(), compare=False)
    """The words played, where the channel knows when each was."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the brain made of an utterance, and why."""

    intent: str
    """The fact, flow step or small talk that was chosen; `unknown` when none was."""
    why: str
    """In a few words: by which rule and how sure."""
    source: str = ""
    """Where the words of the answer stand: `desk.toml fact.hours`."""
    score: float | None = None
    understanding: float = field(default=0.0, compare=False)
    """Seconds that finding out what was meant took."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The record of one exchange."""

    call: str
    number: int
    """1 is the greeting."""
    cause: Cause | None = None
    """What the desk answered; None where it spoke first."""
    decision: Decision | None = None
    meant: str = ""
    """The words that were to be said, as far as they were ready."""
    spoken: Spoken = field(default_factory=Spoken)
    """What was played of them."""
    foreseen: bool = False
    """Whether the answer was prepared before the turn was over."""
    began: int | None = field(default=None, compare=False)
    """Clock when deciding began ..."""
    answered: int | None = field(default=None, compare=False)
    """... and when the answer was decided."""


@dataclass(frozen=True, slots=True)
class Saying:
    """An answer that is being spoken, for a screen that follows it: the turn as far as it has come."""

    turn: Turn


Notice = Event | Saying | Turn
"""What a channel with a screen may show. A Turn comes once, when the answer is over."""
