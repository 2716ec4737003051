"""A GSM modem as a line that people reach the desk by: one call at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from appliance.channels import Desk
from appliance.channels.exchange import CallFailed, Unreached
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
        self._taken = asyncio.Lock()
        """A modem carries one call."""

    @property
    def state(self) -> tuple[bool, str]:
        """Whether calls can come, and why not."""
        health = self._modem.health if self._modem else None
        return (health.on, health.why) if health else (False, "not started")

    @property
    def signal(self) -> float | None:
        """0 to 1; None where it is not known."""
        return self._modem.health.signal if self._modem else None

    async def serve(self, desk: Desk) -> None:
        self._modem = modem = Modem(self._find, self._hear, self._pin)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(modem.run())
            try:
                while True:
                    ringing = await self._ringing.get()
                    if self._taken.locked():
                        continue
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

    def carries(self, to: str) -> bool:
        return not to.startswith("sip")

    async def dial(self, to: str, patience: float = 30.0) -> PhoneCall:
        """Call a number. Some modems say that a call stands while it still rings: it is answered once a voice
        is heard."""
        modem = self._modem
        if modem is None or self._taken.locked():
            raise CallFailed("the modem is in another call")
        await self._taken.acquire()
        try:
            await modem.dial(to, patience)
            return self._begin(modem, to, self._taken.release)
        except BaseException as error:
            await asyncio.shield(modem.hang_up())
            self._taken.release()
            if not isinstance(error, DeviceError):
                raise
            raise (Unreached if modem.health.on else CallFailed)(str(error)) from error

    async def text(self, number: str, text: str) -> None:
        """Send an SMS. DeviceError where it was not taken."""
        if not self._modem:
            raise CallFailed("the modem is not started")
        await self._modem.text(number, text)

    def _begin(self, modem: Modem, number: str, free: Callable[[], None] | None = None) -> PhoneCall:
        """The call that stands now; `free` is called once it is over."""
        leg = _Leg(modem, free)
        leg.call = self._call = PhoneCall(leg, "gsm", number)
        return self._call

    async def _answer(self, modem: Modem, desk: Desk, ringing: Ringing) -> None:
        """One call, from its first ring to its end."""
        async with self._taken:
            try:
                await modem.answer()
                call = self._begin(modem, ringing.number)
            except DeviceError as error:
                log.warning("a call could not be answered: %s", error)
                await modem.hang_up()
                return
            await self._serve_call(desk, call)

    async def _serve_call(self, desk: Desk, call: PhoneCall) -> None:
        leg = call.leg
        assert isinstance(leg, _Leg)
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

    def __init__(self, modem: Modem, free: Callable[[], None] | None = None) -> None:
        self._modem = modem
        self._free = free
        self.call: PhoneCall | None = None
        self._mending: asyncio.Task[None] | None = None
        self._stalls = 0
        self._pressing: asyncio.Task[None] | None = None
        self._over = False
        if not modem.found:
            raise ModemError("the modem is gone", "plug it in again")
        rate = family(modem.found.family).rate
        self.sound = SoundPort(modem.found.sound, rate, self._heard, self._stalled, self._lost)
        modem.flow = self.sound.flow

    def send(self, pcm: bytes) -> None:
        self.sound.send(pcm)

    def press(self, keys: str) -> None:
        self._pressing = asyncio.create_task(self._press(keys))

    async def _press(self, keys: str) -> None:
        with suppress(ModemError):
            await self._modem.press(keys)

    async def transfer(self, to: str, patience: float) -> None:
        raise ModemError("a modem hands no call over")

    async def hang_up(self) -> None:
        if self._over:
            return
        self._over = True
        if self._mending:
            self._mending.cancel()
        self._modem.flow = None
        self.sound.close()
        try:
            await self._modem.hang_up()
        finally:
            if self._free:
                self._free()

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
