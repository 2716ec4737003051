"""Blocks into sentences that can be said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from appliance.documents.blocks import Block

LONGEST = 400
"""Characters of a sentence; a longer one is cut at a clause."""

LIST = 300
"""Characters up to which a list is said in one sentence."""


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    """As it is said."""
    heading: tuple[str, ...]
    line: int
    page: int
    block: int
    """Sentences of one paragraph share it."""


ABBREVIATIONS = frozenset(
    "dr mr mrs ms prof st no nos tel approx ca incl excl max min e.g i.e etc vs dept ext fig inc ltd co jr "
    "sr mon tue tues wed thu thur thurs fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec hr "
    "hrs ave "
    "rd blvd bldg p pp a.m p.m u.s u.k".split()
)
"""What a full stop may follow without ending the sentence."""

_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s+[\"'“‘(\[]*[^\W_a-z])|[。！？]")
_CLAUSE = (re.compile(r"[;:](?=\s)"), re.compile(r",(?=\s)|\s[–—-](?=\s)"), re.compile(r"(?=\s)"))
_ENDED = re.compile(r"[.!?…。！？][\"'”’)\]]*$")


def split(text: str) -> list[str]:
    """The sentences of a text. Joined by spaces they are the text again, but for its white space."""
    pieces, start = [], 0
    for end in _END.finditer(text):
        if not _abbreviated(text[start : end.start() + 1], text[end.end() :]):
            pieces.append(text[start : end.end()])
            start = end.end()
    pieces.append(text[start:])
    return [part for piece in pieces for part in _cut(" ".join(piece.split())) if part]


def _abbreviated(before: str, after: str) -> bool:
    if not before.endswith("."):
        return False
    last = before.split()[-1].lstrip("(\"'“‘[").rstrip(".").lower()
    if last in ("a.m", "p.m", "etc"):  # these do end sentences; not before a day
        return bool(re.match(r"\s*(?:mon|tues|wednes|thurs|fri|satur|sun)", after, re.IGNORECASE))
    return last in ABBREVIATIONS or (len(last) == 1 and last.isalpha())


def _cut(sentence: str) -> Iterator[str]:
    while len(sentence) > LONGEST:
        at = LONGEST
        for mark in _CLAUSE:
            ends = [
                found.end()
                for found in mark.finditer(sentence[: LONGEST + 1])
                if 80 <= found.end() <= LONGEST
            ]
            if ends:
                at = ends[-1]
                break
        yield sentence[:at].strip()
        sentence = sentence[at:].strip()
    yield sentence


def sentences(blocks: list[Block]) -> list[Sentence]:
    """What can be said of a document: lists with what leads to them, fragments with their heading."""
    found: list[Sentence] = []
    lead = ""
    for number, (kind, group) in enumerate(_runs(blocks)):
        first = group[0]
        if kind == "item":
            texts = [" ".join(item.text.split()) for item in group]
            whole = _listed(lead, texts)
            if whole:
                found.append(_sentence(whole, first, 0, number))
            else:
                for item, text in zip(group, texts, strict=True):
                    found += _said(item, text, lead, number)
            lead = ""
            continue
        if lead:  # it led to nothing
            found += _said(first, lead, "", number)
            lead = ""
        if kind == "row":
            for each in group:
                found += _said(each, each.text, "", number)
        elif _leads(blocks, first):
            *before, last = split(first.text) or [""]
            found += _said(first, " ".join(before), "", number)
            lead = last
        else:
            found += _said(first, first.text, "", number)
    return found


def _runs(blocks: list[Block]) -> Iterator[tuple[str, list[Block]]]:
    """Items and rows of one list or table together, paragraphs alone."""
    for _, run in groupby(
        enumerate(blocks),
        key=lambda each: (each[1].kind, each[1].heading, -1 if each[1].kind != "text" else each[0]),
    ):
        group = [block for _, block in run]
        yield group[0].kind, group


def _leads(blocks: list[Block], block: Block) -> bool:
    after = next((blocks[i + 1] for i, each in enumerate(blocks[:-1]) if each is block), None)
    return (
        block.text.rstrip().endswith(":")
        and after is not None
        and after.kind == "item"
        and after.heading == block.heading
    )


def _listed(lead: str, items: list[str]) -> str:
    """A short list that a line leads to is one sentence."""
    if not lead or any(_ENDED.search(item) or ": " in item for item in items):
        return ""
    parts = [item.rstrip(",;") for item in items]
    joined = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1].removeprefix('and ')}"
    whole = f"{lead} {joined}."
    return whole if len(whole) <= LIST else ""


def _said(block: Block, text: str, lead: str, number: int) -> list[Sentence]:
    found = []
    at = line = 0
    for part in split(text):
        begins = text.find(part.split()[0], at)
        line += text.count("\n", at, begins)
        found.append(_sentence(_whole(part, block, lead), block, line, number))
        at = begins + len(part)
        line += text.count("\n", begins, at)
    return found


def _whole(part: str, block: Block, lead: str) -> str:
    """A fragment under the name of what it is about."""
    if _ENDED.search(part):
        return part
    subject = lead.rstrip(":").strip() or (block.heading[-1] if block.heading else "")
    short = (lead or len(part.split()) <= 12) and part.lower() != subject.lower()
    if block.kind != "row" and subject and short and not (": " in part and not lead):
        part = f"{subject}: {part}"
    return part if part[-1] in ":;,-–" else f"{part}."


def _sentence(text: str, block: Block, line: int, number: int) -> Sentence:
    return Sentence(speakable(text), block.heading, block.line + line, block.page, number)


DAYS = {
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday",
    "thur": "Thursday", "thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
MONEY = {"€": "euro", "eur": "euro", "£": "pound", "gbp": "pound", "$": "dollar", "usd": "dollar"}
_AMOUNT = r"\d[\d.,]*\d|\d"
_DAY = "|".join(sorted(DAYS, key=len, reverse=True))

REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), said)
    for pattern, said in (
        (r"\be\.\s?g\.,?", "for example"),
        (r"\bi\.\s?e\.,?", "that is"),
        (r"\b(?:approx|ca)\.", "about"),
        (r"\betc\.", "and so on"),
        (r"\bincl\.", "including"),
        (r"\bexcl\.", "excluding"),
        (r"\bmax\.", "at most"),
        (r"\bmin\.(?=\s*\d)", "at least"),
        (r"\b(\d+)\s*mins?\b\.?", r"\1 minutes"),
        (r"\b(\d+)\s*hrs?\b\.?", r"\1 hours"),
        (r"\btel\.?(?=\s*:?\s*\+?[\d(])", "telephone"),
        (r"\bext\.(?=\s*\d)", "extension"),
        (r"\bno\.(?=\s*\d)", "number"),
        (r"\bdept\.", "department"),
        (r"(?<=\d)\s?a\.?\s?m\b\.?", " am"),
        (r"(?<=\d)\s?p\.?\s?m\b\.?", " pm"),
        (r"\b(\d{1,2}):00(?= [ap]m\b)", r"\1"),
        (r"\b24/7\b", "24 hours a day, seven days a week"),
        (r"\s+&\s+", " and "),
        (r"(?<=\d)\s*%", " percent"),
        (rf"\b({_DAY}|\w+day)s?\.?\s*[-–—]\s*(?=(?:{_DAY}|\w+day)s?\b)", r"\1 to "),
        (r"(?<=\d)\s*[–—]\s*(?=[€£$]?\d)", " to "),
        (r"(?<=\d:\d\d)\s*-\s*(?=\d)", " to "),
        (r"(?<=\d [ap]m)\s*[-–—]\s*(?=\d)", " to "),
    )
)
_PER = re.compile(r"(?<=[\w.€£$])\s*/\s*(?=(?:h|hour|day|night|week|month|person|year)\b)", re.IGNORECASE)
_SHORT_DAY = re.compile(
    rf"\b({_DAY})\b\.?(?=$|\s*[,:;.&+/–-]|\s+(?:\d|to|and|or|closed|open|until|till|from|at|only|off|"
    rf"morning|afternoon|evening|{_DAY})\b)",
    re.IGNORECASE,
)
_SIGN_FIRST = re.compile(rf"([€£$])\s?({_AMOUNT})")
_SIGN_LAST = re.compile(rf"({_AMOUNT})\s?(€|£|\$|EUR\b|GBP\b|USD\b)")
_CLOCK = re.compile(
    r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?:\s?h(?:rs|ours)?\b)?(?!\s?[ap]m\b|[\d:])", re.IGNORECASE
)


def speakable(text: str) -> str:
    """The text as a voice should get it: "Mon-Fri 09:00–17:30, €3.50/h" is "Monday to Friday 9 am to 5:30
    pm, 3.50 euros per hour"."""
    stop = "." if _ENDED.search(text) else ""
    text = re.sub(r"\bper h\b", "per hour", _PER.sub(" per ", text))
    for pattern, said in REWRITES:
        text = pattern.sub(said, text)
    text = _SIGN_FIRST.sub(lambda found: _money(found[2], found[1]), text)
    text = _SIGN_LAST.sub(lambda found: _money(found[1], found[2]), text)
    text = _CLOCK.sub(_clock, text)
    text = _SHORT_DAY.sub(_day, text)
    text = " ".join(text.split())
    return text if _ENDED.search(text) else text + stop


def _day(found: re.Match[str]) -> str:
    """Only what is written like one: "Sun" may be a day, "the sun" and "he sat" are none."""
    return DAYS[found[1].lower()] if found[1][0].isupper() else found[0]


def _money(amount: str, sign: str) -> str:
    amount = re.sub(r"[.,]00$|[.,][-–]+$", "", amount)
    return f"{amount} {MONEY[sign.lower()]}{'' if amount == '1' else 's'}"


def _clock(found: re.Match[str]) -> str:
    hour, minute = int(found[1]), found[2]
    if (hour, minute) in ((12, "00"), (0, "00"), (24, "00")):
        return "noon" if hour == 12 else "midnight"
    half = "am" if hour < 12 or hour == 24 else "pm"
    return f"{(hour - 1) % 12 + 1}{'' if minute == '00' else ':' + minute} {half}"
