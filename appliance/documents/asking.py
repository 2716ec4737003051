"""What a question is about, and what kind of thing it asks for."""

from __future__ import annotations

import re

from appliance.guard import GLUE

EMPTY = GLUE | frozenset(
    "need want like take takes use get gets have go going come give given much many long often far "
    "someone something anything really exactly possible allowed allow able thing things one two per "
    "each before after while during until still yet kind called mean because back put let don't can't "
    "i'm i'd isn't aren't doesn't what's who's where's when's there's is're high happens without".split()
)
"""Words that do not say what a question is about."""

TIME = (
    r"\b\d{1,2}(?::\d\d)? ?[ap]m\b|\b(?:noon|midnight|morning|afternoon|evening|night|daily|hourly|weekday|"
    r"weekend|hour|minute|week|month|year|now|today|tomorrow|always|clock|begin|end|before|after|until|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|"
    r"october|november|december|[12]\d{3})s?\b"
)
UNIT = r"(?:minute|hour|day|week|month|year|cent|euro|dollar|pound|percent|degree)s?"
COUNT = (
    rf"(?<![\d:.,])\d[\d,.]*(?![\d:]*(?:st|nd|rd|th| ?[ap]m| {UNIT})\b)(?![\d:])|"
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|"
    rf"sixty|ninety|hundred|thousand|half|dozen)\b(?! {UNIT}\b)|"
    r"\b(?:once|twice|every|daily|hourly|weekly|none|no limit)\b"
)
MEASURE = (
    r"\d[\d.,]* ?(?:m|km|cm|kg|met(?:re|er)|mile|kilomet\w+|feet|foot|inch(?:es)?|kilo|pound|minute|euro|"
    r"dollar|percent|square)s?\b"
)
PRICE = r"\d|\b(?:free|included?|no (?:cost|charge|fee)|part of the price|complimentary)\b"
NAME = (
    r"(?<=[\w,:] )(?!Mon|Tue|Wed|Thu|Fri|Sat|Sun|I\b)[A-Z][a-z]+|\b(?:Dr|Mr|Mrs|Ms|Prof)\b|"
    r"\b(?:receptionist|porter|nurse|doctor|manager|host|staff|guard|owner|director|caretaker|concierge|"
    r"secretary|we|everyone|everybody|anyone|nobody|members?|guests?|visitors?|patients?|team|teacher|"
    r"instructor|librarian|colleagues?)\b"
)
PLACE = (
    r"\b(?:in|at|on|behind|beside|next to|opposite|near|under|above|from|inside|outside|between|across|"
    r"through|by|floor|room|level|street|entrance|desk|counter|lobby|door)\b"
)

_TIME = re.compile(TIME, re.IGNORECASE)
_WANTED: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    *(
        (re.compile(asked, re.IGNORECASE), re.compile(held, re.IGNORECASE))
        for asked, held in (
            (r"\be?-?mail address\b", r"@"),
            (r"\b(?:web ?site|web ?page|url)\b", r"\bwww\b|https?:|\.(?:com|org|net)\b|web ?site|online"),
            (r"\b(?:tele|mobile |cell ?)?phone(?: number)?\b|\bwhat number\b|\bfax\b", r"\d[\d -]{2,}"),
            (r"\b(?:mobile|cell|extension) number\b", r"\d[\d -]{2,}"),
            (r"\bcode\b", r"\bcode\b"),
            (r"\bhow (?:much|expensive)\b|\b(?:costs?|price|fee|charge for|fare|fine|salary|rate)\b", PRICE),
            (rf"\bhow many (?!{UNIT}\b)|\bhow often\b", COUNT),
            (rf"\bhow many {UNIT}\b", rf"\b{UNIT}\b"),
            (r"\bhow (?:long|soon|early|late)\b", rf"{TIME}|\b(?:days?|seconds?|advance)\b"),
            (r"\bhow (?:far|high|deep|tall|big|large|wide|heavy)\b", MEASURE),
            (r"\bhow (?:warm|hot|cold)\b", r"\bdegrees?\b|°"),
            (r"\bhow old\b", r"\byears?\b|\bage|[12]\d{3}|\bunder \d|\bover \d"),
            (r"\bwhen (?:was|were|did)\b|\b(?:which|what) year\b", r"\b[12]\d{3}\b|\bago\b"),
            (r"\bwhere\b|\b(?:which|what) (?:floor|room|level|street|address|entrance)\b", PLACE),
        )
    ),
    (
        re.compile(
            r"\bwhen\b(?! (?:i|we|you|there)\b)|\bhow (?:late|early)\b|\bopening (?:hours|times)\b|"
            r"\b(?:what|which) (?:time|hours?|days?|date|months?)\b",
            re.IGNORECASE,
        ),
        _TIME,
    ),
    (re.compile(r"\bwho(?:m|se|'s)?\b(?! (?:is|are) (?:it|that)\b)", re.IGNORECASE), re.compile(NAME)),
)
"""What a question asks for, and what a sentence that has it looks like."""

_PRESENT = re.compile(
    r"\b(?:today|tonight|now|currently|at the moment|tomorrow|"
    r"this (?:week|month|year|morning|afternoon|evening))\b",
    re.IGNORECASE,
)


def content(question: str) -> list[str]:
    """The words of a question that say what it is about."""
    found = re.findall(r"\w[\w'-]*", question.lower().replace("’", "'"))
    words = [word.removesuffix("'s") for word in found if word not in EMPTY]
    return list(dict.fromkeys(word for word in words if word not in EMPTY))


def has_what_is_asked(question: str, sentence: str) -> bool:
    """Whether there is a time for a when, a name for a who, a number for a how much. What holds just now is
    in no document, but for opening times and the like."""
    wanted = [held for asked, held in _WANTED if asked.search(question)]
    if _PRESENT.search(question) and _TIME not in wanted:
        return False
    return all(held.search(sentence) for held in wanted)
