"""A reference that is said in pieces: "it's A B four" and, after a breath, "seven nine"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from appliance.config import Ask
from appliance.slots import POLITE
from appliance.slots.lexer import Token, tokens
from appliance.slots.spelling import runs, trimmed

KINDS = ("code", "spelled")
"""Kinds that are said sign by sign, and whole at a length."""

BESIDE = POLITE | frozenset(
    "reference code number my the a it booking confirmation starts begins begin start with first goes reads"
    " now rest sorry wait let me see check look moment".split()
)
"""Words around the signs that belong to no other answer."""


def together(ask: Ask, begun: str, text: str) -> str:
    """The signs so far, in capitals, where the text tells nothing but signs; what is told anew from its
    beginning stands for what was `begun`. Empty where the text tells something else, or too much."""
    if ask.length is None or ask.type not in KINDS:
        return ""
    said = max(_every(tokens(text)), key=len, default="")
    if not said:
        return ""
    anew = said.startswith(begun) or len(said) >= ask.length
    whole = said if anew else begun + said
    return whole if len(whole) <= ask.length else ""


def _every(heard: Sequence[Token]) -> Iterator[str]:
    """The signs, in each way to tell them from the words before: the "a" of "it starts with A B" is one."""
    before = next((i for i, token in enumerate(heard) if token.word not in BESIDE), len(heard))
    for start in range(min(before + 1, len(heard))):
        rest = heard[start:]
        signs = [sign for run in runs(rest, digits=True) for sign in trimmed(run, rest)]
        told = {i for sign in signs for i in range(sign.start, sign.end)}
        plain = all(token.word in BESIDE for i, token in enumerate(rest) if i not in told)
        if plain and any(sign.strong for sign in signs):
            yield "".join(sign.char for sign in signs if sign.char.isalnum()).upper()
