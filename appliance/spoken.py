"""How digits, letters and numbers are said, and back: "double five oh, forty two" is 55042, "H-O-U-S-E-R" and
"h as in hotel, o, u ..." are letters. English. Standard library only."""

from __future__ import annotations

import re

ONES = dict(zip("zero one two three four five six seven eight nine".split(), range(10), strict=True))
ONES["oh"] = 0
TEENS = dict(
    zip(
        "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(),
        range(10, 20),
        strict=True,
    )
)
TENS = dict(
    zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True)
)
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14,
    "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19,
    "twentieth": 20, "thirtieth": 30,
}  # fmt: skip
TIMES = {"double": 2, "triple": 3, "treble": 3}

LETTER_NAMES = {
    "ay": "a", "bee": "b", "cee": "c", "see": "c", "sea": "c", "dee": "d", "ee": "e", "ef": "f", "eff": "f",
    "gee": "g", "aitch": "h", "haitch": "h", "eye": "i", "jay": "j", "kay": "k", "el": "l", "ell": "l",
    "em": "m", "en": "n", "pee": "p", "cue": "q", "queue": "q", "ar": "r", "are": "r", "ess": "s",
    "tee": "t", "tea": "t", "you": "u", "vee": "v", "ex": "x", "why": "y", "wye": "y", "zee": "z",
    "zed": "z",
}  # fmt: skip

SHORT = {
    "ok": "okay", "oz": "ounce", "mr": "mister", "mrs": "missus", "st": "street", "ave": "avenue",
    "blvd": "boulevard", "rd": "road", "ln": "lane", "won't": "will not", "can't": "can not",
    "cannot": "can not",
}  # fmt: skip
ENDINGS = {"n't": " not", "'m": " am", "'re": " are", "'ll": " will", "'ve": " have"}
SIGNS = {"#": " pound ", "*": " star ", "&": " and ", "%": " percent ", "+": " plus ", "@": " at "}

SOUNDLESS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "So", "Sk"})
"""Unicode categories of control characters, emoji and the like: nothing that one says."""

_OH = re.compile(r"\boh\b", re.IGNORECASE)
_TOKEN = re.compile(r"[0-9]+|[^\W\d_]+(?:'[^\W\d_]+)*")
_SPELLED_RUN = re.compile(r"\b(?:[^\W\d_][.\-‑ ]+)+[^\W\d_]\b\.?|(?<![^\W\d_])[A-Z]{2,}(?![^\W\d_])")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_WRITTEN_ORDINAL = re.compile(r"(?<=\d)(st|nd|rd|th)\b", re.IGNORECASE)


def words(text: str) -> list[str]:
    """The words of a text as one would say them, one form for each: lower case, digits and spelled letters
    one by one ("Room 42, H-O-U" and "room forty two h o u" are the same), no punctuation."""
    text = text.replace("’", "'").replace("‘", "'")
    for sign, name in SIGNS.items():
        text = text.replace(sign, name)
    text = _WRITTEN_ORDINAL.sub("", _THOUSANDS.sub("", text))
    text = _SPELLED_RUN.sub(lambda run: " ".join(c for c in run[0] if c.isalpha()), text)
    return _numbers_as_digits([word for token in _TOKEN.findall(text.lower()) for word in _spread(token)])


def digits(text: str) -> str:
    """The digits said in a text, in order; "" where there are none. Everything else is passed over."""
    heard = words(text)
    found = ""
    for i, word in enumerate(heard):
        if word.isdecimal():
            times = TIMES.get(heard[i - 1], 1) if i else 1
            found += word * times
        elif word == "o" and (found or (heard[i + 1 : i + 2] and heard[i + 1].isdecimal())):
            found += "0"
    return found


def letters(text: str) -> str:
    """What was spelled in a text, in lower case: single letters, the names of letters, "b as in bravo",
    "double l"; digits stay digits. A word that is none of these is taken as it was written, for a name may be
    said whole."""
    heard = words(_OH.sub("o", text))
    spelled = ""
    skip = 0
    for i, word in enumerate(heard):
        if skip:
            skip -= 1
            continue
        if word in TIMES and i + 1 < len(heard):
            continue
        letter = LETTER_NAMES.get(word, word)
        times = TIMES.get(heard[i - 1], 1) if i and len(letter) == 1 else 1
        spelled += letter * times
        if len(letter) == 1 and heard[i + 1 : i + 3] in (["as", "in"], ["like", "in"]):
            skip = 3
        elif len(letter) == 1 and heard[i + 1 : i + 2] in (["for"], ["as"]) and i + 2 < len(heard):
            skip = 2
    return spelled


def say_digits(written: str, group: int = 3) -> str:
    """Digits in words, a comma after each group so that a voice pauses: "599341" is
    "five nine nine, three four one". A last group of one digit joins the one before."""
    names = [name for name in ONES if name != "oh"]
    said = [names[int(c)] for c in written if c in "0123456789"]
    groups = [said[i : i + group] for i in range(0, len(said), group)]
    if len(groups) > 1 and len(groups[-1]) == 1:
        last = groups.pop()
        groups[-1] += last
    return ", ".join(" ".join(each) for each in groups)


def _spread(token: str) -> list[str]:
    if token.isdecimal():
        return list(token)
    token = SHORT.get(token, token)
    for ending, spread in ENDINGS.items():
        if token.endswith(ending) and len(token) > len(ending):
            token = token.removesuffix(ending) + spread
    return token.replace("'", "").split()


def _numbers_as_digits(heard: list[str]) -> list[str]:
    """Number words become single digits: forty two -> 4 2; eight hundred -> 8 0 0; a lone oh between digits
    is a nought."""
    out: list[str] = []
    i = 0
    while i < len(heard):
        value, used = _number(heard, i)
        if used:
            out += list(str(value))
            i += used
        elif heard[i] == "o" and out and out[-1].isdecimal() and _number(heard, i + 1)[1]:
            out.append("0")
            i += 1
        else:
            out.append(heard[i])
            i += 1
    return out


def _number(heard: list[str], i: int) -> tuple[int, int]:
    """The number that begins at word i and how many words it takes; 0 words where none begins."""
    value, used = _below_thousand(heard, i)
    if used and 0 < value < 1000 and heard[i + used : i + used + 1] == ["thousand"]:
        value, used = value * 1000, used + 1
        rest, more = _rest(heard, i + used)
        return value + rest, used + more
    return value, used


def _below_thousand(heard: list[str], i: int) -> tuple[int, int]:
    value, used = _below_hundred(heard, i)
    if used and 0 < value < 100 and heard[i + used : i + used + 1] == ["hundred"]:
        value, used = value * 100, used + 1
        rest, more = _rest(heard, i + used)
        if rest < 100:
            return value + rest, used + more
    return value, used


def _rest(heard: list[str], i: int) -> tuple[int, int]:
    """What follows a hundred or a thousand and belongs to it. A bare digit does not: in "eight hundred five
    five five" the fives are digits of their own."""
    joined = heard[i : i + 1] == ["and"]
    rest, used = _below_thousand(heard, i + joined)
    if used and (joined or rest >= 10):
        return rest, used + joined
    return 0, 0


def _below_hundred(heard: list[str], i: int) -> tuple[int, int]:
    word = heard[i] if i < len(heard) else ""
    if word.isdecimal():
        return int(word), 1
    if word in TENS:
        after = heard[i + 1] if i + 1 < len(heard) else ""
        unit = ONES.get(after, ORDINALS.get(after, 0))
        return (TENS[word] + unit, 2) if 0 < unit < 10 else (TENS[word], 1)
    for names in (ONES, TEENS, ORDINALS):
        if word in names:
            return names[word], 1
    return 0, 0
