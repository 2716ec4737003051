"""SMS: conversations by text, and the texts that go out."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

from appliance.channels import Desk
from appliance.channels.gsm.pdu import Sms
from appliance.config import Do
from appliance.config.calling import TextRules
from appliance.engines.thread import EngineThread
from appliance.errors import DeviceError, StorageError
from appliance.flows.lines import fill
from appliance.flows.state import Form
from appliance.memory.store import Store
from appliance.memory.texts import Refusals, Texts
from appliance.messages import Event, Expect, Heard, Line, Notice, Spoken, Turn, samples
from appliance.slots.lexer import COUNTRY
from appliance.slots.phones import e164, is_mobile

log = logging.getLogger(__name__)

STOP = frozenset({"stop", "stopall", "unsubscribe", "end", "quit", "optout", "arret"})
"""What ends all texts and calls to a number, by itself in a text."""

START = frozenset({"start", "unstop"})

STOPPED = "You will get no more messages or calls from us. Text START to change that."

LOOK = 5.0
"""Seconds between two looks for texts to send."""

LONGEST = 480
"""Characters of an answer: three SMS. What is longer ends at a sentence."""


class TextCall:
    """A conversation by SMS: each text is an utterance, and each turn is answered by one text."""

    channel = "sms"
    desk_begins = False

    def __init__(self, number: str, send: Callable[[str], Awaitable[None]], hours: float) -> None:
        self.id = uuid4().hex
        self.caller = number
        self._send = send
        self._hours = hours
        self._texts: asyncio.Queue[str | None] = asyncio.Queue(20)
        self._spoken = Spoken()
        self._began = time.monotonic()
        self._sending: set[asyncio.Task[None]] = set()
        self.over = False

    def take(self, text: str) -> None:
        """A text came. Of a flood the rest is lost."""
        if not self._texts.full():
            self._texts.put_nowait(text)

    async def hear(self) -> AsyncIterator[Event]:
        while not self.over:
            try:
                async with asyncio.timeout(self._hours * 3600):
                    text = await self._texts.get()
            except TimeoutError:
                text = None
            if text is None:
                break
            at = self.now()
            yield Heard(text, at, at, at, at)
        self.over = True

    async def say(self, lines: AsyncIterator[Line]) -> None:
        self._spoken, said = Spoken(), []
        async for line in lines:
            said.append(line.text)
        at = self.now()
        self._spoken = Spoken(" ".join(said), at, at, at, whole=True)

    def spoken(self) -> Spoken:
        return self._spoken

    def expect(self, what: Expect) -> None:
        """Who writes has all the time in the world."""

    def notice(self, what: Notice) -> None:
        """An answer goes out once it is whole; that it takes a moment is worth no SMS."""
        if isinstance(what, Turn) and what.spoken.text:
            task = asyncio.create_task(self._answer(shortened(what.spoken.text)))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    def now(self) -> int:
        return samples(time.monotonic() - self._began)

    async def hang_up(self) -> None:
        self.over = True
        if not self._texts.full():
            self._texts.put_nowait(None)

    async def _answer(self, text: str) -> None:
        try:
            await self._send(text)
        except StorageError as error:
            log.error("an SMS could not be kept: %s", error)


class Texting:
    """The line of those who text. `rules` are asked for each time: the desk file may change. `deliver` raises
    DeviceError where it could not; `ready` tells whether it can."""

    name = "sms"

    def __init__(
        self,
        rules: Callable[[], TextRules],
        store: Store,
        memory: EngineThread,
        deliver: Callable[[str, str], Awaitable[None]],
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._rules = rules
        self._texts = Texts(store)
        self._refusals = Refusals(store)
        self._memory = memory
        self._deliver = deliver
        self._ready = ready
        self._came: asyncio.Queue[Sms] = asyncio.Queue()
        self._calls: dict[str, TextCall] = {}
        self._stirred = asyncio.Event()
        self._delivered: set[int] = set()
        """Texts that have gone out, of which the disk does not know it yet."""

    @property
    def state(self) -> tuple[bool, str]:
        return (True, "") if self._ready() else (False, "no modem that is in a network")

    def came(self, sms: Sms) -> None:
        """The modem got a text."""
        self._came.put_nowait(sms)

    async def serve(self, desk: Desk) -> None:
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._send_all())
            try:
                while True:
                    sms = await self._came.get()
                    try:
                        if call := await self._take(sms):
                            tasks.create_task(self._talk(desk, call))
                    except StorageError as error:
                        log.error("an SMS was not answered: %s", error)
            finally:
                sending.cancel()

    async def _take(self, sms: Sms) -> TextCall | None:
        """What a text comes to; the conversation that it begins."""
        if not answerable(sms.number):
            log.info("an SMS of a service was not answered")
            return None
        word = re.sub(r"\W", "", sms.text).casefold()
        if word in STOP:
            await self._stop(sms.number)
            return None
        if word in START:
            await self._memory.run(self._refusals.drop, sms.number)
            return None
        if not self._rules().answer or await self._memory.run(self._refusals.has, sms.number):
            return None
        call = self._calls.get(sms.number)
        if call and not call.over:
            call.take(sms.text)
            return None
        call = TextCall(sms.number, lambda text: self._put(sms.number, text, call), self._rules().hours)
        self._calls[sms.number] = call
        call.take(sms.text)
        return call

    async def _stop(self, number: str) -> None:
        """Say once that it will be so, and never text again."""
        known = await self._memory.run(self._refusals.has, number)
        await self._memory.run(self._refusals.add, number, "STOP")
        if call := self._calls.pop(number, None):
            await call.hang_up()
        if not known and self._ready():
            try:
                await self._deliver(number, STOPPED)
            except DeviceError as error:
                log.warning("an SMS was not taken: %s", error)

    async def _talk(self, desk: Desk, call: TextCall) -> None:
        try:
            await desk.chat(call)
        except Exception:
            log.exception("sms conversation %s failed", call.id)
        finally:
            call.over = True
            if self._calls.get(call.caller) is call:
                del self._calls[call.caller]

    async def _put(self, number: str, text: str, call: TextCall | None) -> None:
        rules = self._rules()
        lately = await self._memory.run(self._texts.lately, number)
        today = await self._memory.run(self._texts.lately, "", 24.0)
        if lately >= rules.an_hour or today >= rules.a_day:
            log.warning("an SMS is not sent: there were too many")
            return
        await self._memory.run(self._texts.put, number, text, call.id if call else "")
        self._stirred.set()

    async def _send_all(self) -> None:
        """Send what waits, in order, whenever the modem can."""
        while True:
            self._stirred.clear()
            try:
                for text in await self._memory.run(self._texts.due) if self._ready() else ():
                    await self._send(text.id, text.number, text.text)
            except StorageError as error:
                log.error("the SMS that wait could not be seen to: %s", error)
            try:
                async with asyncio.timeout(LOOK):
                    await self._stirred.wait()
            except TimeoutError:
                pass

    async def _send(self, text: int, number: str, words: str) -> None:
        try:
            if text not in self._delivered:
                await self._deliver(number, words)
        except DeviceError as error:
            log.warning("an SMS was not taken: %s", error)
            if self._ready():
                await self._memory.run(self._texts.failed, text)
            return
        self._delivered.add(text)
        await self._memory.run(self._texts.sent, text)
        self._delivered.discard(text)


def confirmation(do: Do | None, form: Form, caller: str, result: Mapping[str, Any]) -> tuple[str, str] | None:
    """The SMS that tells what was done: to whom, and the text; none where the desk file has none, or no SMS
    can reach the number."""
    given = form.slots.get("phone")
    number = str(given.value) if given else caller
    if not do or not do.sms or not is_mobile(number, COUNTRY):
        return None
    return e164(number, COUNTRY), fill(do.sms, form, result)


def answerable(number: str) -> bool:
    """Whether a person may read the answer: shops have names and networks short codes."""
    return re.fullmatch(r"\+?\d{7,15}", number) is not None


def shortened(text: str) -> str:
    """A text that fits, ended at a sentence or a word."""
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST]
    end = max(cut.rfind(mark) + 1 for mark in (". ", "? ", "! "))
    return cut[:end].strip() if end else cut.rsplit(" ", 1)[0]
