"""E-mail addresses as they are said: "j dot smith at gmail dot com"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from appliance.slots.lexer import Context, Found, Token, Value, has, word
from appliance.slots.numbers import ONES
from appliance.slots.spelling import runs

SIGNS = {
    "dot": ".", "point": ".", "period": ".", ".": ".", "underscore": "_", "_": "_", "dash": "-",
    "hyphen": "-",
    "minus": "-", "-": "-", "plus": "+", "+": "+",
}  # fmt: skip
SAID = {".": " dot ", "_": " underscore ", "-": " dash ", "+": " plus ", "@": " at "}
ENDINGS = frozenset(
    "com org net edu gov info biz io co uk us ca au nz ie de fr es it nl be ch at se no dk fi pl eu me"
    " tv app dev online".split()
)
PROVIDERS = frozenset(
    "gmail googlemail hotmail outlook yahoo icloud aol proton protonmail gmx live msn".split()
)
STOPS = frozenset(
    "is it's its email e-mail mail address my me to that's use at on send the write under was yes yeah"
    " please and i'm well so".split()
)

_ADDRESS = re.compile(r"[a-z0-9][a-z0-9._+\-]*@[a-z0-9\-]+(\.[a-z0-9\-]+)+")


def find_emails(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every address: what stands before an "at" that a domain follows."""
    for at in range(1, len(heard)):
        if word(heard, at) not in ("at", "@"):
            continue
        domain, end = _domain(heard, at + 1)
        score = 0.9 if domain.rpartition(".")[2] in ENDINGS else 0.5
        far, near = _begin(heard, at), _nearest(heard, at)
        for start in {far, near} if domain else ():
            address = f"{_joined(heard[start:at])}@{domain}"
            if start < at and _ADDRESS.fullmatch(address):
                sure = score if start == far else score * 0.7
                yield Found(Value(address, say_email(address), sure), start, end)


def say_email(address: str) -> str:
    """Words as words, single letters and figures one by one: "J dot smith nine nine at gmail dot com"."""
    names = list(ONES)
    said = "".join(SAID.get(c, f" {names[int(c)]} " if c.isdecimal() else c) for c in address)
    return " ".join(part.upper() if len(part) == 1 else part for part in said.split())


def _nearest(heard: Sequence[Token], at: int) -> int:
    """Where the address begins if but the last word of what stands before is its own."""
    start = at - 1
    while start > 0 and (
        (word(heard, start - 1) in SIGNS and start > 1)
        or word(heard, start) in SIGNS
        or (_spelled(heard[start - 1 : start + 1]))
    ):
        start -= 1
    return start


def _begin(heard: Sequence[Token], at: int) -> int:
    start = at
    while start > 0 and word(heard, start - 1) not in STOPS and at - start < 30:
        if start < at and heard[start].paused and not _spelled(heard[start - 1 : start + 1]):
            break
        start -= 1
    return start


def _domain(heard: Sequence[Token], i: int) -> tuple[str, int]:
    """Labels with dots between; the dot before the ending may be lost after a provider that everybody
    knows."""
    labels: list[str] = []
    label: list[Token] = []
    while i < len(heard) and len(labels) < 5:
        name = word(heard, i)
        joined = _joined(label)
        if SIGNS.get(name) == "." and label:
            labels.append(joined)
            label = []
        elif name in ENDINGS and (labels or joined in PROVIDERS) and (not label or joined in PROVIDERS):
            labels += [joined] if label else []
            label = [heard[i]]
            if SIGNS.get(word(heard, i + 1)) != ".":
                i += 1
                break
        elif labels and label and not _spelled([*label, heard[i]]):
            break
        elif len(label) > 6 and not _spelled(label):
            return "", i
        else:
            label.append(heard[i])
        i += 1
    last = _joined(label)
    if not labels or not last:
        return "", i
    return ".".join([*labels, last]), i


def _spelled(part: Sequence[Token]) -> bool:
    return all(len(token.word) == 1 for token in part)


def _joined(part: Sequence[Token]) -> str:
    """What is said as one word: signs, spelled letters, figures and words."""
    text = ""
    i = 0
    starts = {run[0].start: run for run in runs(part, digits=True)}
    while i < len(part):
        name = part[i].word
        run = starts.get(i)
        if used := has(part, i, "all one word", "one word", "all lower case", "all lowercase", "lower case"):
            i += used
            continue
        if name in SIGNS:
            text, i = text + SIGNS[name], i + 1
        elif run and (any(sign.strong for sign in run) or len(name) == 1):
            text, i = text + "".join(sign.char for sign in run), run[-1].end
        else:
            text, i = text + re.sub(r"[^a-z0-9_.+\-]", "", name), i + 1
    return text
