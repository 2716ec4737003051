"""Words by their sound: recognisers write what they know, "thirsty" for Thursday, "jonson" for Johnson."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import lru_cache

from appliance.slots.dates import WEEKDAYS, say_date
from appliance.slots.lexer import Context, Found, Token, Value
from appliance.slots.numbers import ONES
from appliance.spoken import TEENS, TENS

CLEAR = 0.73
"""Likeness from which a word is a day of the week, misheard."""
CLEAR_DAY = 0.66
"""The same for a word that ends in "day", where no other day is nearly as near."""
APART = 0.04
MISHEARD = 0.5
"""How sure one is of what was put right: it is read back."""
MOST_WORDS = 3
"""In a longer sentence nothing is put right."""

_NUMBERS = frozenset([*ONES, *TEENS, *TENS])


def alike(said: str, wanted: str, letters: float) -> float:
    """0 to 1, by letters and by sound; `letters` is their likeness in letters."""
    from rapidfuzz.distance import JaroWinkler, Levenshtein

    if said == wanted:
        return 1.0
    spoken, sound = sound_of(said), sound_of(wanted)
    if spoken == sound and sound and len(wanted) > 2 and abs(len(said) - len(wanted)) <= 2:
        return 0.9 + letters / 20
    near = JaroWinkler.normalized_similarity(said, wanted)
    by_sound = Levenshtein.normalized_similarity(spoken, sound) if sound else 0.0
    return min(0.89, 0.5 * letters + 0.25 * near + 0.25 * by_sound)


@lru_cache(maxsize=8192)
def sound_of(letters: str) -> str:
    import jellyfish

    return jellyfish.metaphone(letters) if letters.isalpha() and letters.isascii() else ""


def find_misheard_days(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Days of the week that were written as something else: "thirsty", "chews day". Days on which the desk is
    open go before others."""
    if len(heard) > MOST_WORDS:
        return
    today = context.now.date()
    for i in range(len(heard)):
        for end in (i + 1, i + 2):
            if any(token.word in WEEKDAYS for token in heard[i:end]):
                continue
            said = "".join(token.word for token in heard[i:end])
            weekday = _weekday(said, context.weekdays) if end <= len(heard) else None
            if weekday is not None:
                day = today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
                yield Found(Value(day.isoformat(), say_date(day, today), MISHEARD), i, end)


@lru_cache(maxsize=1024)
def _weekday(said: str, expected: frozenset[int]) -> int | None:
    from rapidfuzz.distance import Levenshtein

    if len(said) < 4 or not said.isalpha() or said in _NUMBERS:
        return None
    near = sorted(
        (
            (alike(said, name, Levenshtein.normalized_similarity(said, name)), day)
            for name, day in WEEKDAYS.items()
            if not expected or day in expected
        ),
        reverse=True,
    )
    best, day = near[0]
    rival = near[1][0] if len(near) > 1 else 0.0
    if best >= CLEAR or (said.endswith("day") and best >= CLEAR_DAY and best - rival >= APART):
        return day
    return _weekday(said, frozenset()) if expected else None
