"""SMS as modems carry them: PDUs to texts, and texts to PDUs (3GPP TS 23.040, 23.038)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The GSM alphabet: 7 bits a letter."""

EXTENDED = {"\f": 10, "^": 20, "{": 40, "}": 41, "\\": 47, "[": 60, "~": 61, "]": 62, "|": 64, "€": 101}
"""Letters that take two: an escape, and this."""

ESCAPE = 0x1B

SEPTETS, SEPTETS_IN_PART = 160, 153
UNITS, UNITS_IN_PART = 70, 67
"""Letters that an SMS holds alone, and as a part of a longer text: in the GSM alphabet, and in UTF-16."""

MOST = 10
"""Parts of a text: nobody reads more by SMS."""

_references = itertools.count(datetime.now().microsecond)


@dataclass(frozen=True, slots=True)
class Sms:
    """A text that came."""

    number: str
    """Of the sender; or a name, as networks and shops have."""
    text: str
    at: datetime | None = None
    """When the network took it, UTC."""


@dataclass(frozen=True, slots=True)
class Part:
    """An SMS as it came: a whole text, or a part of one."""

    number: str
    text: str
    at: datetime | None = None
    reference: int = 0
    of: int = 1
    index: int = 1


def deliver(pdu: str) -> Part | None:
    """Read an SMS-DELIVER in hex digits, the service centre's address in front; None for what is none."""
    try:
        return _deliver(bytes.fromhex(pdu.strip()))
    except (ValueError, IndexError):
        return None


def submit(number: str, text: str) -> list[tuple[int, str]]:
    """The SMS-SUBMITs that carry a text, each with the length that AT+CMGS is told. Raises ValueError for a
    number that is none and for a text that would take more than `MOST`."""
    plain = dialable(number).lstrip("+")
    septets = to_septets(text)
    coding = 8 if septets is None else 0
    pieces: Sequence[list[int] | str] = in_units(text) if septets is None else _cut_septets(septets)
    address = bytes([len(plain), 0x91 if number[0] == "+" else 0x81]) + _semi_octets(plain)
    made = []
    for header, piece in zip(headers(len(pieces)), pieces, strict=True):
        # SUBMIT, no status report, no validity period; 0x40: a header is in front of the text.
        first = 0x41 if header else 0x01
        body = bytes([first, 0]) + address + bytes([0, coding]) + _user_data(piece, header, coding)
        made.append((len(body), (b"\0" + body).hex().upper()))
    return made


def dialable(number: str) -> str:
    """The number, where it is one; ValueError where it is none."""
    if not re.fullmatch(r"\+?[0-9]{2,20}", number):
        raise ValueError("no telephone number")
    return number


def ussd(text: str, coding: int) -> str:
    """What a network says to a code: plain, in packed septets, or in UTF-16; modems differ."""
    hexadecimal = re.fullmatch(r"(?:[0-9A-Fa-f]{2}){2,}", text)
    if not hexadecimal:
        return text
    data = bytes.fromhex(text)
    if coding == 72 and len(data) % 2 == 0:
        return data.decode("utf-16-be", "replace")
    if coding == 15:
        return from_septets(unpack(data, len(data) * 8 // 7)).rstrip("\r@")
    return text


def to_septets(text: str) -> list[int] | None:
    """A text in the GSM alphabet; None where a letter is not in it."""
    septets: list[int] = []
    for letter in text:
        if letter in EXTENDED:
            septets += [ESCAPE, EXTENDED[letter]]
        elif letter != "\x1b" and (place := ALPHABET.find(letter)) >= 0:
            septets.append(place)
        else:
            return None
    return septets


def from_septets(septets: list[int]) -> str:
    extended = {code: letter for letter, code in EXTENDED.items()}
    text, escaped = "", False
    for septet in septets:
        if escaped:
            # A letter that is not known is shown as the one of the plain alphabet (23.038, 6.2.1.1).
            text += extended.get(septet, ALPHABET[septet])
            escaped = False
        elif septet == ESCAPE:
            escaped = True
        else:
            text += ALPHABET[septet]
    return text


def pack(septets: list[int], fill: int = 0) -> bytes:
    """Eight letters into seven octets, after `fill` bits that are 0."""
    bits = sum(septet << (fill + 7 * place) for place, septet in enumerate(septets))
    return bits.to_bytes((fill + 7 * len(septets) + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill: int = 0) -> list[int]:
    bits = int.from_bytes(octets, "little") >> fill
    return [bits >> (7 * place) & 0x7F for place in range(min(count, (len(octets) * 8 - fill) // 7))]


def _deliver(octets: bytes) -> Part | None:
    rest = octets[1 + octets[0] :]
    first, digits, kind = rest[0], rest[1], rest[2]
    if first & 3:
        return None
    length = (digits + 1) // 2
    number = address(rest[3 : 3 + length], digits, kind)
    _, coding = rest[3 + length : 5 + length]
    at = _time(rest[5 + length : 12 + length])
    count, data = rest[12 + length], rest[13 + length :]
    header, reference, of, index = 0, 0, 1, 1
    if first & 0x40:
        header = 1 + data[0]
        reference, of, index = concatenation(data[1:header])
    return Part(number, text_of(data, count, header, coding), at, reference, of, index)


SEVEN_BITS, OCTETS, UTF_16 = range(3)


def alphabet(coding: int) -> int:
    """What a text's letters are, by its data coding scheme (23.038)."""
    if coding >> 4 == 14:
        return UTF_16
    return coding >> 2 & 3 if coding >> 6 in (0, 1) else (coding >> 2 & 1 if coding >> 4 == 15 else 0)


def text_of(data: bytes, count: int, header: int, coding: int) -> str:
    """The text of user data: `count` septets or octets, of which the first `header` octets are none of it."""
    match alphabet(coding):
        case 2:
            return data[header:count].decode("utf-16-be", "replace")
        case 1:
            return data[header:count].decode("latin-1")
    skipped = (header * 8 + 6) // 7
    return from_septets(unpack(data[header:], count - skipped, skipped * 7 - header * 8))


def concatenation(header: bytes) -> tuple[int, int, int]:
    """Reference, number of parts, and which this is; of a text in one part where the header tells none."""
    while len(header) >= 2:
        kind, length = header[0], header[1]
        value, header = header[2 : 2 + length], header[2 + length :]
        if kind == 0 and length == 3:
            reference, of, index = value
        elif kind == 8 and length == 4:
            reference, of, index = int.from_bytes(value[:2], "big"), value[2], value[3]
        else:
            continue
        return (reference, of, index) if 1 <= index <= of else (0, 1, 1)
    return 0, 1, 1


def address(octets: bytes, digits: int, kind: int) -> str:
    if kind >> 4 & 7 == 5:
        return from_septets(unpack(octets, digits * 4 // 7))
    number = "".join("0123456789*#abc"[n] for octet in octets for n in (octet & 15, octet >> 4) if n < 15)
    return ("+" if kind >> 4 & 7 == 1 else "") + number[:digits]


def _semi_octets(digits: str) -> bytes:
    padded = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2)))


def _time(octets: bytes) -> datetime | None:
    try:
        year, month, day, hour, minute, second = ((o & 15) * 10 + (o >> 4) for o in octets[:6])
        quarters = (octets[6] & 7) * 10 + (octets[6] >> 4)
        zone = timezone(timedelta(minutes=15 * (-quarters if octets[6] & 8 else quarters)))
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except (ValueError, IndexError):
        return None


def _user_data(piece: list[int] | str, header: bytes, coding: int) -> bytes:
    if isinstance(piece, str):
        data = header + piece.encode("utf-16-be")
        return bytes([len(data)]) + data
    skipped = (len(header) * 8 + 6) // 7
    packed = pack(piece, skipped * 7 - len(header) * 8)
    return bytes([skipped + len(piece)]) + header + packed


def headers(parts: int) -> list[bytes]:
    """What stands in front of each part of a text; nothing where it is whole. ValueError for too many."""
    if parts > MOST:
        raise ValueError(f"the text takes {parts} SMS, more than {MOST}")
    reference = next(_references) & 0xFF
    return (
        [bytes([5, 0, 3, reference, parts, index]) for index in range(1, parts + 1)] if parts > 1 else [b""]
    )


def _cut_septets(septets: list[int]) -> list[list[int]]:
    if len(septets) <= SEPTETS:
        return [septets]
    return list(_pieces(septets, SEPTETS_IN_PART))


def _pieces(septets: list[int], size: int) -> Iterator[list[int]]:
    while septets:
        # An escape must not be parted from its letter.
        end = size - 1 if len(septets) > size and septets[size - 1] == ESCAPE else size
        yield septets[:end]
        septets = septets[end:]


def in_units(text: str) -> list[str]:
    """A text cut into what an SMS holds of it in UTF-16."""
    units = text.encode("utf-16-be", "replace")
    if len(units) <= 2 * UNITS:
        return [units.decode("utf-16-be")]
    pieces: list[str] = []
    piece, size = "", 0
    for letter in units.decode("utf-16-be"):
        width = 2 if ord(letter) > 0xFFFF else 1
        if size + width > UNITS_IN_PART:
            pieces.append(piece)
            piece, size = "", 0
        piece, size = piece + letter, size + width
    return [*pieces, piece]
