"""The desk's words in a form: its lines with what is known filled in, and what is waited for after them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from appliance.config import Ask
from appliance.config.lines import Lines
from appliance.flows.state import SAID, Doubt, Form
from appliance.messages import Expect
from appliance.slots import Value

KINDS: Mapping[str, Literal["any", "yes_no", "digits", "spelled", "name", "message"]] = {
    "phone": "digits",
    "number": "digits",
    "code": "spelled",
    "spelled": "spelled",
    "email": "spelled",
    "name": "name",
    "choice": "name",
    "yes_no": "yes_no",
    "text": "message",
}

PATIENCE: Mapping[str, float | None] = {"patient": 1.6, "normal": None, "brisk": 0.4}
"""Seconds of quiet that end an answer; None where the usual ones do."""

DIGITS: Mapping[str, int] = {"phone": 10, "number": 1}
"""Digits that make an answer whole: of a telephone number all of them, of a number any."""


def fill(line: str, form: Form, result: Mapping[str, Any] | None = None) -> str:
    """A line with its {slots} filled in as they are spoken; what is not known stays out."""
    known = {name: str(value) for name, value in (result or {}).items()}
    known |= {slot: value.spoken for slot, value in form.slots.items()}
    return re.sub(
        r"( ?)\{(\w+)\}", lambda field: field[1] + known[field[2]] if field[2] in known else "", line
    )


def ask_about(lines: Lines, slot: str, doubt: Doubt) -> str:
    """Whether a value is meant, or may be used, or which of a few is meant."""
    if len(doubt.values) > 1:
        return lines.which.format(options=either(doubt.values))
    line = lines.readback if doubt.source == SAID else lines.use
    return line.format(value=doubt.values[0].spoken, slot=slot.replace("_", " "))


def either(values: Sequence[Value]) -> str:
    """ "Tom Becker or Tom Barker" """
    *first, last = [value.spoken for value in values]
    return f"{', '.join(first)} or {last}"


def expect(ask: Ask, options: tuple[str, ...]) -> Expect:
    """What is waited for after a question."""
    patience = PATIENCE[ask.patience] if isinstance(ask.patience, str) else ask.patience
    digits = ask.length or DIGITS.get(ask.type)
    kind = "spelled" if ask.spelled else KINDS.get(ask.type, "any")
    return Expect(kind, options, patience, digits, ask.keys)


def expect_about(ask: Ask, doubt: Doubt) -> Expect:
    """What is waited for after `ask_about`."""
    if len(doubt.values) == 1:
        return Expect("yes_no")
    return Expect(KINDS.get(ask.type, "any"), tuple(str(value.spoken) for value in doubt.values))
