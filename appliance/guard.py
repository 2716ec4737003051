"""What an LLM may not do to a fact: a rewording passes only if it says the same and nothing more."""

from __future__ import annotations

import re

from appliance.spoken import words

NEGATIONS = frozenset(
    "no not never none nobody nothing neither nor without unless except only closed".split()
)

GLUE = frozenset(
    "a an the and or of to in on at by for from with as is are was were be been being am it its it's this "
    "that these those there here we us our you your i me my he she they them their his her who whom which "
    "what when where how why do does did done can could will would shall should may might must have has had "
    "so also just too very well sure yes please thank thanks welcome hello hi course certainly happy glad "
    "help let know tell say if any some about into over per then than out find get".split()
)
"""Words that carry no fact of their own."""

NUMBERS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand "
    "million half quarter double first second third am pm noon midnight all each every".split()
)

DATES = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday weekday weekdays weekend weekends january "
    "february march april may june july august september october november december today tomorrow "
    "yesterday".split()
)


def stem(word: str) -> str:
    """A word without its commonest English endings, so that "opening" and "opens" meet."""
    word = word.removesuffix("'s")
    for ending in ("ings", "ing", "ers", "ed", "es", "er", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


BINDING = re.compile(
    r"[€£$¥]|\b(?:euros?|dollars?|pounds?|cents?|pence|francs?|eur|usd|gbp|chf|prices?|costs?|fees?|fares?|"
    r"charges?|paid|pay|payment|deposit|refunds?|discounts?|(?<!feel )free(?! to\b)|"
    r"agree\w*|consent\w*|permi(?:t|ssion)\w*|record(?:ed|ing)|data protection|privacy)\b",
    re.IGNORECASE,
)


def binding(line: str) -> bool:
    """Whether it is about a price or a consent: such a line is said as it was written, whatever the desk file
    allows."""
    return BINDING.search(line) is not None


QUESTIONS = frozenset(
    "is are was were do does did can could will would shall should may might must have has".split()
)
"""What a statement does not begin with."""


def same(reworded: str, fact: str) -> bool:
    """True when a rewording says what the fact says: no word of weight added or dropped, numbers, dates and
    negations in their order (nine to five is not five to nine, and closed on Sunday not closed on Monday),
    and no statement turned into a question."""
    said, meant = words(reworded), words(fact)
    return (
        _weight(said) == _weight(meant)
        and _in_order(said) == _in_order(meant)
        and ("?" in reworded) == ("?" in fact)
        and QUESTIONS.isdisjoint(said[:1]) == QUESTIONS.isdisjoint(meant[:1])
    )


def _weight(said: list[str]) -> set[str]:
    return {stem(word) for word in said if word not in GLUE}


def _in_order(said: list[str]) -> list[str]:
    return [word for word in said if word.isdecimal() or word in NUMBERS | DATES | NEGATIONS]
