"""The SIP stack as the desk sees it: a process that is kept up, and calls that come out of it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from appliance.channels.sip.wire import LARGEST, Settings, Teller, pack_settings, pack_sound, unpack
from appliance.engines.resample import Resampler
from appliance.errors import DeviceError
from appliance.messages import RATE

log = logging.getLogger(__name__)

RETRY = (0.5, 10.0)
"""Seconds before a stack that died is started again: the first time, and at most."""

STARTS_WITHIN = 15.0

OURS = 1 << 20
"""Numbers of calls that the desk makes begin here, so that they are never those of calls that come."""


class SipError(DeviceError):
    """A call could not be made, answered or handed over."""


@dataclass(slots=True)
class Session:
    """One SIP call, of either direction."""

    number: int
    peer: str = ""
    """SIP URI of the other side, as it says itself."""
    account: int = 0
    id: str = ""
    """The SIP Call-ID."""
    stats: dict[str, Any] = field(default_factory=dict)
    """What the stack measured, once the call is over."""
    why: str = ""
    """Why it is over, in the stack's words."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the call stands and sound can go both ways."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    heard: Callable[[bytes], None] = lambda pcm: None
    """Gets what the other side says, s16le mono 16 kHz."""
    keyed: Callable[[str], None] = lambda key: None
    """Gets the keys that the other side presses."""
    ended: Callable[[], None] = lambda: None
    held: bool = False
    """True while the other side has put us on hold."""
    incoming: Resampler | None = None
    outgoing: Resampler | None = None
    to_channels: int = 1
    handed_over: asyncio.Future[str] | None = None
    """How a transfer went: empty where it worked, else why not."""


class SipStack:
    """`ringing` gets each call that comes; answer it, or reject it. Runs until cancelled."""

    def __init__(self, settings: Settings, ringing: Callable[[Session], None]) -> None:
        self.why = "not started"
        """Why no call can come; empty while they can."""
        self.accounts: list[str] = []
        """Why each account is not registered; empty while it is, or need not be."""
        self.restarts = 0
        self._settings = settings
        self._ringing = ringing
        self._wire: socket.socket | None = None
        self._teller: Teller | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._sessions: dict[int, Session] = {}
        self._numbers = itertools.count(OURS)
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._not_registered()

    @property
    def calls(self) -> int:
        return len(self._sessions)

    @property
    def process(self) -> int | None:
        """The process's number."""
        return self._process.pid if self._process else None

    # What may be asked of it.

    async def answer(self, session: Session, patience: float = 10.0) -> None:
        """Take a call, and wait until sound can go both ways. SipError where it came to nothing."""
        self._tell("answer", call=session.number)
        await self._stands(session, patience)

    def reject(self, session: Session) -> None:
        """Tell a caller that it is busy here."""
        self._tell("reject", call=session.number)

    async def dial(self, uri: str, account: int = 0, patience: float = 45.0) -> Session:
        """Call somebody and return when they answered. SipError where nobody did."""
        session = Session(next(self._numbers), uri, account)
        self._sessions[session.number] = session
        self._tell("dial", call=session.number, account=account, uri=uri)
        await self._stands(session, patience)
        return session

    def send(self, session: Session, pcm: bytes) -> None:
        """Sound for the other side, s16le mono 16 kHz; never waits."""
        if self._wire is None or session.outgoing is None or session.over.is_set():
            return
        sound = session.outgoing.push(pcm)
        if session.to_channels == 2:
            sound = b"".join(sound[at : at + 2] * 2 for at in range(0, len(sound), 2))
        with contextlib.suppress(OSError):
            self._wire.send(pack_sound(session.number, sound))

    def register(self, account: int) -> None:
        """Register anew, at once."""
        self._tell("register", account=account)

    def press(self, session: Session, keys: str) -> None:
        self._tell("press", call=session.number, keys=keys)

    def hold(self, session: Session, on: bool) -> None:
        self._tell("hold", call=session.number, on=on)

    async def transfer(self, session: Session, uri: str, patience: float = 30.0) -> None:
        """Let the other side call `uri` instead; the session is over then. SipError where it would not, and
        the call goes on."""
        session.handed_over = self._loop.create_future()
        self._tell("transfer", call=session.number, uri=uri, patience=patience)
        try:
            async with asyncio.timeout(patience + 5):
                why = await session.handed_over
        except TimeoutError:
            why = "no word of it"
        if why:
            raise SipError(f"the call could not be handed over: {why}")

    async def hang_up(self, session: Session) -> None:
        """Safe to repeat."""
        if not session.over.is_set():
            self._tell("hang_up", call=session.number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await session.over.wait()
        self._end(session, "hung up")

    async def _stands(self, session: Session, patience: float) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (session.ready, session.over)]
        stands = False
        try:
            await asyncio.wait(waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            stands = session.ready.is_set()
        finally:
            for wait in waits:
                wait.cancel()
            if not stands:  # Or nobody wants it any more.
                session.why = session.why or "" if session.over.is_set() else "nobody answered"
                await asyncio.shield(self.hang_up(session))
        if not stands:
            raise SipError(f"the call did not come about: {session.why or 'nobody answered'}")

    def _not_registered(self) -> None:
        self.accounts[:] = ["registering" if each.register else "" for each in self._settings.accounts]

    # Keeping it up.

    async def run(self) -> None:
        wait = RETRY[0]
        while True:
            began = self._loop.time()
            try:
                # What the stack writes goes with it, however it ended.
                with tempfile.TemporaryDirectory(prefix="sip-", ignore_cleanup_errors=True) as folder:
                    try:
                        await self._serve(folder)
                    finally:
                        await self._stop()
            except (OSError, TimeoutError) as error:
                self.why = f"the SIP stack does not start ({error or 'it takes too long'})"
            log.error("the SIP stack has ended; it is started again in %.1f s", wait)
            self.restarts += 1
            await asyncio.sleep(wait)
            wait = RETRY[0] if self._loop.time() - began > 60 else min(2 * wait, RETRY[1])

    async def _serve(self, folder: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setblocking(False)
            # By the socket, not on the command line: there are passwords among it. Nothing is told before.
            ours.send(pack_settings(self._settings))
            self._wire, self._teller = ours, Teller(ours)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "appliance.channels.sip.worker", str(theirs.fileno()),
                pass_fds=[theirs.fileno()], stdin=asyncio.subprocess.DEVNULL,
                env=os.environ | {"TMPDIR": folder},
            )  # fmt: skip
        self._loop.add_reader(ours, self._read)
        ended = asyncio.create_task(self._process.wait())
        starting = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ended, starting}, timeout=STARTS_WITHIN, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                raise TimeoutError
            self.why = ""
            log.info("the SIP stack is up")
            await ended
            self.why = f"the SIP stack ended with {self._process.returncode}"
        finally:
            starting.cancel()
            ended.cancel()

    async def _stop(self) -> None:
        """Every call is over, and the process is gone."""
        self._ready.clear()
        self._not_registered()
        for session in list(self._sessions.values()):
            self._end(session, "the SIP stack is gone")
        wire, self._wire = self._wire, None
        teller, self._teller = self._teller, None
        if wire and teller:
            self._loop.remove_reader(wire)
            teller.close()
            wire.close()
        process, self._process = self._process, None
        if process and process.returncode is None:
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(3.0):
                        await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    # What it tells.

    def _read(self) -> None:
        assert self._wire
        try:
            while message := self._wire.recv(LARGEST):
                self._take(message)
        except BlockingIOError:
            return
        except OSError:
            pass
        if self._wire:
            self._loop.remove_reader(self._wire)

    def _take(self, message: bytes) -> None:
        told = unpack(message)
        if isinstance(told, tuple):
            number, pcm = told
            session = self._sessions.get(number)
            if session and session.incoming:
                session.heard(session.incoming.push(pcm))
            return
        match told["what"]:
            case "ready":
                self._ready.set()
            case "registered":
                self.accounts[told["account"]] = ""
            case "unregistered":
                self.accounts[told["account"]] = told["why"] or "not registered"
            case "incoming":
                session = Session(told["call"], told["peer"], told["account"], told["id"])
                self._sessions[session.number] = session
                self._ringing(session)
            case _:
                if session := self._sessions.get(told.get("call", 0)):
                    self._follow(session, told)

    def _follow(self, session: Session, told: dict[str, Any]) -> None:
        match told["what"]:
            case "sound":
                session.incoming = Resampler(told["rate"], told["channels"])
                session.outgoing = Resampler(RATE, to=told["to_rate"])
                session.to_channels = told["to_channels"]
                session.ready.set()
            case "key":
                session.keyed(told["key"])
            case "held" | "resumed":
                session.held = told["what"] == "held"
            case "transferred":
                self._handed_over(session, "")
            case "failed":
                log.warning("sip call %d: %s failed: %s", session.number, told["do"], told["why"])
                if told["do"] == "transfer":
                    self._handed_over(session, told["why"] or "it was refused")
            case "closed":
                session.stats = told["stats"]
                self._end(session, told["why"])

    def _handed_over(self, session: Session, why: str) -> None:
        if session.handed_over and not session.handed_over.done():
            session.handed_over.set_result(why)

    def _end(self, session: Session, why: str) -> None:
        if self._sessions.pop(session.number, None):
            session.why = session.why or why
            session.over.set()
            session.ended()

    def _tell(self, what: str, **more: Any) -> None:
        if self._teller:
            with contextlib.suppress(OSError):
                self._teller.tell(what, **more)
