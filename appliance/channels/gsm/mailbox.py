"""The SMS of a simulated modem: those that came, and those that were sent; as PDUs and in text mode."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from appliance.channels.gsm import pdu

REFUSED = ["+CMS ERROR: 304"]


@dataclass(frozen=True, slots=True)
class _Delivered:
    """An SMS-DELIVER, taken apart."""

    first: int
    number: str
    coding: int
    stamp: str
    length: int
    data: bytes


@dataclass(slots=True)
class Mailbox:
    """`do` answers the commands for SMS."""

    takes_pdus: bool = True
    charsets: tuple[str, ...] = ("GSM", "IRA", "UCS2", "HEX")
    came: dict[int, str] = field(default_factory=dict)
    """SMS-DELIVER PDUs by their place."""
    sent: list[tuple[str, str]] = field(default_factory=list)
    """Number and text; each part of a long text is one."""
    awaited: str | None = None
    """What the command told whose text is typed now."""
    _lines: bool = False
    """Whether in text mode."""
    _charset: str = "GSM"
    _details: bool = False
    _settings: tuple[int, int] = (17, 0)
    """First octet and coding of what is sent in text mode."""

    def __post_init__(self) -> None:
        self._lines = not self.takes_pdus

    def deliver(self, octets: str) -> int:
        """An SMS came; its place."""
        place = max(self.came, default=0) + 1
        self.came[place] = octets
        return place

    def do(self, name: str, value: str) -> list[str] | None:
        """The answer; None for what is no command for SMS. An empty one awaits a text."""
        match name:
            case "+CMGF?":
                return [f"+CMGF: {int(self._lines)}", "OK"]
            case "+CMGF" if value != "?":
                if value == "0" and not self.takes_pdus:
                    return ["+CMS ERROR: 303"]
                self._lines = value == "1"
            case "+CSCS?":
                return [f'+CSCS: "{self._charset}"', "OK"]
            case "+CSCS" if value == "?":
                return [f"+CSCS: ({','.join(f'{chr(34)}{each}{chr(34)}' for each in self.charsets)})", "OK"]
            case "+CSCS":
                if value.strip('"') not in self.charsets:
                    return ["ERROR"]
                self._charset = value.strip('"')
            case "+CSDH":
                self._details = value == "1"
            case "+CSMP":
                first, _, _, coding = (int(each or 0) for each in value.split(","))
                self._settings = first, coding
            case "+CMGS":
                self.awaited = value
                return []
            case "+CMGL":
                return [*(row for place in self.came for row in self._row("+CMGL", place)), "OK"]
            case "+CMGR":
                place = int(value) if value.isdigit() else 0
                return [*self._row("+CMGR", place), "OK"] if place in self.came else ["+CMS ERROR: 321"]
            case "+CMGD":
                self.came.pop(int(value.partition(",")[0] or 0), None)
            case _:
                return None
        return ["OK"]

    def take(self, body: bytes) -> list[str]:
        """The text that was awaited."""
        told, self.awaited = self.awaited or "", None
        try:
            self.sent.append(self._read_lines(told, body) if self._lines else self._read_pdu(told, body))
        except (ValueError, IndexError):
            return REFUSED
        return [f"+CMGS: {len(self.sent)}", "OK"]

    def _read_pdu(self, told: str, body: bytes) -> tuple[str, str]:
        octets = body.decode().strip()
        if octets_in(octets) != int(told):
            raise ValueError("another length was told")
        return submitted(octets)

    def _read_lines(self, told: str, body: bytes) -> tuple[str, str]:
        number = told.split(",")[0].strip('"')
        if self._charset == "UCS2":
            number = bytes.fromhex(number).decode("utf-16-be")
        if not re.fullmatch(r"\+?\d{2,20}", number):
            raise ValueError("no number")
        first, coding = self._settings
        if coding == 0 and not first & 0x40:
            return number, self._letters(body)
        octets = bytes.fromhex(body.decode())
        if len(octets) > 140:
            raise ValueError("no SMS is that long")
        return number, pdu.text_of(octets, len(octets), 1 + octets[0] if first & 0x40 else 0, coding)

    def _letters(self, body: bytes) -> str:
        match self._charset:
            case "UCS2":
                return bytes.fromhex(body.decode()).decode("utf-16-be")
            case "GSM":
                return pdu.from_septets(list(body))
        return body.decode("ascii")

    def _row(self, name: str, place: int) -> list[str]:
        """An SMS as +CMGR and +CMGL tell it."""
        octets = self.came[place]
        where = f"{place}," if name == "+CMGL" else ""
        if not self._lines:
            return [f"{name}: {where}0,,{octets_in(octets)}", octets]
        sms = delivered(octets)
        number, text = sms.number, ""
        if sms.first & 0x40 or pdu.alphabet(sms.coding) != pdu.SEVEN_BITS:
            text = sms.data.hex().upper()
        else:
            septets = pdu.unpack(sms.data, sms.length)
            text = {
                "UCS2": pdu.from_septets(septets).encode("utf-16-be").hex().upper(),
                "GSM": bytes(septets).decode("latin-1"),
            }.get(self._charset, pdu.from_septets(septets))
        if self._charset == "UCS2":
            number = number.encode("utf-16-be").hex().upper()
        row = f'{name}: {where}"REC UNREAD","{number}",,"{sms.stamp}"'
        if self._details:
            row += (
                f",145,{sms.first},0,{sms.coding},,,{sms.length}" if name == "+CMGR" else f",145,{sms.length}"
            )
        return [row, text]


def octets_in(pdu_hex: str) -> int:
    """Octets after the service centre's address, as +CMGR tells them."""
    octets = bytes.fromhex(pdu_hex)
    return len(octets) - 1 - octets[0]


def submitted(octets: str) -> tuple[str, str]:
    """Number and text of an SMS-SUBMIT; a part of a long text is one of its own."""
    data = bytes.fromhex(octets)
    data = data[1 + data[0] :]
    digits, kind = data[2], data[3]
    length = (digits + 1) // 2
    number = pdu.address(data[4 : 4 + length], digits, kind)
    coding = data[5 + length]
    validity = {0: 0, 2: 1}.get(data[0] >> 3 & 3, 7)
    count, body = data[6 + length + validity], data[7 + length + validity :]
    header = 1 + body[0] if data[0] & 0x40 else 0
    return number, pdu.text_of(body, count, header, coding)


def deliveries(number: str, text: str, at: datetime | None = None) -> list[str]:
    """The SMS-DELIVERs that bring a text, as the network had it at that time: made of what would send it."""
    stamp = _semi_octets((at or datetime.now(UTC)).strftime("%y%m%d%H%M%S") + "00")
    made = []
    for _, octets in pdu.submit(number, text):
        data = bytes.fromhex(octets)[1:]
        length = 4 + (data[2] + 1) // 2
        head = bytes([4 | data[0] & 0x40]) + data[2 : length + 2]
        made.append((b"\0" + head + stamp + data[length + 2 :]).hex().upper())
    return made


def _semi_octets(digits: str) -> bytes:
    return bytes.fromhex("".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2)))


def delivered(octets: str) -> _Delivered:
    """An SMS-DELIVER, its service centre in front, taken apart."""
    data = bytes.fromhex(octets)
    data = data[1 + data[0] :]
    digits, kind = data[1], data[2]
    length = (digits + 1) // 2
    rest = data[3 + length :]
    year, month, day, hour, minute, second, zone = ((o & 15) * 10 + (o >> 4) for o in rest[2:9])
    stamp = f"{year:02}/{month:02}/{day:02},{hour:02}:{minute:02}:{second:02}+{zone:02}"
    number = pdu.address(data[3 : 3 + length], digits, kind)
    return _Delivered(data[0], number, rest[1], stamp, rest[9], rest[10:])
