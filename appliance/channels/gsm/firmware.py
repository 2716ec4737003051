"""What a simulated modem answers, and what it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.channels.gsm import pdu


@dataclass(slots=True)
class Line:
    """The call, as the network has it."""

    number: str
    incoming: bool
    state: int
    number_shown: bool = True

    @property
    def listed(self) -> str:
        """As +CLCC tells it, after its place in the list."""
        return f'{int(self.incoming)},{self.state},0,0,"{self.number}",145'


@dataclass(slots=True)
class Sim:
    """The SIM and its network."""

    pin: str = ""
    locked: bool = False
    puk: bool = False
    tries: int = 3
    registered: bool = True
    signal: int = 19
    texts: dict[int, str] = field(default_factory=dict)
    """SMS-DELIVER PDUs by their place."""


SAID = {
    "I": ("SIMULATOR",),
    "+CFUN?": ("+CFUN: 1",),
    "+CGMI": ("SIMULATOR",),
    "+CGMM": ("Two pseudo-terminals",),
    "+CGMR": ("1",),
    "+CGSN": ("490154203237518",),
    "+CIMI": ("001010123456789",),
    "+CSCS?": ('+CSCS: "GSM"',),
    "+CSCS=?": ('+CSCS: ("GSM","IRA","UCS2","HEX")',),
    "+CSMS?": ("+CSMS: 1,1,1,1",),
    "+CSMS=?": ("+CSMS: (0,1)",),
    "+CNMI=?": ("+CNMI: (0-2),(0-3),(0-3),(0-2),(0,1)",),
    "+CMGF=?": ("+CMGF: (0,1)",),
    "+CMGF?": ("+CMGF: 0",),
    "+CPMS=?": ('+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")',),
    "+CPMS?": ('+CPMS: "SM",0,30,"SM",0,30,"SM",0,30',),
    '+CPMS="SM"': ("+CPMS: 0,30,0,30,0,30",),
    '+CPMS="SM","SM"': ("+CPMS: 0,30,0,30,0,30",),
    "+CSCA?": ('+CSCA: "+15550199",145',),
    "+CLAC": ("+CMGS", "+CMGR", "+VTS", "+CLCC"),
    "+CBC": ("+CBC: 0,100",),
}
"""What is asked, and what is said to it."""

TAKEN = frozenset(
    [
        "",
        *"""
    Z &F V1 Q0 X4 S0 +CMGF +CMEE +CLIP +CRC +CREG +CNMI +CSCS +CSMS +CPMS +CSMP +CSCA +CFUN +COPS
    +CVHU +CSSN +CLIR +CCWA +COLP +CHLD +VTD +CSDH
""".split(),
    ]
)
"""What is taken and comes to nothing."""


def octets_in(pdu_hex: str | None) -> int:
    """Octets after the service centre's address, as +CMGR tells them."""
    octets = bytes.fromhex(pdu_hex or "00")
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
