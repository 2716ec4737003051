"""What is private in what was said, as it is said: numbers of cards and telephones in figures or in words,
e-mail addresses, names, addresses. It is left out of what is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from appliance.messages import Word
from appliance.observe.callers import people
from appliance.slots.emails import find_emails
from appliance.slots.lexer import LONGEST, Context, Token, has, tokens, word
from appliance.slots.numbers import ONES
from appliance.spoken import TEENS, TENS, TIMES, digits

Kind = Literal["card", "phone", "e-mail", "name", "address", "number"]

CARD = range(12, 20)
"""Digits that a card's number has."""
LONG_CARD = range(13, 20)
MISHEARD = 13
"""Digits from which it is taken for one though the check digit is wrong: one may have been misheard."""
PHONE = 7
"""Digits from which it is a telephone's."""
CODE = 5
"""Digits from which it is left out whatever it is: it may be what somebody proves himself by."""

LONG = 6
"""Digits from which what sounds like one is one."""

SHORT = frozenset("um uh er so then and dash hyphen space point dot area code is it's the".split())
"""What may stand between two digits of one number."""
LIKE_DIGITS = {
    "to": "2", "too": "2", "for": "4", "won": "1", "ate": "8", "o": "oh", "oh": "oh", "tree": "3",
    "fife": "5", "niner": "9", "sex": "6", "aye": "8",
}  # fmt: skip
"""What digits are taken for in the middle of others."""
STREETS = frozenset(
    "street st avenue ave road rd lane ln drive dr boulevard blvd way court ct place pl square terrace"
    " parkway highway close crescent row hill gardens grove".split()
)
COUNTED = frozenset(
    "and or till until at nights people adults children o'clock percent dollars euros".split()
)
CLOCK = frozenset("past to before after of quarter half on in the".split())
MOST_WORDS = 6
"""Of a street's name, as it may be misheard."""

SECRETS = ("security code", "cvv", "cvc", "c v v", "c v c", "pin", "pin code", "code is", "expiry", "expires")
"""After which any figures are of a card."""

NOW = datetime(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Private:
    """Something private in a text."""

    kind: Kind
    start: int
    """Its first character; `end` is that after its last."""
    end: int


def find(text: str, asked_name: bool = False) -> list[Private]:
    """What is private in a text, in order, without overlaps. `asked_name`: whether a name was asked for."""
    found: list[Private] = []
    for at, part in _parts(text):
        heard = tokens(part)
        for kind, first, last in _all(heard, asked_name):
            found.append(Private(kind, at + heard[first].start, at + heard[last - 1].end))
    return _apart(found)


def redact(
    words: Sequence[Word], asked_name: bool = False, known: Iterable[str] = (), public: str = ""
) -> list[Word]:
    """The words, with `[card]`, `[name]` and the like in place of what is private. `known` is private
    whatever it looks like; what stands in `public`, as the desk file does, is not."""
    text, places = "", []
    for each in words:
        places.append((len(text), len(text) + len(each.text)))
        text += each.text + " "
    private = [each for each in find(text, asked_name) if not _stands_in(text[each.start : each.end], public)]
    private = _apart([*private, *_known(text, known)])
    left: list[Word] = []
    before: Private | None = None
    for each, (start, end) in zip(words, places, strict=True):
        inside = next((found for found in private if found.start < end and start < found.end), None)
        if inside and inside is before:
            left[-1] = Word(left[-1].text, left[-1].start, each.end)
        else:
            left.append(Word(f"[{inside.kind}]", each.start, each.end) if inside else each)
        before = inside
    return left


def luhn(number: str) -> bool:
    """Whether the last digit checks the others, as cards have it."""
    doubled = [int(c) * (1 + place % 2) for place, c in enumerate(reversed(number))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def tells_card(text: str) -> bool:
    """Whether somebody surely says the number of a card: of the right length, with the right check digit, and
    not a telephone's that begins with a plus."""
    for _, part in _parts(text):
        heard = tokens(part)
        for _, start, end in _numbers(heard):
            number = _digits(heard, start, end)
            named = any(token.word == "card" for token in heard)
            plus = word(heard, start) in ("+", "plus")
            if not plus and luhn(number) and (len(number) in LONG_CARD or (named and len(number) in CARD)):
                return True
    return False


def without(text: str, *kinds: Kind) -> str:
    """A text with `[card]` and the like in place of what is private; only of some kinds where they are
    named."""
    for each in reversed(find(text)):
        if not kinds or each.kind in kinds:
            text = f"{text[: each.start]}[{each.kind}]{text[each.end :]}"
    return text


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Stretches that can be read, each with the place of its first character; they overlap by a third."""
    step = 2 * LONGEST // 3
    for at in range(0, max(1, len(text) - LONGEST // 3), step):
        start = text.rfind(" ", 0, at + 1) + 1 if at else 0
        yield start, text[start : start + LONGEST]


def _all(heard: Sequence[Token], asked_name: bool) -> Iterator[tuple[Kind, int, int]]:
    """Kind, first token and the one after the last."""
    context = Context(NOW)
    for found in find_emails(heard, context):
        yield "e-mail", found.start, found.end
    numbers = list(_numbers(heard))
    yield from numbers
    yield from _addresses(heard)
    taken = {i for _, start, end in numbers for i in range(start, end)}
    for start, end in people(heard, context, asked_name):
        if not taken & set(range(start, end)):
            yield "name", start, end


def _numbers(heard: Sequence[Token]) -> Iterator[tuple[Kind, int, int]]:
    i = 0
    while i < len(heard):
        end = _run(heard, i)
        if end == i:
            i += 1
            continue
        end = _card_first(heard, i, end)
        plus = word(heard, i) in ("+", "plus")
        if kind := _kind(_digits(heard, i, end), plus, _secret(heard, i)):
            yield kind, i, end
        i = end


def _card_first(heard: Sequence[Token], start: int, end: int) -> int:
    """Where a card's number ends that begins a longer run, as where a telephone's follows it."""
    if luhn(_digits(heard, start, end)):
        return end
    for at in range(end - 1, start, -1):
        number = _digits(heard, start, at)
        if len(number) in LONG_CARD and luhn(number) and len(_digits(heard, at, end)) >= PHONE:
            return at
    return end


def _digits(heard: Sequence[Token], start: int, end: int) -> str:
    """The digits that were said. In a long number, words that sound like one are one."""
    said = [token.word for token in heard[start:end] if token.word.isalnum()]
    plain = digits(" ".join("oh" if each == "o" else each for each in said))
    if len(plain) < LONG:
        return plain
    return digits(" ".join(LIKE_DIGITS.get(each, each) for each in said))


def _kind(number: str, plus: bool, secret: bool) -> Kind | None:
    count = len(number)
    if (count in CARD and luhn(number)) or count >= MISHEARD or (secret and count >= 3):
        return "card"
    if count >= PHONE or (plus and count >= CODE):
        return "phone"
    return "number" if count >= CODE else None


def _secret(heard: Sequence[Token], i: int) -> bool:
    return any(
        has(heard, j, *SECRETS) and all(token.word in SHORT for token in heard[j + used : i])
        for j in range(max(0, i - 5), i)
        if (used := has(heard, j, *SECRETS))
    )


def _run(heard: Sequence[Token], i: int) -> int:
    """The token after the digits that begin at i, whatever stands between them; i where none do."""
    end = at = i
    while at < len(heard):
        if _figure(heard, at, at > i):
            end = at = at + 1
        elif at > i and (over := _over(heard, at)) and _figure(heard, over, False):
            at = over
        elif at == i and word(heard, at) in ("+", "plus") and _figure(heard, at + 1, False):
            at += 1
        else:
            break
    return end


def _over(heard: Sequence[Token], i: int) -> int:
    """Where digits go on after what stands between two of them; 0 where they do not."""
    for over in range(i, min(i + 3, len(heard))):
        name = word(heard, over)
        if name in SHORT or name in LIKE_DIGITS or not name.isalnum():
            continue
        return over if _figure(heard, over, False) else 0
    return 0


def _figure(heard: Sequence[Token], i: int, inside: bool) -> bool:
    name = word(heard, i)
    if name.isdecimal() or name in ONES or name in TEENS or name in TENS:
        return True
    if name in ("oh", "o"):
        return inside or _figure(heard, i + 1, False)
    if name in TIMES:
        return _figure(heard, i + 1, True)
    return inside and name in ("hundred", "thousand")


def _addresses(heard: Sequence[Token]) -> Iterator[tuple[Kind, int, int]]:
    """ "34 Elm Street 568": a number, one to four words, what a street is called, perhaps a number. Or
    nothing but a number, a few words, and a number, for a street is easily misheard."""
    i = 0
    while i < len(heard):
        first = _run(heard, i)
        if first == i:
            i += 1
            continue
        near = range(first + 1, min(first + 5, len(heard)))
        street = next((j for j in near if word(heard, j) in STREETS), 0)
        if street and not any(token.word.isdecimal() for token in heard[first:street]):
            after = street + 1
            after += bool(has(heard, after, "number", "apartment", "unit", "suite"))
            at = _over(heard, after) or after
            last = _run(heard, at) if at < len(heard) else at
            yield "address", i, max(last, street + 1)
            first = max(last, street + 1)
        i = first
    if _nothing_else(heard):
        yield "address", 0, len(heard)


def _nothing_else(heard: Sequence[Token]) -> bool:
    """Whether this is a number, one to six words that count nothing, and a number."""
    first = _run(heard, 0)
    last = next((i for i in range(first, len(heard)) if _run(heard, i) == len(heard)), 0)
    between = [token.word for token in heard[first:last]]
    few = first > 0 and 1 <= len(between) <= MOST_WORDS
    spelled = len(between) > MOST_WORDS and all(len(each) == 1 for each in between)
    figures = len(_digits(heard, 0, first)) + len(_digits(heard, last, len(heard))) if last else 0
    time = set(between) <= CLOCK
    return (few or spelled) and figures >= 4 and not time and not set(between) & COUNTED


def _apart(found: Iterable[Private]) -> list[Private]:
    """Those that touch as one, of the kind of the longest."""
    apart: list[Private] = []
    for each in sorted(found, key=lambda each: (each.start, -each.end)):
        if apart and each.start < apart[-1].end:
            before = apart.pop()
            longer = max((before, each), key=lambda one: one.end - one.start)
            kind: Kind = "card" if "card" in (before.kind, each.kind) else longer.kind
            each = Private(kind, before.start, max(before.end, each.end))
        apart.append(each)
    return apart


def _known(text: str, known: Iterable[str]) -> Iterator[Private]:
    """Where the words of something that is known to be private stand."""
    for each in known:
        for part in re.findall(r"[^\W_]{3,}", each):
            for match in re.finditer(rf"\b{re.escape(part)}\b", text, re.IGNORECASE):
                yield Private("number" if part.isdecimal() else "name", match.start(), match.end())


def _stands_in(text: str, public: str) -> bool:
    return bool(public) and _plain(text) in _spread(public)


@lru_cache(maxsize=4)
def _spread(public: str) -> str:
    return _plain(public)


def _plain(text: str) -> str:
    words = re.findall(r"[^\W_]+", text.casefold())
    return f" {' '.join(words)} "
