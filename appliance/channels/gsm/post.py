"""SMS by a modem: sent, and read from it, put together, and only then forgotten by it. As PDUs, or in text
mode where it takes none."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from appliance.channels.gsm import pdu, textmode
from appliance.channels.gsm.at import Ask, ModemError

log = logging.getLogger(__name__)


LATE = timedelta(days=1)
"""After which a part that is missing is awaited no longer: a SIM holds some thirty, and then no more come."""

MISSING = " ... "
"""What stands for it."""


@dataclass(slots=True)
class _Parts:
    """The parts of long texts that have come so far."""

    kept: dict[tuple[str, int], dict[int, tuple[pdu.Part, int]]] = field(default_factory=dict)

    def add(self, part: pdu.Part, place: int) -> tuple[pdu.Sms, list[int]] | None:
        """The whole text once its last part is there, and the places where its parts lie."""
        key = part.number, part.reference
        parts = self.kept.setdefault(key, {}) if part.of > 1 else {}
        parts[part.index] = part, place
        if len(parts) < part.of:
            return None
        self.kept.pop(key, None)
        return _joined(parts)

    def late(self, now: datetime) -> list[tuple[pdu.Sms, list[int]]]:
        """The texts whose other parts are not coming any more."""
        gone = [
            key
            for key, parts in self.kept.items()
            if all(part.at and now - part.at > LATE for part, _ in parts.values())
        ]
        return [_joined(self.kept.pop(key)) for key in gone]


def _joined(parts: dict[int, tuple[pdu.Part, int]]) -> tuple[pdu.Sms, list[int]]:
    first = next(iter(parts.values()))[0]
    texts = [parts[index][0].text if index in parts else MISSING for index in range(1, first.of + 1)]
    return pdu.Sms(first.number, "".join(texts), first.at), [place for _, place in parts.values()]


class Post:
    """`ask` says a command to the modem; `hear` gets each text, whole. Begin with `open`."""

    def __init__(self, ask: Ask, hear: Callable[[pdu.Sms], None]) -> None:
        self.charset = ""
        """Letters in text mode; empty where SMS are PDUs."""
        self._ask = ask
        self._hear = hear
        self._parts = _Parts()
        self._reading = asyncio.Lock()

    async def open(self) -> None:
        """Settle with the modem how SMS are told."""
        try:
            await self._ask("AT+CMGF=0")
            self.charset = ""
        except ModemError as error:
            if not error.code:
                raise
            self.charset = await self._text_mode()

    async def _text_mode(self) -> str:
        await self._ask("AT+CMGF=1")
        offered = " ".join(await self._ask("AT+CSCS=?"))
        charset = next((each for each in textmode.CHARSETS if f'"{each}"' in offered), "GSM")
        await self._ask(f'AT+CSCS="{charset}"')
        try:
            await self._ask("AT+CSDH=1")
        except ModemError as error:
            log.info("the modem does not tell how its texts are coded: %s", error)
        return charset

    async def send(self, number: str, text: str) -> None:
        """ModemError where it was not taken."""
        try:
            if self.charset:
                await self._send_lines(number, text)
            else:
                for length, octets in pdu.submit(number, text):
                    await self._ask(f"AT+CMGS={length}", 60.0, octets.encode())
        except ValueError as error:
            raise ModemError(str(error), "send a shorter text, to a telephone number") from error

    async def _send_lines(self, number: str, text: str) -> None:
        to = textmode.number(pdu.dialable(number), self.charset)
        for written in textmode.write(text, self.charset):
            await self._ask(f"AT+CSMP={written.settings}")
            await self._ask(f'AT+CMGS="{to}"', 60.0, written.body)

    async def fetch_all(self) -> None:
        """What came while the desk was off."""
        which = '"ALL"' if self.charset else "4"
        try:
            places = [
                int(found[1])
                for line in await self._ask(f"AT+CMGL={which}", 20.0)
                if (found := re.match(r"\+CMGL: ?(\d+)", line))
            ]
        except ModemError as error:
            log.warning("the SMS that lie in the modem could not be read: %s", error)
            return
        for place in places:
            await self.fetch(place)

    async def hand_on_late(self) -> None:
        """Texts of which parts are missing for too long, as far as they are there."""
        async with self._reading:
            for sms, places in self._parts.late(datetime.now(UTC)):
                try:
                    await self._hand_on(sms, places)
                except ModemError as error:
                    log.warning("an SMS is left in the modem: %s", error)

    async def fetch(self, place: int) -> None:
        """Read the SMS at a place of the modem's and, where it is whole, hand it on; only then the modem may
        forget it."""
        async with self._reading:
            try:
                await self._fetch(place)
            except ModemError as error:
                log.warning("an SMS could not be read: %s", error)

    async def _fetch(self, place: int) -> None:
        lines = await self._ask(f"AT+CMGR={place}", 10.0)
        if len(lines) < 2 or not lines[0].startswith("+CMGR:"):
            return
        part = textmode.read(lines, self.charset) if self.charset else pdu.deliver(lines[1])
        if part is None:
            await self._forget([place])
        elif whole := self._parts.add(part, place):
            await self._hand_on(*whole)

    async def _hand_on(self, sms: pdu.Sms, places: list[int]) -> None:
        self._hear(sms)
        await self._forget(places)

    async def _forget(self, places: list[int]) -> None:
        for place in places:
            await self._ask(f"AT+CMGD={place}", 10.0)
