"""Words letter by letter, and codes of letters and digits: "H for hotel O U S E R", "alpha bravo five
two"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from appliance.slots.lexer import Context, Found, Token, Value, corrections, passes, word
from appliance.slots.numbers import ONES, cardinal
from appliance.spoken import LETTER_NAMES, TEENS, TENS, TIMES

ALPHABET = {
    name: name[0]
    for name in "alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike"
    " november oscar papa quebec romeo sierra tango uniform victor whiskey whisky xray yankee zulu".split()
}
SIGNS = {"dash": "-", "hyphen": "-", "apostrophe": "'"}
NAMES = {letter: letter for letter in "abcdefghijklmnopqrstuvwxyz"} | LETTER_NAMES | {"oh": "o"}
COMMON = frozenset("a i you are see sea why tea eye queue ex en am em el be oh in ar bee jay kay".split())
"""Names of letters that are words too: alone they spell nothing."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign that was said."""

    char: str
    start: int
    end: int
    strong: bool
    """Whether the word can be nothing else."""


def runs(heard: Sequence[Token], digits: bool) -> Iterator[list[Sign]]:
    """The stretches in which signs are said one after another."""
    run: list[Sign] = []
    i = 0
    while i < len(heard):
        said = _sign(heard, i, digits)
        if said:
            run += said
            i = said[-1].end
            continue
        if run:
            yield run
        run = []
        i += 1
    if run:
        yield run


def find_spelled(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every word that is spelled; a word said whole is one too, hardly."""
    spelled = False
    for run in runs(heard, digits=True):
        run = trimmed(run, heard)
        text = "".join(sign.char for sign in run)
        if sum(c.isalpha() for c in text) >= 2 and any(sign.strong for sign in run):
            spelled = True
            sure = 0.9 if len(run) > 2 else 0.7
            yield Found(Value(_cased(text), say_spelled(text), sure), run[0].start, run[-1].end)
    if not spelled and len(heard) == 1 and heard[0].word.isalpha():
        text = heard[0].text
        sure = 0.9 if text.isupper() and len(text) > 1 else 0.4
        yield Found(Value(_cased(text), say_spelled(text), sure), 0, 1)


def find_codes(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every code of letters and digits, in capitals. An "oh" between digits is a nought."""
    for run in runs(heard, digits=True):
        run = trimmed(run, heard)
        text = "".join(sign.char for sign in run if sign.char.isalnum()).upper()
        if len(text) >= 2 and any(sign.strong for sign in run):
            sure = 0.9 if len(text) >= 4 or any(c.isdigit() for c in text) else 0.6
            yield Found(Value(text, say_code(text), sure), run[0].start, run[-1].end)


def say_spelled(text: str) -> str:
    """ "H, O, U, S, E, R" """
    names = {"-": "hyphen", "'": "apostrophe", " ": "space"} | {str(n): name for name, n in ONES.items()}
    return ", ".join(names.get(c, c.upper()) for c in text)


def say_code(code: str) -> str:
    """Digits in groups, letters one by one; an O beside a digit is said to be a letter: "A, B, five two"."""
    said: list[str] = []
    digits = ""
    for i, c in enumerate(code):
        if c.isdigit():
            digits += c
            continue
        said += _groups(digits)
        digits = ""
        beside = code[i - 1 : i].isdigit() or code[i + 1 : i + 2].isdigit()
        said.append("letter O" if c == "O" and beside else c)
    return ", ".join(said + _groups(digits))


def _groups(digits: str) -> list[str]:
    size = 4 if len(digits) % 4 == 0 else 3
    cut = [digits[i : i + size] for i in range(0, len(digits), size)]
    if len(cut) > 1 and len(cut[-1]) == 1:
        cut[-2:] = [cut[-2] + cut[-1]]
    names = list(ONES)
    return [" ".join(names[int(c)] for c in group) for group in cut]


def _sign(heard: Sequence[Token], i: int, digits: bool) -> list[Sign]:
    """What is said at i; a double or a number of two figures is several signs."""
    name = word(heard, i)
    if not name:
        return []
    if name == "letter" and word(heard, i + 1) in ("o", "oh"):
        return [Sign("o", i, i + 2, True)]
    if name in ("capital", "letter", "small", "then", "-") and i + 1 < len(heard):
        return [Sign(sign.char, i, sign.end, True) for sign in _sign(heard, i + 1, digits)]
    if name == "double" and word(heard, i + 1) in ("u", "you"):
        return [Sign("w", i, i + 2, True)]
    if name in TIMES:
        inner = _sign(heard, i + 1, digits)[:1]
        return [Sign(s.char, i, s.end, True) for s in inner for _ in range(TIMES[name])]
    if name in SIGNS:
        return [Sign(SIGNS[name], i, i + 1, False)]
    if digits and (number := _number(heard, i)):
        return number
    if name in ("oh", "o") and digits and _digit_beside(heard, i):
        return [Sign("0", i, i + 1, True)]
    if name in ("x", "ex") and word(heard, i + 1) == "ray":
        return [Sign("x", i, i + 2, True)]
    if name in ALPHABET:
        return [Sign(ALPHABET[name], i, i + 1, True)]
    if name in NAMES:
        return [_letter(heard, i, NAMES[name], name)]
    text = heard[i].text
    if not (text.isalpha() and text.isascii()):
        return []
    if _beside_figures(heard, i):
        return [Sign(c, i, i + 1, True) for c in name]
    if 2 <= len(text) <= 12 and text.isupper():
        return [Sign(c.lower(), i, i + 1, True) for c in text]
    return []


def _letter(heard: Sequence[Token], i: int, letter: str, name: str) -> Sign:
    """A letter, with the word that explains it: "b as in bravo", "h for hotel"."""
    end = i + 1
    after = passes(heard, end, "as in", "like in", "for", "as", "like")
    if after > end and after < len(heard) and word(heard, after)[:1] == letter:
        return Sign(letter, i, after + 1, True)
    return Sign(letter, i, end, name not in COMMON)


def _number(heard: Sequence[Token], i: int) -> list[Sign]:
    name = word(heard, i)
    if name.isdecimal():
        return [Sign(c, i, i + 1, True) for c in name]
    if name in ONES and word(heard, i + 1) == "hundred" and (said := cardinal(heard[: i + 5], i)):
        return [Sign(c, i, said[1], True) for c in str(said[0])]
    if name in ONES or name == "niner":
        return [Sign(str(ONES.get(name, 9)), i, i + 1, True)]
    if name in TENS or name in TEENS:
        said = cardinal(heard[: i + 2], i)
        return [Sign(c, i, said[1], True) for c in str(said[0])] if said else []
    return []


def _beside_figures(heard: Sequence[Token], i: int) -> bool:
    """Whether letters written as one belong to figures: "AB52", "abc-123", "qf 12"; not "14th" or "5pm"."""
    name = word(heard, i)
    if len(name) > 4 or name in ("st", "nd", "rd", "th", "am", "pm"):
        return False
    unspeakable = not set(name) & set("aeiouy")
    for n in (i - 1, i + 1):
        joined = 0 <= n < len(heard) and (heard[max(n, i)].glued or heard[max(n, i)].hyphen)
        if word(heard, n).isdecimal() and (joined or unspeakable):
            return True
    return False


def _digit_beside(heard: Sequence[Token], i: int) -> bool:
    before = word(heard, i - 2) if word(heard, i - 1) in TIMES else word(heard, i - 1)
    return any(each.isdecimal() or each in ONES or each in TENS for each in (before, word(heard, i + 1)))


def trimmed(run: list[Sign], heard: Sequence[Token]) -> list[Sign]:
    """A run without what may be plain words at its edges, unless much of it is plainly spelled; then without
    the "I" of "I think"."""
    if sum(sign.strong for sign in run) >= 2:
        more = run[-1].end < len(heard) and heard[run[-1].start].word == "i"
        return run[:-1] if more else run
    plain = len(run) > 2 or all(sign.strong or len(heard[sign.start].word) == 1 for sign in run)
    if run[0].start == 0 and run[-1].end == len(heard) > 1 and plain:
        return [replace(sign, strong=True) for sign in run]
    while run and not run[0].strong:
        run = run[1:]
    while run and not run[-1].strong:
        run = run[:-1]
    return run


def _cased(text: str) -> str:
    return text.upper() if any(c.isdigit() for c in text) else text.capitalize()


def amended(heard: Sequence[Token]) -> list[Token]:
    """The tokens with what was corrected put in place: in "five five one, no sorry, two" the two stands for
    the last as many signs as were said anew; more signs than before stand for them all."""
    for start, end in list(corrections(heard))[-3:]:
        before, after = list(heard[:start]), list(heard[end:])
        old = [sign for run in runs(before, digits=True) for sign in run]
        new = next(iter(runs(after, digits=True)), [])
        if not old or not new or old[-1].end != len(before):
            continue
        kept = old[: max(len(old) - len(new), 0)]
        first = kept[-1].end if kept else old[0].start
        return amended([*before[:first], *after])
    return list(heard)
