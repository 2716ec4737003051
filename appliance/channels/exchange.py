"""Calls that the desk makes: whom it may call, and by which trunk."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Protocol

from appliance.channels.phone import PhoneCall
from appliance.errors import DeviceError

log = logging.getLogger(__name__)

EMERGENCY = frozenset({"000", "110", "111", "112", "118", "119", "911", "933", "999"})
"""Never called, wherever the desk stands; nor those of its own country. A machine's call there does harm."""

OUTSIDE_LINE = ("", "0", "9")
"""Digits that a PBX may want before a number."""


class CallFailed(DeviceError):
    """A call did not come about for something on this side: another trunk may do better."""


class Unreached(DeviceError):
    """Whom it was for did not take it: busy, away, or no such number. Another trunk would not help."""


class Trunk(Protocol):
    """A line by which the desk calls."""

    name: str

    @property
    def state(self) -> tuple[bool, str]: ...

    async def dial(self, to: str, patience: float) -> PhoneCall:
        """Call, and return once it was answered. `to`: a number that `allowed` has passed, or for trunks
        that can a SIP URI. Unreached or CallFailed; cancelled, it rings no more."""
        ...

    def carries(self, to: str) -> bool:
        """Whether it can call that at all."""
        ...


class Exchange:
    """`trunks` in the order in which they are tried."""

    def __init__(self, trunks: Sequence[Trunk], country: str = "US") -> None:
        self._trunks = trunks
        self._country = country

    @property
    def state(self) -> tuple[bool, str]:
        """Whether the desk can call anybody, and why not."""
        up = [trunk.name for trunk in self._trunks if trunk.state[0]]
        down = "; ".join(f"{trunk.name}: {trunk.state[1]}" for trunk in self._trunks if not trunk.state[0])
        return (True, "by " + ", then ".join(up)) if up else (False, down or "no line that can call")

    async def dial(self, to: str, patience: float = 30.0) -> PhoneCall:
        """Call by the first trunk that can. Unreached, or CallFailed where no trunk could."""
        to = allowed(to, self._country)
        why = []
        for trunk in self._trunks:
            if not trunk.carries(to):
                continue
            if not trunk.state[0]:
                why.append(f"{trunk.name}: {trunk.state[1]}")
                continue
            try:
                return await trunk.dial(to, patience)
            except CallFailed as error:
                log.warning("a call by %s did not come about: %s", trunk.name, error)
                why.append(f"{trunk.name}: {error}")
        raise CallFailed("; ".join(why) or "no line can call that", "see the lines in box.toml")


def allowed(to: str, country: str = "US") -> str:
    """What may be dialled, without spaces and punctuation. CallFailed for emergency numbers and service
    codes, however they are written, and for what is no number."""
    sip = re.fullmatch(r"sips?:([A-Za-z0-9_.+-]+)@[\w.:\[\]-]+", to.strip())
    if not sip and re.match(r"sips?:", to.strip()):
        raise CallFailed("this is no address that the desk calls", "write it like sip:desk@pbx")
    user = sip[1] if sip else re.sub(r"[\s().\-/]", "", to.removeprefix("tel:"))
    number = re.sub(r"[.-]", "", user)
    if sip and not re.fullmatch(r"\+?[0-9]+", number):
        return to.strip()
    if not re.fullmatch(r"\+?[0-9]{2,15}", number):
        raise CallFailed("this is no telephone number", "digits, with + and the country's code from abroad")
    if is_emergency(number, country):
        raise CallFailed("emergency numbers are never called by the desk", "dial it yourself")
    return to.strip() if sip else number


def is_emergency(number: str, country: str = "US") -> bool:
    """Whether somebody would answer who is there for emergencies; rather too often than not."""
    import phonenumbers

    plain = number.removeprefix("+").removeprefix("00")
    for digits in {number, plain, number.removeprefix("+")}:
        for prefix in OUTSIDE_LINE:
            rest = digits[len(prefix) :] if digits.startswith(prefix) else ""
            if rest in EMERGENCY or (rest and phonenumbers.is_emergency_number(rest, country)):
                return True
    return False
