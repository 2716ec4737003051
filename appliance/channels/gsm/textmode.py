"""SMS in text mode, for modems that take no PDUs: lines in a character set (3GPP TS 27.005)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from appliance.channels.gsm import pdu
from appliance.channels.gsm.pdu import Part
from appliance.channels.gsm.replies import values

CHARSETS = ("UCS2", "IRA", "GSM")
"""What letters a modem may be told to use, the best first: hex digits of UTF-16, ASCII, the GSM alphabet."""

DETAILS = 11
"""Fields that +CMGR has once AT+CSDH=1 was taken: with coding and length."""

HEADED = 0x40
"""In an SMS's first octet: a header is in front of the text."""

ALONE_AS_IT_IS, IN_PARTS = 0x11, 0x51
"""First octet of what is sent: a validity period, and in parts a header."""


@dataclass(frozen=True, slots=True)
class Written:
    """An SMS as it is told to the modem."""

    settings: str
    """What AT+CSMP is told."""
    body: bytes


def write(text: str, charset: str) -> list[Written]:
    """The SMS that carry a text. ValueError for one that would take more than `pdu.MOST`."""
    septets = pdu.to_septets(text)
    if septets is not None and len(septets) <= pdu.SEPTETS and (body := _plain(text, charset)) is not None:
        return [Written(f"{ALONE_AS_IT_IS},167,0,0", body)]
    # Whatever the character set, what is no plain text is told as hex digits of its octets.
    pieces = pdu.in_units(text)
    first = IN_PARTS if len(pieces) > 1 else ALONE_AS_IT_IS
    return [
        Written(f"{first},167,0,8", (header + piece.encode("utf-16-be")).hex().upper().encode())
        for header, piece in zip(pdu.headers(len(pieces)), pieces, strict=True)
    ]


def number(plain: str, charset: str) -> str:
    """A number as the modem is told it."""
    return plain.encode("utf-16-be").hex().upper() if charset == "UCS2" else plain


def read(lines: Sequence[str], charset: str) -> Part | None:
    """An SMS that came, by all lines that AT+CMGR was answered with; None for anything else."""
    fields = values(lines[0], "+CMGR") if len(lines) > 1 else []
    if len(fields) < 4 or not fields[0].startswith("REC"):
        return None
    try:
        return _read(fields, "\n".join(lines[1:]), charset)
    except (ValueError, IndexError):
        return None


def _read(fields: Sequence[str], data: str, charset: str) -> Part:
    sender, at = _sender(fields[1], charset), _time(fields[3])
    if len(fields) < DETAILS:
        octets = bytes.fromhex(data) if charset == "UCS2" else b""
        header = 1 + octets[0] if octets[:3] in (b"\5\0\3", b"\6\x08\4") else 0
        text = octets[header:].decode("utf-16-be", "replace") if octets else _letters(data, charset)
    else:
        first, coding, length = int(fields[5]), int(fields[7]), int(fields[10])
        alphabet = pdu.alphabet(coding)
        if not first & HEADED and alphabet == pdu.SEVEN_BITS:
            octets, header, text = b"", 0, _letters(data, charset)
        else:
            octets = bytes.fromhex(data)
            header = 1 + octets[0] if first & HEADED else 0
            count = length if alphabet == pdu.SEVEN_BITS else len(octets)
            text = pdu.text_of(octets, count, header, coding)
    reference, of, index = pdu.concatenation(octets[1:header])
    return Part(sender, text, at, reference, of, index)


def _plain(text: str, charset: str) -> bytes | None:
    """A text as letters; None where the character set has not all of them, or the modem would take one for a
    command."""
    match charset:
        case "UCS2":
            return text.encode("utf-16-be").hex().upper().encode()
        case "IRA":
            return text.encode() if re.fullmatch(r"[\n -Z_a-z]*", text) else None
    septets = bytes(pdu.to_septets(text) or ())
    return None if re.search(rb"[\r\x1a\x1b]", septets) else septets


def _letters(data: str, charset: str) -> str:
    match charset:
        case "UCS2":
            return bytes.fromhex(data).decode("utf-16-be", "replace")
        case "GSM":
            return pdu.from_septets([ord(letter) & 0x7F for letter in data])
    return data


def _sender(told: str, charset: str) -> str:
    """Some modems tell numbers plainly whatever the character set."""
    coded = charset == "UCS2" and re.fullmatch(r"(?:[0-9A-Fa-f]{4})+", told)
    if coded and (re.fullmatch(r"(?:00..)+", told) or re.search(r"[A-Fa-f]", told)):
        return bytes.fromhex(told).decode("utf-16-be", "replace")
    return told


def _time(told: str) -> datetime | None:
    """`26/11/23,13:09:00+04`: the zone in quarters of an hour."""
    found = re.fullmatch(r"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d\d)?", told)
    if not found:
        return None
    year, month, day, hour, minute, second, quarters = (int(each or 0) for each in found.groups())
    try:
        zone = timezone(timedelta(minutes=15 * quarters))
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except ValueError:
        return None
