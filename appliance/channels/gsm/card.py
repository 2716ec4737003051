"""The SIM and its network."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass

from appliance.channels.gsm import pdu, replies
from appliance.channels.gsm.at import Ask, ModemError

log = logging.getLogger(__name__)

CODE = re.compile(r"[*#0-9]{2,20}#")
"""What is asked of a network by dialling: *100# for the money that is left, as a rule."""

NO_NETWORK = "the SIM is in no network: look at antenna and SIM"

SAID_WITHIN = 30.0
"""Seconds that a network takes to answer a code."""


@dataclass(slots=True)
class Health:
    """What is known of a modem now."""

    on: bool = False
    """Whether calls can come."""
    why: str = "not started"
    """Why not."""
    signal: float | None = None
    """0 to 1."""
    restarts: int = 0
    """Times that it had to be restarted."""
    family: str = ""


class Card:
    """`pin` unlocks the SIM; it is said once."""

    def __init__(self, ask: Ask, health: Health, pin: str = "") -> None:
        self._ask = ask
        self._health = health
        self._pin = pin
        self._pin_refused = False
        self._code: asyncio.Future[str] | None = None

    async def unlock(self) -> None:
        """ModemError where the SIM stays locked."""
        state = " ".join(await self._ask("AT+CPIN?", 10.0))
        if "SIM PUK" in state:
            raise ModemError("the SIM asks for its PUK", "unlock it in a telephone; the desk must not guess")
        if "SIM PIN" not in state:
            return
        if self._pin_refused or not re.fullmatch(r"\d{4,8}", self._pin):
            wrong = "the SIM refused its PIN" if self._pin_refused else "the SIM asks for a PIN"
            raise ModemError(wrong, "name the file with the right one in box.toml, [[gsm]] pin_file")
        try:
            await self._ask(f"AT+CPIN={self._pin}", 20.0)
        except ModemError as error:
            # Three wrong ones lock the SIM: it is said once.
            self._pin_refused = bool(error.code)
            raise

    async def look(self) -> None:
        """See how the network is."""
        for line in await self._ask("AT+CSQ"):
            self._health.signal = replies.bars(line)
        for line in await self._ask("AT+CREG?"):
            self.note(replies.registered(line))

    def note(self, registered: bool | None) -> None:
        """What the modem told of the network; None: nothing."""
        if registered is None:
            return
        if registered != self._health.on:
            log.info("modem: %s", "in the network" if registered else "no network")
        self._health.on = registered
        self._health.why = "" if registered else NO_NETWORK

    async def dial_code(self, code: str) -> str:
        """What the network says to a code. ModemError where it says nothing, or it is no code."""
        if not CODE.fullmatch(code):
            raise ModemError(f"{code!r} is no code", "write it like *100#")
        self._code = asyncio.get_running_loop().create_future()
        await self._ask(f'AT+CUSD=1,"{code}",15', 20.0)
        try:
            async with asyncio.timeout(SAID_WITHIN):
                return await self._code
        except TimeoutError:
            raise ModemError(
                f"the network says nothing to {code}", "ask your provider for the right code"
            ) from None

    def hear_code(self, line: str) -> None:
        """What the network said."""
        fields = replies.values(line, "+CUSD")
        if self._code and not self._code.done() and len(fields) > 1:
            coding = int(fields[2]) if fields[2:] and fields[2].isdigit() else 15
            self._code.set_result(pdu.ussd(fields[1], coding))
