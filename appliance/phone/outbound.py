"""Calls that the desk makes: each errand is told to a person, in the hours for it, a few times at most."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from appliance.channels import Desk
from appliance.channels.answered import AnswerListener, Who
from appliance.channels.exchange import CallFailed, Exchange, Unreached, allowed
from appliance.channels.phone import PhoneCall
from appliance.config.calling import OutboundRules
from appliance.config.lines import Lines
from appliance.engines.thread import EngineThread
from appliance.errors import DeviceError, StorageError
from appliance.memory.errands import Errand, Errands, remind
from appliance.memory.store import Store
from appliance.messages import Line
from appliance.mouth import Mouth
from appliance.slots.dates import say_date
from appliance.slots.times import say_time
from appliance.speech import Speech

log = logging.getLogger(__name__)

LOOK = 10.0
"""Seconds between two looks for errands."""

RINGS = 30.0
"""Seconds for somebody to answer."""

GREETING = 45.0
"""Seconds that a machine may speak before it records."""

AFTER_IT = 1.5
"""Seconds of quiet, or the beep, after which a machine records."""

Talk = Callable[[PhoneCall, str], Awaitable[None]]
"""A whole conversation with who was called, begun with what is to be told. CallFailed where it cannot be."""


class Outbound:
    """The line of those whom the desk calls. `rules` are asked for each time: the desk file may change."""

    name = "outgoing calls"

    def __init__(
        self,
        rules: Callable[[], OutboundRules],
        store: Store,
        memory: EngineThread,
        exchange: Exchange,
        speech: Speech,
        talk: Talk,
        now: Callable[[], datetime],
        lines: Callable[[], Lines] = Lines,
    ) -> None:
        self._rules = rules
        self._store = store
        self._errands = Errands(store)
        self._memory = memory
        self._exchange = exchange
        self._speech = speech
        self._talk = talk
        self._now = now
        self._lines = lines

    @property
    def state(self) -> tuple[bool, str]:
        if not self._rules().enabled:
            return False, "switched off in desk.toml, [outbound]"
        return self._exchange.state

    async def serve(self, desk: Desk) -> None:
        recovered = False
        while True:
            try:
                if not recovered:
                    await self._memory.run(self._errands.recover)
                    recovered = True
                await self.look()
            except StorageError as error:
                log.error("the calls that are due could not be seen to: %s", error)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Make the calls that are due now, one after the other."""
        if not self.state[0]:
            return
        if hours := self._rules().remind:
            await self._memory.run(remind, self._store, hours, self._word)
        for errand in await self._memory.run(self._errands.due):
            today = await self._memory.run(self._errands.lately)
            if not self._rules().may_call(self._now()) or today >= self._rules().a_day:
                return
            if not await self._do(errand):
                return

    async def _do(self, errand: Errand) -> bool:
        """One call; False where no line could make it now."""
        try:
            allowed(errand.number)
        except CallFailed as error:
            await self._memory.run(self._errands.end, errand.id, str(error), "failed")
            return True
        await self._memory.run(self._errands.begin, errand.id)
        outcome = "failed"
        try:
            outcome = await self._call(errand)
        except Unreached:
            outcome = "nobody"
        except DeviceError as error:
            log.warning("errand %d: %s", errand.id, error)
            await self._memory.run(self._errands.put_back, errand.id)
            return False
        except Exception:
            log.exception("errand %d failed", errand.id)
        finally:
            log.info("errand %d: %s", errand.id, outcome)
        await self._settle(errand, outcome)
        return True

    def _word(self, at: datetime) -> str:
        """A reminder of what is then."""
        today = self._now().date()
        days = (at.date() - today).days
        day = ("today", "tomorrow")[days] if days in (0, 1) else f"on {say_date(at.date(), today)}"
        return self._lines().reminder.format(day=day, time=say_time(at.time()))

    async def _settle(self, errand: Errand, outcome: str) -> None:
        rules, tries = self._rules(), errand.tries + 1
        if outcome in ("told", "told a machine"):
            await self._memory.run(self._errands.end, errand.id, outcome)
        elif tries >= rules.tries:
            await self._memory.run(self._errands.end, errand.id, outcome, "failed")
        else:
            due = self._store.now() + rules.wait(tries)
            await self._memory.run(self._errands.again, errand.id, outcome, due)

    async def _call(self, errand: Errand) -> str:
        """What came of it: `told`, `told a machine`, `machine`, `nobody`."""
        call = await self._exchange.dial(errand.number, RINGS)
        try:
            listener = AnswerListener(proven=call.channel != "gsm")
            who = await _listen(call, listener)
            if who == "person":
                await self._talk(call, errand.what)
                return "told"
            if who == "machine" and self._rules().voicemail:
                await self._record(call, listener, errand.what)
                return "machine" if call.over else "told a machine"
            return who
        finally:
            await asyncio.shield(call.hang_up())

    async def _record(self, call: PhoneCall, listener: AnswerListener, what: str) -> None:
        """Speak to a machine once it has spoken."""
        try:
            async with asyncio.timeout(GREETING):
                async for frame in call.microphone():
                    listener.push(frame.pcm)
                    if listener.quiet > AFTER_IT or (listener.beeped and listener.quiet > 0.2):
                        break
        except TimeoutError:
            raise Unreached("the machine speaks on and on") from None
        mouth = Mouth(self._speech, call.playout, call.now)
        await mouth.say(_line(what))


async def _listen(call: PhoneCall, listener: AnswerListener) -> Who:
    async for frame in call.microphone():
        if who := listener.push(frame.pcm):
            return who
    return "nobody"


async def _line(text: str) -> AsyncIterator[Line]:
    yield Line(text, fixed=False)
