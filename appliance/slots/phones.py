"""Telephone numbers as they are dictated: "double five five, oh one four two"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from appliance.slots.lexer import Context, Found, Token, Value, has, word
from appliance.slots.numbers import ONES
from appliance.spoken import TEENS, TENS, TIMES, digits, say_digits

JOINTS = frozenset("then and dash hyphen space point dot area code - . / ,".split())


def find_phones(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every run of digits. The value has its country's code where the number is whole by that country's plan,
    else the digits as they were said."""
    i = 0
    while i < len(heard):
        end = _run(heard, i)
        if end == i:
            i += 1
            continue
        if end == i + 1 and word(heard, i) == "one" and len(heard) > 1:  # The same one.
            i = end
            continue
        said = " ".join("oh" if token.word == "o" else token.word for token in heard[i:end])
        plus = said.startswith(("+", "plus"))
        number = digits(re.sub(r"[+\-./,]|plus", " ", said))
        if number:
            yield Found(_value(number, plus, context.country), i, end)
            yield from _ends_of(heard, i, end, context.country)
        i = max(end, i + 1)


def _ends_of(heard: Sequence[Token], start: int, end: int, country: str) -> Iterator[Found]:
    """What is a number by itself at the end of a run, for a time may have been said before it; none begins
    with a nought."""
    if word(heard, start) == "zero":
        return
    for i in range(start + 1, min(end - 6, start + 6)):
        value = _value(digits(" ".join(token.word for token in heard[i:end])), False, country)
        if _run(heard, i) == end and value.score >= 0.8:
            yield Found(replace(value, score=value.score * 0.5), i, end)


def is_mobile(number: str, country: str) -> bool:
    """Whether an SMS can reach it, as far as numbers tell."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return False
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    return phonenumbers.is_valid_number(parsed) and phonenumbers.number_type(parsed) in kinds


def e164(number: str, country: str) -> str:
    """With + and the country's code, as networks tell it; as it is where it is no number of any plan."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def say_phone(number: str, country: str) -> str:
    """In the groups in which the number's country writes it; abroad with "plus" and the country's code."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return say_digits(number)
    home = parsed.country_code == phonenumbers.country_code_for_region(country)
    style = phonenumbers.PhoneNumberFormat
    shown = phonenumbers.format_number(parsed, style.NATIONAL if home else style.INTERNATIONAL)
    groups = [group for group in re.split(r"\D+", shown) if group]
    if "".join(groups) not in number and not home:
        return say_digits(number)
    return ("" if home else "plus ") + ", ".join(
        say_digits(group, 4 if len(group) == 4 else 3) for group in groups
    )


def _value(number: str, plus: bool, country: str) -> Value:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(("+" if plus else "") + number[:20], country)
    except phonenumbers.NumberParseException:
        return Value(number, say_digits(number), 0.2)
    valid = phonenumbers.is_valid_number(parsed)
    possible = (
        phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE
    )
    if valid or (possible and parsed.country_code == 1):
        whole = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        return Value(whole, say_phone(whole, country), 0.95 if valid else 0.8)
    if len(number) == 7:
        return Value(number, f"{say_digits(number[:3])}, {say_digits(number[3:], 4)}", 0.8)
    return Value(number, say_digits(number), 0.5 if 5 <= len(number) <= 15 else 0.2)


def _run(heard: Sequence[Token], i: int) -> int:
    """The token after the run of digits that begins at i; i where none does."""
    end = at = i
    while at < len(heard):
        name = word(heard, at)
        figure = name.isdecimal() or name in ONES or name in TEENS or name in TENS
        zero = name in ("oh", "o") and (at > i or _figure(word(heard, at + 1)))
        times = name in TIMES and (_figure(word(heard, at + 1)) or word(heard, at + 1) in ("oh", "o"))
        scale = at > i and name in ("hundred", "thousand")
        plus = at == i and name in ("+", "plus")
        if figure or zero or times or scale or plus:
            end = at = at + 1
        elif at > i and (used := has(heard, at, *JOINTS)):
            at += used
        else:
            break
    return end if any(_figure(token.word) or token.word == "oh" for token in heard[i:end]) else i


def _figure(name: str) -> bool:
    return name.isdecimal() or name in ONES or name in TEENS or name in TENS or name in TIMES
