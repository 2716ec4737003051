"""How much quiet ends a turn: by how the voice sounded, by what is awaited, and by what the words so far say.

What speaks for an end and what speaks against it is added up as log-odds. The quiet that is waited for lies
between the shortest and the longest of a manner, the longer the likelier it is that the caller goes on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from appliance import spoken
from appliance.messages import Expect
from appliance.slots.acts import act

OPEN = frozenset(
    "um uh er erm hmm hm and or but so because cos if when while that than as whether like well with without"
    " to of in on at for from by about into between after before until till via near the a an my your his her"
    " our their its this these some any is are was am be been i'm it's that's there's what's i'd i'll i we he"
    " she they have has had do does want need would could should will can may might must which who whose"
    " first maybe also just very really not double triple".split()
)
"""Words with which nobody ends."""

TRAILS = re.compile(r"(\.\.\.|…|,|-|–|—|:)\s*$")
"""How a recogniser writes that a voice hangs in the air."""

ENDS = re.compile(r"[.?!]\s*$")
"""And how, that it falls."""

WHOLE_NUMBERS = frozenset((10, 11, 12))
"""Digits of a telephone number, where nobody says how many there are to be."""

OPEN_NUMBER = range(1, 7)
"""Digits with which no telephone number ends."""


@dataclass(frozen=True, slots=True)
class Pause:
    """What is known when a caller pauses."""

    text: str
    """The words so far."""
    expect: Expect
    finished: float | None = None
    """How likely the voice sounds finished, 0 to 1; None where nobody can tell."""
    enough: bool = False
    """Whether the words are all that is asked for, or all of a phrase that the desk knows."""


Patience = Callable[[Pause], float]
"""Seconds of quiet that end the turn."""


@dataclass(frozen=True, slots=True)
class Manner:
    """A `Patience`. Times are seconds of quiet after the last sound of speech."""

    shortest: float
    longest: float
    ease: float = 0.0
    """Log-odds in favour of an end."""
    deaf: float = 0.4
    """Seconds more where nobody can tell how the voice sounded."""

    def __call__(self, pause: Pause) -> float:
        if not any(c.isalnum() for c in pause.text):
            return self.shortest  # A noise keeps nobody waiting.
        whole = pause.enough or complete(pause)
        if pause.expect.patience is not None and not whole:
            return pause.expect.patience
        end = self.ease + VOICE * _log_odds(pause.finished) + AWAITED[pause.expect.kind] + said(pause, whole)
        wait = self.shortest + (self.longest - self.shortest) / (1 + math.exp(min(end, 50.0)))
        return wait + (self.deaf if pause.finished is None and not whole else 0.0)


VOICE = 0.8
"""Weight of the voice's own log-odds."""

AWAITED = {"any": 0.0, "yes_no": 1.0, "digits": -1.0, "spelled": -1.5, "name": 0.3, "message": -1.5}
"""Log-odds of an end by what is awaited: people pause between groups of digits, and to find words."""

WORDS = {"whole": 4.0, "ends": 0.5, "plain": 0.0, "open": -4.0}
"""Log-odds of an end by what the words say."""

MANNERS = {
    "patient": Manner(0.35, 2.4, -1.0),
    "normal": Manner(0.2, 1.6),
    "brisk": Manner(0.2, 1.0, 1.0),
}
"""As the desk file names them."""


def said(pause: Pause, whole: bool) -> float:
    """What the words say for an end, as log-odds."""
    if whole:
        return WORDS["whole"]
    if open_ended(pause):
        return WORDS["open"]
    return WORDS["ends" if ENDS.search(pause.text) else "plain"]


def complete(pause: Pause) -> bool:
    """Whether the words are a whole answer by themselves, whatever the desk knows."""
    expect = pause.expect
    if expect.kind in ("digits", "spelled") and expect.digits is not None:
        return signs(pause.text, expect.kind) >= expect.digits
    if expect.kind == "digits":
        return signs(pause.text, "digits") in WHOLE_NUMBERS
    if expect.words and expect.kind == "name":
        plain = spoken.words(pause.text)
        return any(plain == spoken.words(word) for word in expect.words)
    if expect.kind in ("spelled", "message"):
        return False
    does, rest = act(pause.text)
    return does not in ("none", "correct", "hello") and not rest


def open_ended(pause: Pause) -> bool:
    """Whether more must follow."""
    text, kind = pause.text.strip(), pause.expect.kind
    if TRAILS.search(text):
        return True
    if kind in ("digits", "spelled") and pause.expect.digits is not None:
        return True
    if kind == "digits" and signs(text, "digits") in OPEN_NUMBER:
        return True
    last = re.findall(r"[\w'’]+", text.lower().replace("’", "'"))[-1:]
    return not last or (last[0] in OPEN and kind != "spelled")


def signs(text: str, kind: str) -> int:
    """How many digits, or letters and digits, are said."""
    if kind == "digits":
        return len(spoken.digits(text))
    return sum(len(word) == 1 or word.isdigit() for word in spoken.words(text))


def _log_odds(probability: float | None) -> float:
    if probability is None:
        return 0.0
    kept = min(max(probability, 0.01), 0.99)
    return math.log(kept / (1 - kept))
