"""When the caller speaks, pauses and has finished: a small state machine over a VAD's probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from appliance.messages import samples

SPEECH = 0.5
"""A window at or above this is speech."""

QUIET = 0.35
"""A window below this is not. Between the two, a window counts as whatever the last one was."""

ONSET = samples(0.09)
"""Speech needed to believe that somebody speaks."""

PAUSE = samples(0.12)
"""Quiet after which the words so far are worth transcribing, in case that was all."""

RESUME = samples(0.06)
"""Speech needed in a pause to believe that the caller goes on."""

LONGEST = samples(60)
"""A turn is taken to be over after this long even without a pause."""

UNJUDGED = samples(3.0)
"""Quiet that ends a turn as long as nothing is known of the pause."""


class Change(Enum):
    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Span:
    """Where the speech of a turn lies, on the call's sample clock."""

    start: int
    end: int


class TurnTaking:
    """Step it with every VAD window; it tells what changed. `span` holds the speech of the turn so far."""

    def __init__(self) -> None:
        self.patience = UNJUDGED
        """Samples of quiet that end the turn."""
        self.span = Span(0, 0)
        self._speaking = False
        self._paused = False
        self._loud = 0
        self._was_speech = False

    def judge(self, patience: int) -> None:
        """How much quiet ends the turn, unless the caller goes on first."""
        self.patience = patience

    @property
    def in_turn(self) -> bool:
        """True from the caller's first word to the end of the turn, pauses included."""
        return self._speaking

    @property
    def speech(self) -> bool:
        """Whether the last window was speech."""
        return self._was_speech

    def quiet(self, at: int) -> bool:
        """Whether the last turn is over and nobody has spoken since for as long as ends one."""
        return not self._speaking and at - self.span.end >= self.patience

    def step(self, probability: float, at: int, window: int) -> Change | None:
        """`probability` of speech in the `window` samples from clock `at` on."""
        speech = probability >= (QUIET if self._was_speech else SPEECH)
        self._was_speech = speech
        self._loud = self._loud + window if speech else 0
        end = at + window
        if not self._speaking:
            return self._wait(end)
        if self._paused:
            return self._pause(end)
        return self._speak(speech, end)

    def _wait(self, end: int) -> Change | None:
        if self._loud < ONSET:
            return None
        self._speaking = True
        self.span = Span(end - self._loud, end)
        return Change.STARTED

    def _speak(self, speech: bool, end: int) -> Change | None:
        if speech:
            self.span = Span(self.span.start, end)
            if end - self.span.start >= LONGEST:
                return self._over()
        elif end - self.span.end >= PAUSE:
            self._paused = True
            self.patience = UNJUDGED
            return Change.PAUSED
        return None

    def _pause(self, end: int) -> Change | None:
        if self._loud >= RESUME:
            self._paused = False
            self.span = Span(self.span.start, end)
            return Change.RESUMED
        if end - self.span.end >= self.patience and not self._loud:
            return self._over()
        return None

    def _over(self) -> Change:
        self._speaking = self._paused = False
        self._loud = 0
        return Change.ENDED
