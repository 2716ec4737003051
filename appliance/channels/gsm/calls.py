"""The call of a modem: begun, kept track of, ended. A modem has one at a time, and its sound with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from appliance.channels.gsm import replies
from appliance.channels.gsm.at import Ask, ModemError
from appliance.channels.gsm.profiles import KEYS, Family
from appliance.channels.gsm.replies import ACTIVE, INCOMING, OVER, WAITING, Listed

log = logging.getLogger(__name__)

BEGIN_TRIES = 3
"""Times that the sound is asked for before the modem is restarted."""

LISTED_WITHIN = 1.0
"""Seconds that a modem may take to list the call that it was told to make."""


class Calls:
    """`over` is called once for each call that has ended, `restart` where its sound will not come on.
    `stirred` is told when there is more to look at than before."""

    def __init__(
        self,
        ask: Ask,
        over: Callable[[], None],
        restart: Callable[[], Awaitable[None]],
        stirred: Callable[[], None],
    ) -> None:
        self.family: Family | None = None
        self.open = False
        """Whether there is a call of ours, from the first command for it."""
        self._ask = ask
        self._over = over
        self._restart = restart
        self._stirred = stirred
        self._stands = False
        self._alone = True
        """Whether nobody else has called meanwhile."""
        self._sound = False
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def answer(self) -> None:
        """Take the call that rings; its sound may be opened then. ModemError where it cannot be."""
        await self._begin("ATA", 10.0)

    async def dial(self, number: str, patience: float) -> None:
        """Call somebody and return when the modem says that the call stands, which with some is while it
        still rings. `number` must have been allowed. ModemError where nobody answers."""
        await self._begin(f"ATD{number};", patience)

    async def hang_up(self) -> None:
        """End the call, if there is one; somebody who rings already is not turned away. Safe to repeat."""
        sound, standing = self._sound, self.open
        self._sound = False
        ends = self.family.end if self.family and sound else ()
        for command in (*ends, *(("AT+CHUP", "ATH") if standing else ())):
            with contextlib.suppress(ModemError):
                await self._ask(command)
        self.over()

    async def hang_up_others(self) -> None:
        """A call from before, of a desk that was killed perhaps, belongs to nobody; one that rings does."""
        if any(call.state not in (INCOMING, WAITING) for call in await self.listed()):
            self.open = self._sound = True
            await self.hang_up()

    async def press(self, keys: str) -> None:
        """Press keys in the call that stands."""
        for key in keys:
            if key in KEYS:
                await self._ask(f"AT+VTS={key}")

    async def renew_sound(self) -> None:
        """Turn the sound of the call off and on again."""
        assert self.family
        for command in (*self.family.end, *self.family.begin):
            await self._ask(command)

    def over(self) -> None:
        """It has ended, whoever ended it."""
        self._stands = False
        if self.open:
            self.open = False
            self._ended.set()
            self._over()

    def told_over(self) -> None:
        """The modem says that a call is over. Before ours stands that may be the one before it, and later
        that of who called meanwhile; what becomes of ours is seen by the list then."""
        if self._stands and self._alone:
            self.over()
        elif self._stands:
            self._stirred()

    def another(self) -> None:
        """Somebody else calls meanwhile."""
        self._alone = False
        self._stirred()

    async def look(self) -> None:
        """See whether the call is still there: modems forget to say that it is not."""
        if not self._stands:
            return
        calls = await self.listed()
        if not self._stands:
            return  # It has ended meanwhile, and the next one may have begun.
        if not any(call.voice and call.state not in (INCOMING, WAITING, OVER) for call in calls):
            self.over()
        elif any(call.state == WAITING for call in calls):
            # Who calls meanwhile hears that it is busy, rather than ringing that nobody answers.
            self._alone = False
            with contextlib.suppress(ModemError):
                await self._ask("AT+CHLD=0")

    async def listed(self) -> list[Listed]:
        """The calls by the modem's own list."""
        return [call for line in await self._ask("AT+CLCC") if (call := replies.listed(line))]

    async def _begin(self, command: str, patience: float) -> None:
        self.open = self._alone = True
        self._ended.clear()
        self._stirred()
        try:
            await self._ask(command, 20.0)
            await self._wait(patience)
            self._stands = True
            await self._begin_sound()
        except BaseException:
            await self.hang_up()
            raise

    async def _wait(self, patience: float) -> None:
        """Until the call is active."""
        began = self._loop.time()
        while self._loop.time() - began < patience:
            calls = [call for call in await self.listed() if call.voice and call.state != OVER]
            if any(call.state == ACTIVE for call in calls):
                return
            late = not calls and self._loop.time() - began > LISTED_WITHIN
            if late or self._ended.is_set():
                raise ModemError("the call was over before it stood")
            await asyncio.sleep(0.1)
        raise ModemError("nobody answered")

    async def _begin_sound(self) -> None:
        assert self.family
        for attempt in range(BEGIN_TRIES):
            try:
                for command in self.family.begin:
                    await self._ask(command)
                self._sound = True
            except ModemError as error:
                log.warning("the modem's sound does not come on (%d): %s", attempt + 1, error)
                await asyncio.sleep(0.3)
            # No modem has sound for a caller who has hung up meanwhile.
            if self._ended.is_set():
                raise ModemError("the call was over before its sound came on")
            if self._sound:
                return
        await self._restart()
        raise ModemError("the modem's sound did not come on", "it is being restarted")
