"""SIP as a line that people reach the desk by: several calls at once."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from appliance.channels import Desk
from appliance.channels.exchange import CallFailed, Unreached
from appliance.channels.phone import PhoneCall, attend
from appliance.channels.sip import options
from appliance.channels.sip.stack import Session, SipError, SipStack
from appliance.channels.sip.wire import Settings

log = logging.getLogger(__name__)

MINUTE = 60.0

ROOM = 64
"""Calls that a desk can talk to which does not tell."""

BUSY_FOR = 20.0
"""Seconds at most that it takes to say that it is busy."""


class SipLine:
    """Hands each call to the desk, until cancelled. `a_minute` is how many calls one caller may begin in a
    minute; more get the busy signal. `room` tells how many more the desk can talk to now, `turn_away` tells a
    caller beyond that and hangs up; without it they get the busy signal too."""

    name = "sip"

    def __init__(
        self,
        settings: Settings,
        a_minute: int = 6,
        room: Callable[[], int] = lambda: ROOM,
        turn_away: Callable[[PhoneCall], Awaitable[None]] | None = None,
    ) -> None:
        self._settings = settings
        self._a_minute = a_minute
        self._room = room
        self._turn_away = turn_away
        self._coming = 0
        """Calls that are taken, but that the desk does not know of yet."""
        self._turned_away: set[asyncio.Task[None]] = set()
        self._proven: set[int] = set()
        """Accounts whose PBX has answered OPTIONS."""
        self._gone: set[int] = set()
        """Those of them that answer no more."""
        self._begun: defaultdict[str, deque[float]] = defaultdict(deque)
        self._calls: set[asyncio.Task[None]] = set()
        self.stack: SipStack | None = None

    @property
    def state(self) -> tuple[bool, str]:
        """Whether calls can come, and why not."""
        if self.stack is None or self.stack.why:
            return False, self.stack.why if self.stack else "not started"
        accounts = self._settings.accounts
        down = [
            f"{accounts[n].user}@{accounts[n].domain}: {why}" for n, why in self._down(self.stack).items()
        ]
        return len(down) < len(accounts), "; ".join(down)

    def _down(self, stack: SipStack) -> dict[int, str]:
        """The accounts that nobody can be called by, and why."""
        down = dict.fromkeys(self._gone, "does not answer")
        return down | {n: why for n, why in enumerate(stack.accounts) if why}

    async def serve(self, desk: Desk) -> None:
        self.stack = stack = SipStack(self._settings, lambda session: self._ring(stack, desk, session))
        watching = [
            asyncio.create_task(self._watch(stack, number, account.keepalive))
            for number, account in enumerate(self._settings.accounts)
            if account.keepalive
        ]
        try:
            await stack.run()
        finally:
            tasks = [*self._calls, *self._turned_away, *watching]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, stack: SipStack, number: int, every: int) -> None:
        """Ask now and then whether a PBX is there; one that has come back knows nobody any more."""
        while True:
            was_gone = number in self._gone
            if await self._is_there(number) and was_gone:
                stack.register(number)
            await asyncio.sleep(every)

    async def _is_there(self, number: int) -> bool:
        """One that never answers OPTIONS is not held to it."""
        account = self._settings.accounts[number]
        if await options.answers(account):
            self._proven.add(number)
            self._gone.discard(number)
        elif number in self._proven and number not in self._gone:
            log.warning("%s@%s does not answer", account.user, account.domain)
            self._gone.add(number)
        return number not in self._gone

    def _ring(self, stack: SipStack, desk: Desk, session: Session) -> None:
        """A call comes: take it, or let its caller know at once that it is busy here."""
        if not self._may(session.peer):
            log.warning("sip call %d refused: its caller calls too often", session.number)
            stack.reject(session)
            return
        if len(self._calls) < self._settings.calls and self._room() > self._coming:
            self._coming += 1
            self._begin(self._calls, self._talk(stack, desk, session))
            return
        log.warning("sip call %d turned away: as many are served as can be", session.number)
        if self._turn_away and len(self._turned_away) < self._settings.calls:
            self._begin(self._turned_away, self._tell_busy(stack, session, self._turn_away))
        else:
            stack.reject(session)

    def _begin(self, among: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)

    async def _talk(self, stack: SipStack, desk: Desk, session: Session) -> None:
        try:
            call = await self._answer(stack, session)
        finally:
            # From here on the desk counts it: it takes it up before anything else can happen.
            self._coming -= 1
        if call is None:
            return
        await attend(call, desk)
        if session.why:
            log.info("sip call %s ended: %s", call.id, session.why)

    async def _tell_busy(
        self, stack: SipStack, session: Session, turn_away: Callable[[PhoneCall], Awaitable[None]]
    ) -> None:
        if call := await self._answer(stack, session):
            try:
                async with asyncio.timeout(BUSY_FOR):
                    await turn_away(call)
            except TimeoutError:
                pass
            finally:
                await asyncio.shield(call.hang_up())

    async def _answer(self, stack: SipStack, session: Session) -> PhoneCall | None:
        try:
            await stack.answer(session)
        except SipError as error:
            log.warning("sip call %d: %s", session.number, error)
            return None
        return _call(stack, session)

    def carries(self, to: str) -> bool:
        return True

    async def dial(self, to: str, patience: float = 30.0) -> PhoneCall:
        """Call by the first account that can. A number is called at the account's own PBX."""
        stack, why = self.stack, "no account is registered"
        if stack is None or stack.why:
            raise CallFailed("the SIP stack is not up", "see [sip] in box.toml")
        for number, account in enumerate(self._settings.accounts):
            if number in self._down(stack) or (account.keepalive and not await self._is_there(number)):
                continue
            uri = to if to.startswith("sip") else f"sip:{to}@{account.domain}"
            try:
                return _call(stack, await stack.dial(uri, number, patience))
            except SipError as error:
                why = str(error)
                if REFUSED.search(why):
                    raise Unreached(why) from error
                log.warning("by %s@%s: %s", account.user, account.domain, why)
        raise CallFailed(why, "see [sip] in box.toml")

    def _may(self, peer: str) -> bool:
        """Whether this caller has not begun too many calls of late."""
        now = time.monotonic()
        for name in [name for name, begun in self._begun.items() if now - begun[-1] > MINUTE]:
            del self._begun[name]
        begun = self._begun[peer]
        while begun and now - begun[0] > MINUTE:
            begun.popleft()
        begun.append(now)
        return len(begun) <= self._a_minute


REFUSED = re.compile(r"\b(404|408|410|480|484|486|487|600|603|604|607)\b|nobody answered|hung up")
"""Why a call is over, where that was the other side's doing."""


class SipLeg:
    """A SIP session as what carries a telephone call."""

    def __init__(self, stack: SipStack, session: Session) -> None:
        self._stack = stack
        self.session = session

    def send(self, pcm: bytes) -> None:
        self._stack.send(self.session, pcm)

    def press(self, keys: str) -> None:
        self._stack.press(self.session, keys)

    async def transfer(self, to: str, patience: float) -> None:
        await self._stack.transfer(self.session, to, patience)

    async def hang_up(self) -> None:
        await self._stack.hang_up(self.session)


def _call(stack: SipStack, session: Session) -> PhoneCall:
    call = PhoneCall(SipLeg(stack, session), "sip", number(session.peer))
    session.heard, session.keyed, session.ended = call.push, call.press, call.ended
    if session.over.is_set():
        call.ended()
    return call


def number(uri: str) -> str:
    """The telephone number in a SIP URI; its user where that is a name; empty for a hidden one."""
    found = re.match(r"(?:sips?:)?([^@;>]+)@", uri.strip("<> "))
    user = found[1] if found else ""
    return "" if user.lower() in ("anonymous", "unknown", "restricted") else user
