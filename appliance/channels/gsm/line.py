"""A GSM modem as a line that people reach the desk by: one call at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from appliance.channels import Desk
from appliance.channels.exchange import CallFailed, Unreached
from appliance.channels.gsm.at import ModemError
from appliance.channels.gsm.events import Event, Key, Over, Ringing, Text
from appliance.channels.gsm.modem import Modem
from appliance.channels.gsm.pdu import Sms
from appliance.channels.gsm.plugs import Found
from appliance.channels.gsm.profiles import family
from appliance.channels.gsm.sound import SoundPort
from appliance.channels.phone import PhoneCall, attend
from appliance.errors import DeviceError

log = logging.getLogger(__name__)


class GsmLine:
    """Waits for calls and hands each to the desk, until cancelled; the modem may come and go.

    `find` tells where the modem is. `texted` gets the SMS that come. `name` tells one modem from another.
    """

    def __init__(
        self,
        find: Callable[[], Found | None],
        pin: str = "",
        texted: Callable[[Sms], None] = lambda sms: None,
        name: str = "gsm",
    ) -> None:
        self.name = name
        self._find = find
        self._pin = pin
        self._texted = texted
        self._modem: Modem | None = None
        self._rung = asyncio.Event()
        """Set when it may be that somebody rings."""
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
        running = asyncio.create_task(modem.run())
        answering = asyncio.create_task(self._answer_all(modem, desk))
        try:
            ended, _ = await asyncio.wait([running, answering], return_when=asyncio.FIRST_COMPLETED)
        finally:
            answering.cancel()
            await asyncio.wait([answering])
            await asyncio.shield(modem.hang_up())
            running.cancel()
            await asyncio.wait([running])
        for task in ended:
            task.result()

    async def _answer_all(self, modem: Modem, desk: Desk) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            number = modem.rung_by
            if number is not None and not self._taken.locked():
                await self._answer(modem, desk, number)

    def _hear(self, event: Event) -> None:
        match event:
            case Ringing():
                self._rung.set()
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
            return await self._begin(modem, to)
        except BaseException as error:
            self._free()
            if not isinstance(error, DeviceError):
                raise
            raise (Unreached if modem.health.on else CallFailed)(str(error)) from error

    async def text(self, number: str, text: str) -> None:
        """Send an SMS. DeviceError where it was not taken."""
        if not self._modem:
            raise CallFailed("the modem is not started")
        await self._modem.text(number, text)

    async def _begin(self, modem: Modem, number: str) -> PhoneCall:
        """The call that stands now."""
        try:
            leg = _Leg(modem, self._free)
        except BaseException:
            await modem.hang_up()
            raise
        leg.call = self._call = PhoneCall(leg, "gsm", number)
        return self._call

    def _free(self) -> None:
        """The call is over: the next may come, or be ringing already."""
        self._call = None
        self._taken.release()
        self._rung.set()

    async def _answer(self, modem: Modem, desk: Desk, number: str) -> None:
        """One call, from its first ring to its end."""
        await self._taken.acquire()
        try:
            await modem.answer()
            call = await self._begin(modem, number)
        except BaseException as error:
            self._free()
            if not isinstance(error, DeviceError):
                raise
            log.warning("a call could not be answered: %s", error)
            return
        await attend(call, desk)


class _Leg:
    """The modem's sound port, for one call. `free` is called once it is over."""

    def __init__(self, modem: Modem, free: Callable[[], None]) -> None:
        self._modem = modem
        self._free = free
        self.call: PhoneCall | None = None
        self._stalls = 0
        self._doing: set[asyncio.Task[None]] = set()
        """Keys that are pressed, sound that is mended."""
        self._ending: asyncio.Task[None] | None = None
        if not modem.found:
            raise ModemError("the modem is gone", "plug it in again")
        rate = family(modem.found.family).rate
        self.sound = SoundPort(modem.found.sound, rate, self._heard, self._stalled, self._lost)
        modem.flow = self.sound.flow

    def send(self, pcm: bytes) -> None:
        self.sound.send(pcm)

    def press(self, keys: str) -> None:
        self._do(self._press(keys))

    async def transfer(self, to: str, patience: float) -> None:
        raise ModemError("a modem hands no call over")

    async def hang_up(self) -> None:
        # Whoever asks waits until it is done, and asked twice it is done once.
        self._ending = self._ending or asyncio.create_task(self._hang_up())
        await asyncio.shield(self._ending)

    async def _hang_up(self) -> None:
        for task in self._doing:
            task.cancel()
        self._modem.flow = None
        self.sound.close()
        try:
            await self._modem.hang_up()
        finally:
            self._free()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def _press(self, keys: str) -> None:
        with suppress(ModemError):
            await self._modem.press(keys)

    def _heard(self, pcm: bytes) -> None:
        if self.call:
            self.call.push(pcm)

    def _stalled(self) -> None:
        self._stalls += 1
        log.warning("the modem takes no sound: the caller hears nothing (%d)", self._stalls)
        self._do(self._mend())

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
