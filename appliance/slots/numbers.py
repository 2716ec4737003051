"""Numbers and money as they are said: "two hundred and six", "half a dozen", "twenty five fifty"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from appliance.slots.lexer import Context, Found, Token, Value, has, passes, word, words
from appliance.spoken import ONES as DIGITS
from appliance.spoken import ORDINALS, TEENS, TENS

ONES = {name: value for name, value in DIGITS.items() if name != "oh"}
SCALES = {"thousand": 1_000, "grand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
SUFFIXES = ("st", "nd", "rd", "th")

CURRENCIES = {
    "US": "dollar", "CA": "dollar", "AU": "dollar", "NZ": "dollar", "GB": "pound", "CH": "franc",
}  # fmt: skip
UNITS = {
    "dollar": "dollar", "dollars": "dollar", "bucks": "dollar", "buck": "dollar", "$": "dollar",
    "pound": "pound", "pounds": "pound", "quid": "pound", "£": "pound",
    "euro": "euro", "euros": "euro", "€": "euro", "franc": "franc", "francs": "franc",
}  # fmt: skip
CENTS = {"cent": "dollar", "cents": "dollar", "pence": "pound", "p": "pound"}
SMALL = {"dollar": "cent", "pound": "pence", "euro": "cent", "franc": "cent"}

NAMED = frozenset("room floor table extension badge gate platform flat apartment suite locker desk".split())
"""What has a number for a name."""
COUNTED = frozenset(
    "of people persons person guests adults kids children babies passengers visitors colleagues bags"
    " suitcases nights days weeks months years hours minutes times o'clock am pm".split()
)
"""What is counted."""

_NO_COUNT = ("no", "any", "some", "every", "this", "that", "which")
_NAMES = [*ONES, *TEENS]


def cardinal(heard: Sequence[Token], i: int) -> tuple[int, int] | None:
    """The whole number that begins at i, and the token after it."""
    first = word(heard, i)
    if first.isdecimal():
        return _written(heard, i)
    total, end, scale = 0, i, 10**12
    while True:
        part = _below_thousand(heard, passes(heard, end, "and") if end > i else end)
        if not part or (end > i and part[0] == 0):
            break
        times = SCALES.get(word(heard, part[1]), 1)
        if times >= scale or (end > i and scale == 1):
            break
        total, end, scale = total + part[0] * times, part[1] + (times > 1), times
        if times == 1:
            break
    return (total, end) if end > i else None


def ordinal(heard: Sequence[Token], i: int) -> tuple[int, int] | None:
    """The ordinal below a hundred that begins at i ("twenty first", "14th"), and the token after it."""
    first, after = word(heard, i), word(heard, i + 1)
    if first.isdecimal() and len(first) <= 2 and after in SUFFIXES and heard[i + 1].glued:
        return int(first), i + 2
    if first in TENS and ORDINALS.get(after, 99) < 10:
        return TENS[first] + ORDINALS[after], i + 2
    return (ORDINALS[first], i + 1) if first in ORDINALS else None


def number(heard: Sequence[Token], i: int) -> tuple[int | float, int, float] | None:
    """The number that begins at i, the token after it, and how plainly it is one."""
    for phrase, amount, plain in _PHRASES:
        if used := has(heard, i, phrase):
            return amount, i + used, plain
    minus = has(heard, i, "minus", "negative", "-")
    whole = cardinal(heard, i + minus)
    if not whole:
        return None
    value, end = whole
    sign = -1 if minus else 1
    if word(heard, end) == "." and word(heard, end + 1).isdecimal() and heard[end].glued:
        return sign * float(f"{value}.{word(heard, end + 1)}"), end + 2, 1.0
    if word(heard, end) == "point" and (fraction := _digits(heard, end + 1))[0]:
        return sign * float(f"{value}.{fraction[0]}"), fraction[1], 1.0
    if used := has(heard, end, "and a half"):
        return sign * (value + 0.5), end + used, 1.0
    if used := has(heard, end, "and a quarter"):
        return sign * (value + 0.25), end + used, 1.0
    return _joined(heard, i + minus, sign * value, end)


def find_numbers(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every number. One that is out of the range, or may be of something else, comes with a third of its
    score."""
    i = 0
    while i < len(heard):
        said = number(heard, i)
        if not said and (rank := ordinal(heard, i)):
            said = rank[0], rank[1], 0.5
        if not said or (word(heard, i) == "one" and _somebody(heard, i)):
            i += 1
            continue
        value, end, score = said
        score *= (1 if _within(value, context) else 1 / 3) * _of_this(heard, i, end, context)
        yield Found(Value(value, say_number(value), score), i, end)
        i = end


def find_money(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every amount; the value is in whole units of its currency, the currency only in `spoken`."""
    i = 0
    while i < len(heard):
        if said := _money(heard, i, CURRENCIES.get(context.country, "euro")):
            value, currency, end, score = said
            score = score if _within(value, context) else score / 3
            yield Found(Value(value, say_money(value, currency), score), i, end)
            i = end
        else:
            i += 1


def say_number(value: int | float) -> str:
    """206 is "two hundred and six", 2.5 "two point five"."""
    if value < 0:
        return "minus " + say_number(-value)
    if isinstance(value, float):
        if value.is_integer():
            return say_number(int(value))
        whole, _, fraction = f"{value:.6f}".rstrip("0").partition(".")
        return f"{say_number(int(whole))} point {' '.join(_NAMES[int(c)] for c in fraction)}"
    for scale, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        if value >= scale:
            rest = value % scale
            joint = " and " if 0 < rest < 100 else " "
            return f"{say_number(value // scale)} {name}" + (joint + say_number(rest) if rest else "")
    if value >= 100:
        rest = value % 100
        return f"{_NAMES[value // 100]} hundred" + (f" and {say_number(rest)}" if rest else "")
    if value < 20:
        return _NAMES[value]
    return list(TENS)[value // 10 - 2] + (f" {_NAMES[value % 10]}" if value % 10 else "")


def say_ordinal(value: int) -> str:
    """1 to 99: "fourteenth", "twenty first"."""
    exact = {number: name for name, number in ORDINALS.items()}
    if value in exact:
        return exact[value]
    if value % 10 == 0:
        return say_number(value).removesuffix("y") + "ieth"
    return f"{say_number(value - value % 10)} {exact[value % 10]}"


def say_money(value: int | float, currency: str) -> str:
    """25.5 is "twenty five dollars and fifty cents"."""
    small = round(abs(value) * 100)
    units, cents = divmod(small, 100)
    unit = f"{say_number(units)} {currency}{'' if units == 1 else 's'}"
    name = SMALL[currency] if cents == 1 or SMALL[currency] == "pence" else SMALL[currency] + "s"
    part = f"{say_number(cents)} {name}"
    sign = "minus " if value < 0 else ""
    return sign + (f"{unit} and {part}" if units and cents else part if cents else unit)


_PHRASES: tuple[tuple[str, int | float, float], ...] = (
    ("half a million", 500_000, 1.0), ("a couple of hundred", 200, 0.9),
    ("half a dozen", 6, 1.0), ("half dozen", 6, 1.0), ("a dozen", 12, 1.0), ("a couple of", 2, 0.9),
    ("a couple", 2, 0.9), ("a half", 0.5, 0.8), ("just me", 1, 0.9),
    ("only me", 1, 0.9), ("just myself", 1, 0.9), ("a single", 1, 0.8), ("none", 0, 0.8), ("both", 2, 0.5),
)  # fmt: skip


def _money(heard: Sequence[Token], i: int, usual: str) -> tuple[int | float, str, int, float] | None:
    sign = UNITS.get(word(heard, i)) if word(heard, i) in "$£€" else None
    start = i + bool(sign)
    one = word(heard, i) == "a" and word(heard, i + 1) in UNITS
    said = (1, i + 1, 0.9) if one else number(heard, start)
    if not said or word(heard, i) in ("none", "just", "only", "both"):
        return None
    value, end, score = said
    if (cents := CENTS.get(word(heard, end))) and not sign:
        return _whole(value / 100), usual if cents == "dollar" else cents, end + 1, score
    currency = sign or UNITS.get(word(heard, end))
    if currency and not sign:
        end += 1
    parts = _pair(heard, start) if not currency else None
    if parts:
        return parts[0], usual, parts[1], 0.8
    if not currency:
        return _whole(value), usual, end, 0.7 * score
    small = cardinal(heard, passes(heard, end, "and"))
    if not sign and small and 0 < small[0] < 100 and isinstance(value, int):
        named = word(heard, small[1]) in CENTS
        if named or word(heard, end) != "and":
            return round(value + small[0] / 100, 2), currency, small[1] + named, score
    return _whole(value), currency, end, score


def _pair(heard: Sequence[Token], i: int) -> tuple[float, int] | None:
    """ "twenty five fifty": two numbers, the second of two digits."""
    first = cardinal(heard, i)
    if not first or (word(heard, i).isdecimal() and len(word(heard, i)) > 3):
        return None
    second = cardinal(heard, first[1])
    if not second or not 10 <= second[0] < 100 or word(heard, first[1]) == "and":
        return None
    return round(first[0] + second[0] / 100, 2), second[1]


def _whole(value: int | float) -> int | float:
    value = round(value, 2)
    return int(value) if float(value).is_integer() else value


def _within(value: int | float, context: Context) -> bool:
    low = context.least is None or value >= context.least
    return low and (context.most is None or value <= context.most)


def _somebody(heard: Sequence[Token], i: int) -> bool:
    """Whether a "one" counts nothing: "no one", "the one next to the lift"."""
    pointed = word(heard, i - 1) in ("the", "another", "other", "same") and i + 1 < len(heard)
    return (word(heard, i - 1) in _NO_COUNT or pointed) and not heard[i].paused


def _of_this(heard: Sequence[Token], i: int, end: int, context: Context) -> float:
    """Whether it may be the number of what is asked for, by what it stands beside: 1, a third or not at all.
    "For eight" may be a room, an hour or people, "at eight" a table, and "we are four" is hardly a room."""
    before, after = word(heard, i - 1), word(heard, end)
    before = word(heard, i - 2) if before in ("number", "no", "#") else before
    if context.counts is None or before in context.nouns or after in context.nouns:
        return 1
    hour = before == "past" or words(heard, i - 2, 2) == ("quarter", "to")
    if before in NAMED or (not context.counts and (after in COUNTED or hour)):
        return 0
    return 1 / 3 if not context.counts and before in ("for", "at", "are", "we're") else 1


def _joined(heard: Sequence[Token], i: int, value: int, end: int) -> tuple[int, int, float]:
    """Numbers said one after another are one: "one oh five", "twenty twenty six"."""
    written, at = str(value), end
    single = True
    while not word(heard, i).isdecimal() and len(written) < 12:
        name = word(heard, at)
        if at < len(heard) and heard[at].paused:
            break
        if name in ("oh", "o") and (word(heard, at + 1) in ONES or (not single and at + 1 == len(heard))):
            written, at = written + "0", at + 1
            continue
        after = cardinal(heard, at)
        if not after or name in ("a", "and") or name.isdecimal() or value < 0:
            break
        pair = (10 <= int(written) < 100 or (single and 0 < value < 10)) and 10 <= after[0] < 100
        if not (pair or after[0] < 10):
            break
        written, at, single = written + str(after[0]), after[1], False
    if word(heard, i).isdecimal():
        while word(heard, at).isdecimal() and len(word(heard, at)) == 1 and len(written) < 12:
            written, at, single = written + word(heard, at), at + 1, False
    return (value, end, 1.0) if single and at == end else (int(written), at, 0.8)


def _written(heard: Sequence[Token], i: int) -> tuple[int, int]:
    """Figures, with their thousands: 1,200."""
    said, end = word(heard, i)[:15], i + 1
    while (
        len(said) <= 9
        and word(heard, end) == ","
        and len(word(heard, end + 1)) == 3
        and word(heard, end + 1).isdecimal()
    ):
        said, end = said + word(heard, end + 1), end + 2
    if times := SCALES.get(word(heard, end)):
        return int(said) * times, end + 1
    if word(heard, end) == "hundred":
        return int(said) * 100, end + 1
    return int(said), end


def _below_thousand(heard: Sequence[Token], i: int) -> tuple[int, int] | None:
    if has(heard, i, "a hundred", "a thousand", "a million"):
        if word(heard, i + 1) != "hundred":
            return 1, i + 1
        part: tuple[int, int] | None = (1, i + 1)
    elif word(heard, i) == "hundred" and _below_hundred(heard, passes(heard, i + 1, "and")):
        part = (1, i)
    else:
        part = _below_hundred(heard, i)
    if not part or word(heard, part[1]) != "hundred" or part[0] == 0:
        return part
    value, end = part[0] * 100, part[1] + 1
    joined = has(heard, end, "and")
    rest = _below_hundred(heard, end + joined)
    if rest and rest[0] and word(heard, rest[1]) != "hundred":
        return value + rest[0], rest[1]
    return value, end


def _below_hundred(heard: Sequence[Token], i: int) -> tuple[int, int] | None:
    first, after = word(heard, i), word(heard, i + 1)
    if first in TENS:
        unit = ONES.get(after, 0)
        return (TENS[first] + unit, i + 2) if unit else (TENS[first], i + 1)
    if first in ONES or first in TEENS:
        return ONES.get(first, TEENS.get(first, 0)), i + 1
    if first.isdecimal() and len(first) <= 2:
        return int(first), i + 1
    return None


def _digits(heard: Sequence[Token], i: int) -> tuple[str, int]:
    said = ""
    while (name := word(heard, i)) in ONES or name == "oh" or name.isdecimal():
        said, i = said + (name if name.isdecimal() else str(ONES.get(name, 0))), i + 1
    return said, i
