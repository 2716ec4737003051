"""A GSM modem as a line that people reach the desk by: one call at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from appliance.channels import Desk
from appliance.channels.gsm.at import ModemError
from appliance.channels.gsm.modem import Event, Key, Modem, Over, Ringing, Text
from appliance.channels.gsm.pdu import Sms
from appliance.channels.gsm.profiles import Found, family, plugged_in
from appliance.channels.gsm.sound import SoundPort
from appliance.channels.phone import PhoneCall
from appliance.errors import DeviceError
from appliance.messages import seconds

log = logging.getLogger(__name__)


class GsmLine:
    """Waits for calls and hands each to the desk, until cancelled; the modem may come and go.

    `find` tells where the modem is. `texted` gets the SMS that come.
    """

    name = "gsm"

    def __init__(
        self,
        find: Callable[[], Found | None] | None = None,
        pin: str = "",
        texted: Callable[[Sms], None] = lambda sms: None,
    ) -> None:
        self._find = find or _first
        self._pin = pin
        self._texted = texted
        self._modem: Modem | None = None
        self._ringing: asyncio.Queue[Ringing] = asyncio.Queue()
        self._call: PhoneCall | None = None

    @property
    def state(self) -> tuple[bool, str]:
        """Whether calls can come, and why not."""
        health = self._modem.health if self._modem else None
        return (health.on, health.why) if health else (False, "not started")

    async def serve(self, desk: Desk) -> None:
        self._modem = modem = Modem(self._find, self._hear, self._pin)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(modem.run())
            try:
                while True:
                    ringing = await self._ringing.get()
                    await self._answer(modem, desk, ringing)
            finally:
                await asyncio.shield(modem.hang_up())
                running.cancel()

    def _hear(self, event: Event) -> None:
        match event:
            case Ringing():
                self._ringing.put_nowait(event)
            case Over() if self._call:
                self._call.ended()
            case Key() if self._call:
                self._call.press(event.key)
            case Text():
                self._texted(event.sms)

    async def _answer(self, modem: Modem, desk: Desk, ringing: Ringing) -> None:
        """One call, from its first ring to its end."""
        try:
            await modem.answer()
            leg = _Leg(modem)
        except DeviceError as error:
            log.warning("a call could not be answered: %s", error)
            await modem.hang_up()
            return
        call = self._call = PhoneCall(leg, "gsm", ringing.number)
        leg.call = call
        try:
            await desk.talk(call)
        except Exception:
            log.exception("gsm call %s failed", call.id)
        finally:
            self._call = None
            await call.hang_up()
        log.info(
            "gsm call %s: %.1f s, %d frames concealed, %d dropped, %d bytes not taken",
            call.id, seconds(call.now()), call.concealed, call.dropped, leg.sound.missed,
        )  # fmt: skip


class _Leg:
    """The modem's sound port, for one call."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem
        self.call: PhoneCall | None = None
        self._mending: asyncio.Task[None] | None = None
        self._stalls = 0
        if not modem.found:
            raise ModemError("the modem is gone", "plug it in again")
        rate = family(modem.found.family).rate
        self.sound = SoundPort(modem.found.sound, rate, self._heard, self._stalled, self._lost)
        modem.flow = self.sound.flow

    def send(self, pcm: bytes) -> None:
        self.sound.send(pcm)

    async def hang_up(self) -> None:
        if self._mending:
            self._mending.cancel()
        self._modem.flow = None
        self.sound.close()
        await self._modem.hang_up()

    def _heard(self, pcm: bytes) -> None:
        if self.call:
            self.call.push(pcm)

    def _stalled(self) -> None:
        self._stalls += 1
        log.warning("the modem takes no sound: the caller hears nothing (%d)", self._stalls)
        self._mending = asyncio.create_task(self._mend())

    async def _mend(self) -> None:
        """Sound off and on; where that was no help, the modem is restarted, which ends the call: a caller
        who hears nothing hangs up anyhow, and the next one must be heard."""
        try:
            if self._stalls > 1:
                await self._modem.restart()
                return
            await self._modem.renew_sound()
            self.sound.revived()
        except ModemError as error:
            log.warning("the modem's sound could not be mended: %s", error)
            await self._modem.restart()

    def _lost(self) -> None:
        if self.call:
            self.call.ended()


def _first() -> Found | None:
    return next(iter(plugged_in()), None)
