"""What a modem says: bytes to lines, and lines to what they mean.

3GPP TS 27.007 (calls, network) and 27.005 (SMS), V.250 (result codes); what the families add is in
profiles.toml.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

PROMPT = "> "
"""What asks for the text of an SMS; it comes without an end of line."""

LONGEST_LINE = 4096
"""Bytes; a modem that says more without an end of line says nothing that makes sense."""

FAILED = re.compile(r"ERROR$|\+CM[ES] ERROR:|COMMAND NOT SUPPORT|NO CARRIER$|BUSY$|NO ANSWER$|NO DIALTONE$")
"""Final result codes that are none of success."""

NO_CALL = frozenset(("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE"))
"""Final result codes of dialling; outside of it they say that a call is over."""


class Splitter:
    """Cuts a stream of bytes into lines. However the bytes are cut up, the lines are the same."""

    def __init__(self) -> None:
        self.raw = False
        """True while texts are read: each byte is a letter then, also those that are no ASCII."""
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Lines that are complete, without their ends and without empty ones; and `PROMPT`."""
        self._rest += data
        *lines, self._rest = re.split(rb"[\r\n]+", self._rest)
        for line in lines:
            if text := line.decode("latin-1") if self.raw else _text(line):
                yield text
        if self._rest == PROMPT.encode():
            self._rest = b""
            yield PROMPT
        elif len(self._rest) > LONGEST_LINE:
            self._rest = b""


@dataclass(frozen=True, slots=True)
class Listed:
    """A call, as +CLCC tells of it."""

    index: int
    incoming: bool
    state: int
    """0 active, 1 held, 2 dialing, 3 alerting, 4 incoming, 5 waiting, 6 over (SIMCom)."""
    number: str = ""
    voice: bool = True


ACTIVE, HELD, DIALING, ALERTING, INCOMING, WAITING, OVER = range(7)


def listed(line: str) -> Listed | None:
    """`+CLCC: 1,1,0,0,0,"123456789",161`; None for anything else."""
    fields = values(line, "+CLCC")
    if len(fields) < 4 or not all(field.isdigit() for field in fields[:4]):
        return None
    index, direction, state, mode = map(int, fields[:4])
    if state > OVER:
        return None
    return Listed(index, direction == 1, state, fields[5] if len(fields) > 5 else "", voice=mode == 0)


def registered(line: str) -> bool | None:
    """Whether the SIM is in a network, by `+CREG: 0,1`, `+CREG: 1` or `+CREG: 5,"33FE","a3fb477"`, and the
    same of +CEREG; None for anything else."""
    name = line.partition(":")[0].strip()
    if name not in ("+CREG", "+CEREG", "+CGREG"):
        return None
    fields = values(line, name)
    # The answer to a question begins with the mode; what comes by itself does not. An area code follows the
    # state in quotes or in four digits.
    solicited = len(fields) > 1 and len(fields[1]) < 3 and fields[1].isdigit() and not _quoted(line, 1)
    state = fields[1 if solicited else 0] if fields else ""
    return int(state) in HOME_OR_ROAMING if state.isdigit() else None


HOME_OR_ROAMING = (1, 5, 6, 7, 9, 10)
"""27.007: 1 home, 5 roaming; 6, 7 the same for SMS only; 9, 10 where LTE carries no circuit calls well."""


def bars(line: str) -> float | None:
    """Signal, 0 to 1, by `+CSQ: 17,99` (0 to 31; 99 is not known); None for anything else."""
    fields = values(line, "+CSQ")
    if not fields or not fields[0].isdigit() or int(fields[0]) > 31:
        return None
    return int(fields[0]) / 31


def caller(line: str) -> str | None:
    """The number of `+CLIP: "07712345678",129,...`; empty where it is withheld; None for anything else."""
    fields = values(line, "+CLIP")
    if not line.startswith("+CLIP:") or not fields:
        return None
    number = fields[0]
    return number if re.fullmatch(r"\+?[0-9*#]{1,40}", number) else ""


def stored(line: str) -> int | None:
    """Where an SMS that came lies, by `+CMTI: "SM",12`; None for anything else."""
    fields = values(line, "+CMTI")
    return int(fields[1]) if len(fields) == 2 and fields[1].isdigit() else None


def values(line: str, name: str) -> list[str]:
    """What follows `name:`, split at commas outside of quotes, without the quotes; nothing where the line is
    another."""
    head, colon, tail = line.partition(":")
    if head.strip() != name or not colon:
        return []
    try:
        return [field.strip() for field in next(csv.reader([tail.strip()], skipinitialspace=True), [])]
    except csv.Error:
        return []


def _quoted(line: str, field: int) -> bool:
    fields = line.partition(":")[2].split(",")
    return len(fields) > field and fields[field].lstrip().startswith('"')


def _text(line: bytes) -> str:
    return "".join(letter for letter in line.decode("ascii", "replace") if letter.isprintable()).strip()
