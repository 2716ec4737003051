"""Putting a caller through: a person is called and told who it is and why; the two are joined, or the caller
is taken back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime

from appliance.channels import AudioChannel
from appliance.channels.bridge import carry, onto
from appliance.channels.exchange import Exchange, Unreached, allowed
from appliance.channels.phone import PhoneCall
from appliance.config.calling import HandOffRules
from appliance.config.lines import Lines
from appliance.ears import Hearing
from appliance.errors import DeviceError
from appliance.messages import Expect, Heard, Line, Silence, TakenBack, samples
from appliance.phone.gist import Gist, brief
from appliance.slots.acts import act
from appliance.slots.lexer import COUNTRY
from appliance.slots.phones import say_phone
from appliance.speech import Speech
from appliance.voice import Voice

log = logging.getLogger(__name__)

COMFORT = 6.0
"""Seconds after which a caller who waits hears that somebody is at it."""

AGREES_WITHIN = 25.0
"""Seconds in which the person must take the call, or it was nobody."""

QUIET = 3.0
"""Seconds without a word of the person's after which the brief is said again: they may have been late at the
receiver, and some modems say that a call stands while it still rings."""

RECITAL = samples(5.0)
"""Nobody who answers a telephone speaks longer without a pause: it is a machine."""


@dataclass(frozen=True, slots=True)
class Means:
    """What hand-offs are done with. Shared by all calls."""

    exchange: Exchange
    hearing: Hearing
    speech: Speech


@dataclass(slots=True)
class HandOff:
    """Of one call by sound. `now` is the time on the wall, `closed` whether the desk is by its own hours."""

    rules: HandOffRules
    lines: Lines
    means: Means
    voice: Voice
    channel: AudioChannel
    now: Callable[[], datetime]
    closed: Callable[[datetime], bool]
    done: list[str] = field(default_factory=list)
    """What came of each try."""

    @property
    def open(self) -> bool:
        """Whether there is somebody to put the caller through to now."""
        return bool(self._whom()) and self.means.exchange.state[0]

    async def put_through(self, gist: Gist) -> None:
        """Return when the caller has talked to the person, or is with the desk again: then the call hears
        `TakenBack`. Cancelled, as when the caller hangs up, the person's telephone rings no more."""
        try:
            with self.voice.aside():
                why = await self._hand_over(self._whom(), self._told(gist))
        except Exception:
            log.exception("call %s could not be handed over", self.voice.id)
            why = "failed"
        log.info("call %s handed over: %s", self.voice.id, why or "yes")
        self.done.append(why or "joined")
        if why:
            self.voice.tell(TakenBack(self.voice.now(), why))
        else:
            await self.voice.hang_up()

    async def _hand_over(self, to: str, told: str) -> str:
        """Why it came to nothing; empty where it did not."""
        blind = self.rules.mode == "blind"
        if blind and isinstance(self.channel, PhoneCall) and to.startswith("sip"):
            try:
                await self.channel.transfer(allowed(to))
                return ""
            except DeviceError as error:
                log.info("call %s is bridged: %s", self.voice.id, error)
        async with AsyncExitStack() as calls:
            try:
                person = await self._meanwhile(self._reach(to, told, calls))
            except Unreached as error:
                return str(error)
            except DeviceError as error:
                log.warning("nobody could be called for call %s: %s", self.voice.id, error)
                return str(error)
            await self._join(person)
        return ""

    async def _reach(self, to: str, told: str, calls: AsyncExitStack) -> PhoneCall:
        """The person, who has agreed to take the call; it ends with `calls`. Unreached where nobody has."""
        person = await self.means.exchange.dial(to, self.rules.rings)
        calls.push_async_callback(lambda: asyncio.shield(person.hang_up()))
        if self.rules.mode == "warm" and not await self._agrees(person, told):
            raise Unreached("the call was not taken")
        return person

    async def _agrees(self, person: PhoneCall, told: str) -> bool:
        """Tell who is calling and why; whether the person takes the call."""
        voice = Voice(person, self.means.hearing, self.means.speech, silence=QUIET)
        if self.rules.accept == "at_once":
            await voice.say(_brief(told))
            return not person.over
        voice.expect(Expect("yes_no"))
        saying = asyncio.create_task(voice.say(_brief(told, self.lines.take_call)))
        try:
            async with asyncio.timeout(AGREES_WITHIN), aclosing(voice.hear()) as events:
                async for event in events:
                    match event:
                        case Heard(text) if act(text)[0] in ("yes", "no"):
                            return act(text)[0] == "yes"
                        case Heard() if event.end - event.start > RECITAL:
                            return False
                        case Heard() | Silence() if saying.done():
                            saying = asyncio.create_task(voice.say(_brief(told, self.lines.take_call)))
        except TimeoutError:
            pass
        finally:
            saying.cancel()
            await asyncio.wait([saying])
        return False

    async def _meanwhile(self, reaching: Awaitable[PhoneCall]) -> PhoneCall:
        """Let the caller hear now and then that somebody is at it."""
        comforting = asyncio.create_task(self._comfort())
        try:
            return await reaching
        finally:
            comforting.cancel()
            await asyncio.wait([comforting])

    async def _comfort(self) -> None:
        while True:
            await asyncio.sleep(COMFORT)
            await self.voice.say(_lines(self.lines.waiting))

    async def _join(self, person: PhoneCall) -> None:
        """Until the person hangs up; a caller who does so ends it from outside."""
        self.voice.divert(onto(person))
        await carry(person, self.channel.playout)

    def _told(self, gist: Gist) -> str:
        """What the person is told; the number where the caller told no name."""
        number = self.voice.caller
        who = gist.who or (say_phone(number, COUNTRY) if number.lstrip("+").isdigit() else number)
        return brief(self.lines, replace(gist, who=who), self.rules.brief)

    def _whom(self) -> str:
        now = self.now()
        return self.rules.whom(now, self.closed(now))


async def _lines(*texts: str) -> AsyncIterator[Line]:
    for text in texts:
        yield Line(text)


async def _brief(told: str, question: str = "") -> AsyncIterator[Line]:
    # Who calls and why is not kept with the fixed lines.
    yield Line(told, fixed=False)
    if question:
        yield Line(question)
