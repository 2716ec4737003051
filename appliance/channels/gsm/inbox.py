"""The SMS that come: read from the modem, put together, and only then forgotten by it."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from appliance.channels.gsm import pdu
from appliance.channels.gsm.at import ModemError

log = logging.getLogger(__name__)

Ask = Callable[[str, float], Awaitable[list[str]]]


@dataclass(slots=True)
class _Parts:
    """The parts of long texts that have come so far."""

    kept: dict[tuple[str, int], dict[int, tuple[pdu.Part, int]]] = field(default_factory=dict)

    def add(self, part: pdu.Part, place: int) -> tuple[pdu.Sms, list[int]] | None:
        """The whole text once its last part is there, and the places where its parts lie."""
        parts = self.kept.setdefault((part.number, part.reference), {}) if part.of > 1 else {}
        parts[part.index] = part, place
        if len(parts) < part.of:
            return None
        self.kept.pop((part.number, part.reference), None)
        ordered = [parts[index] for index in sorted(parts)]
        text = "".join(each.text for each, _ in ordered)
        return pdu.Sms(part.number, text, part.at), [at for _, at in ordered]


class Inbox:
    """`ask` says a command to the modem; `hear` gets each text, whole."""

    def __init__(self, ask: Ask, hear: Callable[[pdu.Sms], None]) -> None:
        self._ask = ask
        self._hear = hear
        self._parts = _Parts()

    async def fetch_all(self) -> None:
        """What came while the desk was off."""
        try:
            for line in await self._ask("AT+CMGL=4", 20.0):
                if place := re.match(r"\+CMGL: ?(\d+)", line):
                    await self.fetch(int(place[1]))
        except ModemError as error:
            log.warning("the SMS that lie in the modem could not be read: %s", error)

    async def fetch(self, place: int) -> None:
        """Read the SMS at a place of the modem's and, where it is whole, hand it on; only then the modem may
        forget it."""
        try:
            lines = await self._ask(f"AT+CMGR={place}", 10.0)
            if len(lines) < 2 or not lines[0].startswith("+CMGR:"):
                return
            part, read = pdu.deliver(lines[1]), [place]
            if part:
                if (whole := self._parts.add(part, place)) is None:
                    return
                sms, read = whole
                self._hear(sms)
            for each in read:
                await self._ask(f"AT+CMGD={each}", 10.0)
        except ModemError as error:
            log.warning("an SMS could not be read: %s", error)
