"""A GSM modem: kept up, in a network, and told what to do. Its sound is in sound.py."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from appliance.channels.gsm import pdu, replies
from appliance.channels.gsm.at import AtPort, ModemError, open_port
from appliance.channels.gsm.inbox import Inbox
from appliance.channels.gsm.profiles import KEYS, Family, Found, family
from appliance.channels.gsm.replies import ACTIVE, INCOMING, OVER, WAITING, Listed
from appliance.channels.gsm.ringer import Ringer
from appliance.errors import DeviceError

log = logging.getLogger(__name__)

RETRY = 1.0
"""Seconds between two looks for a modem that is not there: it is back in service well within ten."""

LOOK = 1.0
"""Seconds between two looks at a call that stands: what the modem forgets to say is found out."""

HEARTBEAT = 20.0
"""Seconds between two looks at the network where nobody calls."""

DOUBLED = 0.03
"""Seconds in which the same line again is the same news: not even keys are pressed that fast."""

BEGIN_TRIES = 3
"""Times that the sound is asked for before the modem is restarted."""

READY = ("ATE0", "AT+CMEE=1", "AT+CLIP=1", "AT+CRC=0", "AT+CREG=1", "AT+CMGF=0", "AT+CNMI=2,1,0,0,0")
"""Said to every modem: no echo, errors by number, the caller's number, plain RING, network news, SMS as PDUs,
kept in the modem until they are read."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """Somebody calls."""

    number: str = ""
    """Empty where it is withheld, or the network has not told it."""


@dataclass(frozen=True, slots=True)
class Over:
    """The call is over: the other side hung up, or it was lost."""


@dataclass(frozen=True, slots=True)
class Key:
    """The caller pressed a key."""

    key: str


@dataclass(frozen=True, slots=True)
class Text:
    """An SMS came, whole."""

    sms: pdu.Sms


Event = Ringing | Over | Key | Text


@dataclass(slots=True)
class Health:
    """What is known of the modem now."""

    on: bool = False
    why: str = "no modem is plugged in"
    registered: bool = False
    signal: float | None = None
    """0 to 1."""
    restarts: int = 0
    """Times that it had to be restarted."""
    family: str = ""


class Modem:
    """Runs until cancelled, whatever happens to the device. `find` tells where it is now; None: nowhere."""

    def __init__(
        self, find: Callable[[], Found | None], hear: Callable[[Event], None], pin: str = ""
    ) -> None:
        self.health = Health()
        self.found: Found | None = None
        """Where it is."""
        self.flow: Callable[[bool], None] | None = None
        """Told when the modem's sound buffer is full (False) and when it has room again (True)."""
        self._find = find
        self._hear = hear
        self._pin = pin
        self._pin_refused = False
        self._port: AtPort | None = None
        self._family: Family | None = None
        self._lost = asyncio.Event()
        self._stirred = asyncio.Event()
        """Set when it is time to look again."""
        self._ringer = Ringer(lambda number: hear(Ringing(number)))
        self._in_call = False
        self._ended = asyncio.Event()
        self._ended.set()
        self._latest = ("", 0.0)
        self._balance: asyncio.Future[str] | None = None
        self._inbox = Inbox(self._ask, lambda sms: self._hear(Text(sms)))
        self._fetching: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    # What may be asked of it.

    async def answer(self) -> None:
        """Take the call that rings; its sound may be opened then. ModemError where it cannot be."""
        self._begin_call()
        try:
            await self._ask("ATA", 20.0)
            await self._stands(10.0)
            await self._begin_sound()
        except BaseException:
            await self.hang_up()
            raise

    async def dial(self, number: str, patience: float = 60.0) -> None:
        """Call somebody and return when the modem says that the call stands, which with some is while it
        still rings. `number` must have been allowed. ModemError where nobody answers."""
        self._begin_call()
        try:
            await self._ask(f"ATD{number};", 20.0)
            await self._stands(patience)
            await self._begin_sound()
        except BaseException:
            await self.hang_up()
            raise

    async def hang_up(self) -> None:
        """End every call. Safe to repeat."""
        self._ringer.over()
        kind, port = self._family, self._port
        if kind and port:
            for command in (*kind.end, "AT+CHUP", "ATH"):
                with contextlib.suppress(ModemError):
                    await port.ask(command)
        self._call_over()

    async def refuse(self) -> None:
        """Turn the call that rings away."""
        self._ringer.over()
        with contextlib.suppress(ModemError):
            await self._ask("AT+CHUP")

    async def press(self, keys: str) -> None:
        """Press keys in the call that stands."""
        for key in keys:
            if key in KEYS:
                await self._ask(f"AT+VTS={key}")

    async def text(self, number: str, text: str) -> None:
        """Send an SMS, of any script and length. ModemError where it was not taken."""
        for length, body in pdu.submit(number, text):
            await self._ask(f"AT+CMGS={length}", 60.0, body)

    async def balance(self, code: str = "*100#") -> str:
        """What the network says to a code, as "*100#" for the money left."""
        if not re.fullmatch(r"[*#0-9]{2,20}#", code):
            raise ModemError(f"{code!r} is no code", "write it like *100#")
        self._balance = self._loop.create_future()
        await self._ask(f'AT+CUSD=1,"{code}",15', 20.0)
        try:
            async with asyncio.timeout(30):
                return await self._balance
        except TimeoutError:
            raise ModemError(
                f"the network says nothing to {code}", "ask your provider for the right code"
            ) from None

    # Keeping it up.

    async def run(self) -> None:
        """Find it, open it, make it ready, watch it; begin anew whenever it is lost."""
        while True:
            try:
                await self._serve()
            except (DeviceError, OSError) as error:
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
        self._lost.clear()
        self._port = AtPort(open_port(found.at), self._unasked, self._lose)
        await self._make_ready()
        while not self._lost.is_set():
            self._stirred.clear()
            await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK if self._in_call or self._ringer.rings else HEARTBEAT):
                    await self._stirred.wait()
        self._off("the modem was unplugged")

    async def _make_ready(self) -> None:
        assert self._family
        await self._wake()
        await self._unlock()
        for command in (*READY, *self._family.ready):
            with contextlib.suppress(ModemError):
                await self._ask(command)
        # A call from before, of a desk that was killed perhaps, belongs to nobody; one that rings does.
        if any(call.state not in (INCOMING, WAITING) for call in await self._calls()):
            await self.hang_up()
        self.health = Health(
            on=False, why="no network yet", restarts=self.health.restarts, family=self._family.what
        )
        await self._inbox.fetch_all()

    async def _wake(self) -> None:
        """It may be booting, or in the middle of a command that somebody else began."""
        for attempt in range(10):
            try:
                await self._ask("AT", 1.0)
                return
            except ModemError:
                if attempt == 9 or self._lost.is_set():
                    raise

    async def _unlock(self) -> None:
        state = " ".join(await self._ask("AT+CPIN?", 10.0))
        if "SIM PUK" in state:
            raise ModemError("the SIM asks for its PUK", "unlock it in a telephone; the desk must not guess")
        if "SIM PIN" not in state:
            return
        if self._pin_refused or not re.fullmatch(r"\d{4,8}", self._pin):
            wrong = "the SIM refused its PIN" if self._pin_refused else "the SIM asks for a PIN"
            raise ModemError(wrong, "name the file with the right one in box.toml, [gsm] pin_file")
        try:
            await self._ask(f"AT+CPIN={self._pin}", 20.0)
        except ModemError as error:
            # Three wrong ones lock the SIM: it is said once.
            self._pin_refused = bool(error.code)
            raise

    async def _look(self) -> None:
        """See how the call is, or the network."""
        if self._in_call:
            calls = await self._calls()
            if not any(call.voice and call.state != OVER for call in calls):
                self._call_over()
            if any(call.state == WAITING for call in calls):
                # Who calls meanwhile hears that it is busy, rather than ringing that nobody answers.
                with contextlib.suppress(ModemError):
                    await self._ask("AT+CHLD=0")
            return
        for line in await self._ask("AT+CSQ"):
            self.health.signal = replies.bars(line)
        for line in await self._ask("AT+CREG?"):
            self._note_network(replies.registered(line))

    async def _calls(self) -> list[Listed]:
        return [call for line in await self._ask("AT+CLCC") if (call := replies.listed(line))]

    async def _stands(self, patience: float) -> None:
        """Wait until the call is active by the modem's own list."""
        try:
            async with asyncio.timeout(patience):
                while True:
                    calls = [call for call in await self._calls() if call.voice and call.state != OVER]
                    if any(call.state == ACTIVE for call in calls):
                        return
                    if not calls or self._ended.is_set():
                        raise ModemError("the call was over before it stood")
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise ModemError("nobody answered") from None

    async def _begin_sound(self) -> None:
        assert self._family
        for attempt in range(BEGIN_TRIES):
            try:
                for command in self._family.begin:
                    await self._ask(command)
                return
            except ModemError as error:
                log.warning("the modem's sound does not come on (%d): %s", attempt + 1, error)
                await asyncio.sleep(0.3)
        await self.restart()
        raise ModemError("the modem's sound did not come on", "it is being restarted")

    async def renew_sound(self) -> None:
        """Turn the sound of the call off and on again."""
        assert self._family
        for command in (*self._family.end, *self._family.begin):
            await self._ask(command)

    async def restart(self) -> None:
        """The last mend: the modem starts anew, which ends its call, and comes back as another device."""
        assert self._family
        self.health.restarts += 1
        with contextlib.suppress(ModemError):
            await self._ask(self._family.heal)
        self._lose()

    def _lose(self) -> None:
        self._lost.set()
        self._stirred.set()

    def _off(self, why: str) -> None:
        if self.health.why != why or self.health.on:
            log.warning("modem: %s", why)
        self.health.on, self.health.why, self.health.registered = False, why, False
        self._ringer.over()
        self._call_over()

    def _close(self) -> None:
        if self._port:
            self._port.close()
            self._port = None

    async def _ask(self, command: str, patience: float = 5.0, body: str = "") -> list[str]:
        if not self._port:
            raise ModemError("the modem is gone", "plug it in again")
        return await self._port.ask(command, patience, body)

    # What it says by itself.

    def _unasked(self, line: str) -> None:
        assert self._family
        now = self._loop.time()
        (last, at), self._latest = self._latest, (line, now)
        if line == last and now - at < DOUBLED:
            return
        if line in ("RING", "+CRING: VOICE"):
            self._rings()
        elif (number := replies.caller(line)) is not None:
            self._rings(number)
        elif key := self._family.key(line):
            self._hear(Key(key))
        elif line in replies.NO_CALL or re.match(self._family.over, line):
            self._ringer.over()
            self._call_over()
        elif call := replies.listed(line):
            self._follow(call)
        elif self.flow and self._family.go_on and re.match(self._family.go_on, line):
            self.flow(True)
        elif self.flow and self._family.pause and re.match(self._family.pause, line):
            self.flow(False)
        elif (index := replies.stored(line)) is not None:
            self._start(self._inbox.fetch(index))
        elif (registered := replies.registered(line)) is not None:
            self._note_network(registered)
        elif line.startswith("+CUSD:"):
            self._take_ussd(line)

    def _follow(self, call: Listed) -> None:
        if call.state == OVER and self._in_call:
            self._call_over()
        elif call.state in (INCOMING, WAITING) and call.incoming and call.voice:
            self._rings(call.number or None)

    def _rings(self, number: str | None = None) -> None:
        if not self._in_call:
            self._ringer.ring(number)

    def _begin_call(self) -> None:
        self._ringer.over()
        self._in_call = True
        self._ended.clear()
        self._stirred.set()

    def _call_over(self) -> None:
        if self._in_call:
            self._in_call = False
            self._ended.set()
            self._hear(Over())

    def _note_network(self, registered: bool | None) -> None:
        if registered is None:
            return
        if registered != self.health.on:
            log.info("modem: %s", "in the network" if registered else "no network")
        self.health.on = self.health.registered = registered
        self.health.why = "" if registered else "the SIM is in no network: look at antenna and SIM"

    def _take_ussd(self, line: str) -> None:
        fields = replies.values(line, "+CUSD")
        if self._balance and not self._balance.done() and len(fields) > 1:
            coding = int(fields[2]) if fields[2:] and fields[2].isdigit() else 15
            self._balance.set_result(pdu.ussd(fields[1], coding))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)
