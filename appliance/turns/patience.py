"""How much quiet ends a turn: by how the voice sounded, by what is awaited, and by what the words so far say.

What speaks for an end and against it is added up, and each point halves the wait or doubles it. That is the
wait which costs least where the odds are known and as many pauses last 0.2 to 0.4 s as 0.4 to 0.8 s or 0.8 to
1.6 s: the next moment is waited for as long as what is risked by not waiting is worth it, and the risk of an
answer falls with the length of the pause as its odds do. The weights were fitted to pauses and ends of
recorded callers; `appliance bench turns` draws the curve that they lie on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from appliance import spoken
from appliance.messages import Expect
from appliance.slots.acts import act

FILLERS = frozenset("um uh er erm m mm hmm hm".split())
"""What is said so that the turn is kept."""

LINKS = frozenset(
    "um uh er erm mm hmm hm and or but because cos if than whether the an my your our their its dot"
    " underscore mr mrs ms dr".split()
)
"""Words behind which something must come, whatever was said before them: a yes, or all that was asked for.
Not "m", "a" and "double", which are sizes, plans and rooms."""

HANGING = LINKS.union(
    FILLERS,
    "so when while that as like well with without to of in on at for from by about into between after"
    " before until till via near his her this these some any every is are was am be been i'm it's that's"
    " there's what's i'd i'll i've we're we'll you're they're i we he she they have has had do does don't"
    " didn't can't want need would could should will can may might must which who whose first maybe also"
    " just very really not a double triple".split(),
)
"""Words with which nobody ends."""

OPENERS = frozenset(("excuse me", "sorry", "i am sorry", "pardon me", "okay", "right", "good", "please"))
"""With what people begin, as with "I am" and "it is", where no yes or no is awaited."""

CLOCK = re.compile(r"\d\s*[ap]\.?\s?m\b\.?|\b[ap]\.\s?m\b\.?")
"""Half of the day, in lower case, with which a time ends: its m is no "um", and its am no verb."""

TRAILS = re.compile(r"(\.\.\.|…|,|-|–|—|:)\s*$")
"""How a recogniser writes that a voice hangs in the air."""

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
    """After words that are a whole answer."""
    least: float
    """After other words, however sure the voice sounds."""
    longest: float
    ease: float = 0.0
    """Points in favour of an end."""

    def __call__(self, pause: Pause) -> float:
        if not any(c.isalnum() for c in pause.text):
            # A noise, or a letter said alone, which recognisers miss: nobody waits for an answer to it.
            return self.shortest if pause.enough else WORDLESS
        if pause.expect.patience is not None and not whole(pause):
            return pause.expect.patience
        wait = NEUTRAL * 2 ** -(self.ease + points(pause))
        return min(max(wait, self.shortest if whole(pause) else self.least), self.longest)


MANNERS = {
    "patient": Manner(0.3, 0.4, 2.7, -1.5),
    "normal": Manner(0.2, 0.35, 2.4, 1.0),
    "brisk": Manner(0.2, 0.25, 2.4, 1.7),
}
"""As the desk file names them. `normal` answers within 0.5 s mostly and within 0.9 s nearly always, where
callers pause seldom; `patient` cuts off one in twenty of those who pause."""

NEUTRAL = 0.7
"""Seconds of quiet that end a turn of which nothing is known."""

WORDLESS = 0.7
"""Seconds of quiet that end sound without words."""

VOICE = 1.0
"""Points for each unit of log-odds that the voice sounds finished."""

UNHEARD = -1.6
"""Points where nobody can tell how it sounds: most pauses are not the end."""

WHOLE = 2.4
MISSING = -4.8
OPEN = -1.2
FILLED = -5.0
"""Points where the words are all that is needed, where signs are missing, where nobody ends with such words,
and where the last was none."""

AWAITED = {"any": 0.0, "yes_no": 1.0, "digits": -1.0, "spelled": -0.8, "name": 0.3, "message": -1.0}
"""Points by what is awaited: people pause between groups of digits, and to find words."""

LENGTH = {"digits": 0.5, "spelled": 0.5}
"""Points for each doubling of the signs that have been said, from three on."""


def points(pause: Pause) -> float:
    """What is known of a pause, as points for an end of the turn."""
    kind = awaited(pause)
    voice = UNHEARD if pause.finished is None else VOICE * _log_odds(pause.finished)
    length = LENGTH.get(kind, 0.0) * (math.log2(1 + min(signs(pause.text, kind), 12)) - 2)
    if whole(pause):
        return WHOLE + voice + max(0.0, AWAITED[kind])
    more = MISSING if missing(pause) else FILLED if fills(pause) else OPEN if hangs(pause) else 0.0
    return voice + AWAITED[kind] + length + more


def awaited(pause: Pause) -> str:
    """What is awaited; anything where the caller says something else than the signs that are."""
    kind = pause.expect.kind
    if kind in ("digits", "spelled") and 2 * signs(pause.text, kind) < len(spoken.words(pause.text)):
        return "any"
    return kind


def whole(pause: Pause) -> bool:
    """Whether nothing is missing: "yes" and "Tuesday" may be all, "yes, but" and "Tuesday or" never are."""
    return (pause.enough or complete(pause)) and not links(pause)


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
    if expect.kind != "yes_no" and opens(pause):
        return False
    does, rest = act(pause.text)
    return does not in ("none", "correct", "hello") and not rest


def opens(pause: Pause) -> bool:
    """Whether the words are only how people begin, and would be a whole answer to a question."""
    said = spoken.words(pause.text)
    return " ".join(said) in OPENERS or (said[:1] in (["i"], ["it"]) and hangs(pause))


def missing(pause: Pause) -> bool:
    """Whether there are fewer digits or letters than there must be."""
    kind = awaited(pause)
    if kind in ("digits", "spelled") and pause.expect.digits is not None:
        return True  # Were they enough, the answer would be whole.
    return kind == "digits" and signs(pause.text, "digits") in OPEN_NUMBER


def hangs(pause: Pause) -> bool:
    """Whether the words are such as nobody ends with."""
    last = _last(pause.text)
    return bool(TRAILS.search(pause.text)) or not last or (last in HANGING and awaited(pause) != "spelled")


def links(pause: Pause) -> bool:
    """Whether the last word is one behind which something must come."""
    return _last(pause.text) in LINKS and awaited(pause) != "spelled"


def fills(pause: Pause) -> bool:
    """Whether the caller keeps the turn with an "um"."""
    return _last(pause.text) in FILLERS and awaited(pause) != "spelled"


def _last(text: str) -> str:
    """The last word; "" where there is none."""
    found = re.findall(r"[\w']+", CLOCK.sub("o'clock", text.lower().replace("’", "'")))
    return found[-1] if found else ""


def signs(text: str, kind: str) -> int:
    """How many digits, or letters and digits, are said."""
    if kind == "digits":
        return len(spoken.digits(text))
    return sum(len(word) == 1 or word.isdigit() for word in spoken.words(text))


def _log_odds(probability: float) -> float:
    kept = min(max(probability, 0.01), 0.99)
    return math.log(kept / (1 - kept))
