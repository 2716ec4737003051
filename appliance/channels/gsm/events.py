"""What a modem tells of by itself."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.channels.gsm.pdu import Sms


@dataclass(frozen=True, slots=True)
class Ringing:
    """Somebody calls."""

    number: str = ""
    """Empty where it is withheld, or the network has not told it."""


@dataclass(frozen=True, slots=True)
class Over:
    """The call is over: the other side hung up, or it was lost."""


@dataclass(frozen=True, slots=True)
class Key:
    """The caller pressed a key."""

    key: str


@dataclass(frozen=True, slots=True)
class Text:
    """An SMS came, whole."""

    sms: Sms


Event = Ringing | Over | Key | Text
