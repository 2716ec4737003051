"""A GSM modem, kept up whatever happens to it. Its calls are in calls.py, its SIM in card.py, its SMS in
post.py, its sound in sound.py."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Coroutine
from typing import Any

from appliance.channels.gsm import replies
from appliance.channels.gsm.at import AtPort, ModemError, open_port
from appliance.channels.gsm.calls import Calls
from appliance.channels.gsm.card import Card, Health
from appliance.channels.gsm.events import Event, Key, Over, Ringing, Text
from appliance.channels.gsm.plugs import Found
from appliance.channels.gsm.post import Post
from appliance.channels.gsm.profiles import Family, family
from appliance.channels.gsm.replies import INCOMING, OVER, WAITING, Listed
from appliance.channels.gsm.ringer import Ringer
from appliance.channels.gsm.sound import CARD
from appliance.errors import ConfigError, DeviceError

log = logging.getLogger(__name__)

RETRY = 1.0
"""Seconds between two looks for a modem that is not there: it is back in service well within ten."""

LOOK = 1.0
"""Seconds between two looks at a call that stands: what the modem forgets to say is found out."""

HEARTBEAT = 20.0
"""Seconds between two looks at the network where nobody calls."""

DOUBLED = 0.03
"""Seconds in which the same line again is the same news: not even keys are pressed that fast."""

NO_NETWORK_YET = "no network yet"

READY = ("ATE0", "AT+CMEE=1", "AT+CLIP=1", "AT+CRC=0", "AT+CREG=1", "AT+CCWA=1", "AT+CNMI=2,1,0,0,0")
"""Said to every modem: no echo, errors by number, the caller's number, plain RING, news of the network and of
who calls meanwhile, SMS kept in the modem until they are read."""


class Modem:
    """Runs until cancelled. `find` tells where it is now; None: nowhere. `hear` gets what it tells; without
    `reads` the SMS that lie in it are left there."""

    def __init__(
        self,
        find: Callable[[], Found | None],
        hear: Callable[[Event], None],
        pin: str = "",
        reads: bool = True,
    ) -> None:
        self.health = Health()
        self.found: Found | None = None
        """Where it is."""
        self.flow: Callable[[bool], None] | None = None
        """Told when the modem's sound buffer is full (False) and when it has room again (True)."""
        self._find = find
        self._hear = hear
        self._reads = reads
        self._port: AtPort | None = None
        self._family: Family | None = None
        self._lost = asyncio.Event()
        self._stirred = asyncio.Event()
        """Set when it is time to look again."""
        self._ringer = Ringer(lambda number: hear(Ringing(number)))
        self._calls = Calls(self._ask, lambda: hear(Over()), self.restart, self._stirred.set)
        self._card = Card(self._ask, self.health, pin)
        self._post = Post(self._ask, lambda sms: hear(Text(sms)))
        self._latest = ("", 0.0)
        self._fetching: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    @property
    def rung_by(self) -> str | None:
        """The number of who rings now, empty where it is hidden; None while nobody does."""
        return self._ringer.number

    # What may be asked of it.

    async def answer(self) -> None:
        """As `Calls.answer`."""
        self._ringer.over()
        await self._calls.answer()

    async def dial(self, number: str, patience: float = 60.0) -> None:
        """As `Calls.dial`."""
        self._ringer.over()
        await self._calls.dial(number, patience)

    async def hang_up(self) -> None:
        """As `Calls.hang_up`."""
        await self._calls.hang_up()

    async def press(self, keys: str) -> None:
        """As `Calls.press`."""
        await self._calls.press(keys)

    async def renew_sound(self) -> None:
        """As `Calls.renew_sound`."""
        await self._calls.renew_sound()

    async def text(self, number: str, text: str) -> None:
        """Send an SMS, of any script. ModemError where it was not taken."""
        await self._post.send(number, text)

    async def balance(self, code: str) -> str:
        """As `Card.dial_code`."""
        return await self._card.dial_code(code)

    async def restart(self) -> None:
        """The last mend: the modem starts anew, which ends its call, and comes back as another device."""
        assert self._family
        self.health.restarts += 1
        with contextlib.suppress(ModemError):
            await self._ask(self._family.heal)
        self._lose()

    # Keeping it up.

    async def run(self) -> None:
        """Find it, open it, make it ready, watch it; begin anew whenever it is lost."""
        while True:
            try:
                await self._serve()
            except (DeviceError, ConfigError, OSError) as error:
                self._off(str(error))
            finally:
                self._close()
            await asyncio.sleep(RETRY)

    async def _serve(self) -> None:
        found = self._find()
        if not found:
            self._off("no modem is plugged in")
            return
        self.found, self._family = found, family(found.family)
        if found.sound.startswith(CARD):
            self._family = self._family.by_card()
        self._calls.family = self._family
        self._lost.clear()
        self._port = AtPort(open_port(found.at), self._unasked, self._lose)
        await self._make_ready()
        while not self._lost.is_set():
            self._stirred.clear()
            await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK if self._calls.open or self._ringer.rings else HEARTBEAT):
                    await self._stirred.wait()
        self._off("the modem was unplugged")

    async def _make_ready(self) -> None:
        assert self._family
        assert self._port
        await self._wake()
        await self._card.unlock()
        for command in (*READY, *self._family.ready):
            with contextlib.suppress(ModemError):
                await self._ask(command)
        await self._calls.hang_up_others()
        self.health.on, self.health.why, self.health.family = False, NO_NETWORK_YET, self._family.what
        await self._post.open()
        self._port.raw_texts = self._post.charset == "GSM"
        if self._reads:
            await self._post.fetch_all()

    async def _wake(self) -> None:
        """It may be booting, or in the middle of a command that somebody else began."""
        for attempt in range(10):
            try:
                await self._ask("AT", 1.0)
                return
            except ModemError:
                if attempt == 9 or self._lost.is_set():
                    raise

    async def _look(self) -> None:
        """See how the call is, or the network."""
        if self._calls.open:
            await self._calls.look()
        else:
            await self._card.look()
            await self._post.hand_on_late()

    def _lose(self) -> None:
        self._lost.set()
        self._stirred.set()

    def _off(self, why: str) -> None:
        if self.health.why != why or self.health.on:
            log.warning("modem: %s", why)
        self.health.on, self.health.why, self.health.signal = False, why, None
        self._ringer.over()
        self._calls.over()

    def _close(self) -> None:
        if self._port:
            self._port.close()
            self._port = None

    async def _ask(self, command: str, patience: float = 5.0, body: bytes = b"") -> list[str]:
        if not self._port:
            raise ModemError("the modem is gone", "plug it in again")
        return await self._port.ask(command, patience, body)

    # What it says by itself.

    def _unasked(self, line: str) -> None:
        assert self._family
        now = self._loop.time()
        (last, at), self._latest = self._latest, (line, now)
        if (index := replies.stored(line)) is not None:
            # Told twice it is read once; a place that was read is soon another text's.
            if self._reads:
                self._start(self._post.fetch(index))
        elif line == last and now - at < DOUBLED:
            return
        elif line in ("RING", "+CRING: VOICE"):
            self._rings()
        elif (number := replies.caller(line)) is not None:
            self._rings(number)
        elif key := self._family.key(line):
            self._hear(Key(key))
        elif line in replies.NO_CALL or re.match(self._family.over, line):
            self._ringer.over()
            self._calls.told_over()
        elif call := replies.listed(line):
            self._follow(call)
        elif self.flow and self._family.go_on and re.match(self._family.go_on, line):
            self.flow(True)
        elif self.flow and self._family.pause and re.match(self._family.pause, line):
            self.flow(False)
        elif (registered := replies.registered(line)) is not None:
            self._card.note(registered)
        elif line.startswith("+CUSD:"):
            self._card.hear_code(line)
        elif line.startswith("+CCWA:"):
            self._calls.another()

    def _follow(self, call: Listed) -> None:
        if call.state == OVER:
            self._calls.told_over()
        elif call.state == WAITING and self._calls.open:
            self._calls.another()
        elif call.state in (INCOMING, WAITING) and call.incoming and call.voice:
            self._rings(call.number or None)

    def _rings(self, number: str | None = None) -> None:
        if not self._calls.open:
            self._ringer.ring(number)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)
