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
from appliance.channels.phone import PhoneCall
from appliance.channels.sip.stack import Session, SipError, SipStack
from appliance.channels.sip.wire import Settings
from appliance.messages import seconds

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
        self._begun: defaultdict[str, deque[float]] = defaultdict(deque)
        self._calls: set[asyncio.Task[None]] = set()
        self.stack: SipStack | None = None

    @property
    def state(self) -> tuple[bool, str]:
        """Whether calls can come, and why not."""
        if self.stack is None or self.stack.why:
            return False, self.stack.why if self.stack else "not started"
        return self._registered(self.stack)

    def _registered(self, stack: SipStack) -> tuple[bool, str]:
        down = [
            f"{account.user}@{account.domain}: {why}"
            for account, why in zip(self._settings.accounts, stack.accounts, strict=True)
            if why
        ]
        return len(down) < len(self._settings.accounts), "; ".join(down)

    async def serve(self, desk: Desk) -> None:
        self.stack = stack = SipStack(self._settings, lambda session: self._ring(stack, desk, session))
        try:
            await stack.run()
        finally:
            calls = self._calls | self._turned_away
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

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
        try:
            await desk.talk(call)
        except Exception:
            log.exception("sip call %s failed", call.id)
        finally:
            await asyncio.shield(call.hang_up())
        log.info(
            "sip call %s: %.1f s, %d frames concealed, %d dropped%s",
            call.id, seconds(call.now()), call.concealed, call.dropped,
            f"; {session.why}" if session.why else "",
        )  # fmt: skip

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
        """Call by the first account that is registered; a number is called at its PBX."""
        stack = self.stack
        up = [n for n, why in enumerate(stack.accounts) if not why] if stack and not stack.why else []
        if stack is None or not up:
            raise CallFailed("no account is registered", "see [sip] in box.toml")
        account = self._settings.accounts[up[0]]
        uri = to if to.startswith("sip") else f"sip:{to}@{account.domain}"
        try:
            return _call(stack, await stack.dial(uri, up[0], patience))
        except SipError as error:
            raise (Unreached if REFUSED.search(str(error)) else CallFailed)(str(error)) from error

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
