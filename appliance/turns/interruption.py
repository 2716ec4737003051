"""Who cuts in on the desk, and who coughs, agrees, or is its own echo."""

from __future__ import annotations

import re
from enum import Enum

from rapidfuzz.fuzz import partial_ratio

from appliance.messages import samples
from appliance.spoken import words

SPEECH = 0.5
"""A window at or above this may be speech."""

MOST = 0.2
"""Of its probability of speech, what one window counts at most where no echo is expected: a click is over in
one."""

ENOUGH = 0.25
"""What two windows together must count for the desk to fall silent. Words begin softly: it takes a while
until a window is speech by itself, and who is wrong goes on at the word."""

MOST_NEAR = 0.35
"""The same where one is."""

NEAR = ((4.0, 0.0), (2.5, 0.1), (2.0, 0.45))
"""What stands out of the desk's own echo by so many dB is somebody, if two windows together count so much.
Cancelling an echo takes some of the caller's voice with it, so that it may sound like nobody's."""

WARY = samples(4.0)
"""How long more is asked for, after the desk has fallen silent for nothing ..."""

WARIER = 0.8
"""... and what it hears counts so much of what it did in echo ..."""

SOFTER = 0.5
"""... and so much without."""

GOING_ON = 1.0
"""Seconds into an answer in which hardly anything of it was understood: who speaks by then goes on with what
was being said, unless the words mean something by themselves."""

CALM = samples(0.2)
"""Quiet after which a sound too short to be a word is over."""

ALIKE = 75.0
"""Likeness, of 100, from which what was heard is what was played ..."""

SHORT = 8
"""... where it has this many letters; what is shorter must stand there as it is."""

FEW = 4
"""Words; who says more than that does not only agree."""

ASIDES = frozenset(
    """0 ah aha alright cool er exactly fine good great ha haha heh hm hmm huh k m mhm mm mmhm mmm nice o okay
    oh perfect right sure thanks uh uhhuh um wonderful wow ya yah yeah yep yes yup""".split()
)
"""Words by which a listener says: go on. So do laughs, and what an engine hears in a cough."""

ASIDE = re.compile(
    r"\b(i see|got it|of course|thank you|i understand|that is right|that's right|very good)\b"
)
"""Phrases that say the same."""


class Act(Enum):
    """What the desk does about what it hears while it speaks."""

    LOWER = "lower the voice"
    STOP = "fall silent"


class Evidence:
    """Follows the speech that is heard while the desk speaks, window by window. The desk lowers its voice at
    the first sign, and falls silent at the second; whether it was right is told by the words."""

    def __init__(self) -> None:
        self._quiet = self._wary = 0
        self._before = 0.0
        self._acted: Act | None = None

    @property
    def calm(self) -> bool:
        """Whether nobody has spoken for a moment."""
        return self._quiet >= CALM

    def step(self, probability: float, window: int, near: float | None = None) -> Act | None:
        """`probability` of speech in the next `window` samples; `near` is what stands out of the desk's own
        echo in them, in dB, and None where no echo is expected."""
        wary = self._wary > 0
        self._wary -= window
        if near is None:
            stands_out = float("inf")
            counts = min(SOFTER * probability if wary else probability, MOST)
            enough = min(self._before, MOST) + counts >= ENOUGH
        else:
            trust = WARIER if wary else 1.0
            stands_out = trust * near
            counts = trust * min(probability, MOST_NEAR)
            enough = any(stands_out >= least and self._before + counts >= sounds for least, sounds in NEAR)
        self._before = counts
        speech = enough or (probability >= SPEECH and stands_out >= NEAR[-1][0])
        self._quiet = 0 if speech else self._quiet + window
        if enough:
            return self._once(Act.STOP)
        if speech and self._acted is None:
            return self._once(Act.LOWER)
        if self.calm:
            self._acted = None
        return None

    def mistaken(self) -> None:
        """The desk fell silent for nothing."""
        self._wary = WARY

    def _once(self, act: Act) -> Act | None:
        if self._acted is act:
            return None
        self._acted = act
        return act


class Verdict(Enum):
    """What was heard while the desk spoke."""

    NOTHING = "no words"
    ECHO = "the desk itself"
    ASIDE = "agreement, or a sound like it"
    TURN = "somebody who wants to speak"


def judge(heard: str, played: str, dictated: bool = False) -> Verdict:
    """`heard` are the words of an utterance, `played` those that the desk was saying meanwhile. `dictated`:
    whether more digits or letters may come, so that "oh" is one of them."""
    said = words(heard)
    if not said:
        return Verdict.NOTHING
    if is_echo(said, words(played)):
        return Verdict.ECHO
    if len(said) <= FEW and is_aside(said) and not dictated:
        return Verdict.ASIDE
    return Verdict.TURN


def is_aside(said: list[str]) -> bool:
    return set(ASIDE.sub("okay", " ".join(said)).split()) <= ASIDES


def is_echo(said: list[str], played: list[str]) -> bool:
    """Whether what was heard sounds like part of what was played, however its words were told apart."""
    heard, known = "".join(said), "".join(played)
    if len(heard) < SHORT:
        return set(said) <= set(played)
    return len(heard) <= 1.3 * len(known) and partial_ratio(heard, known) >= ALIKE
