"""Attending to a conversation: who keeps its forms, and what is written of it until it is over."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.channels import Call
from appliance.clerk import Clerk
from appliance.config.hours import local_now
from appliance.errors import StorageError
from appliance.memory import ics
from appliance.memory.events import EventLog
from appliance.messages import Turn
from appliance.observe.recorder import Recorder
from appliance.serving.books import Books
from appliance.serving.candidate import Candidate, tally
from appliance.serving.served import Served

log = logging.getLogger(__name__)

HangUp = Callable[[], Awaitable[Recorder | None]]
"""Ends a call by sound, and gives its recording; it may be called again."""


class Attendance:
    """Of one conversation, which ends on the desk file that it began with, and counts for or against the
    candidate that there was then."""

    def __init__(
        self, call: Call, served: Served, books: Books, candidate: Candidate | None, calendar: Path
    ) -> None:
        """`calendar`: the file that is written anew where something was done."""
        self._served = served
        self._place = place = served.place
        self._books = books
        self._candidate = candidate
        self._calendar = calendar
        self.clerk = Clerk(
            served.desk, EventLog(place.store), served.runner, place.memory, place.hands, call.id, local_now,
            recall=place.recall, channel=call.channel, caller=call.caller,
        )  # fmt: skip
        self._tally = tally(call, served, candidate, local_now().date())
        self._account = None if place.trial else books.begin(call, served.desk, served.arm)

    async def began(self) -> None:
        await _noted(self.clerk.began())

    def keep(self, turn: Turn) -> None:
        self._tally.keep(turn)
        if self._account:
            self._account.keep(turn)

    async def over(self, clock: int, hung_up: HangUp | None) -> None:
        """It is over, at a clock of its own: nobody is left on the line, and what is known is kept."""
        clerk, place = self.clerk, self._place
        recorder = await hung_up() if hung_up else None
        try:
            told = clerk.ended(lambda: self._tally.told(clock, len(clerk.done), clerk.busy))
            await _noted(told)
            if self._candidate:
                self._candidate.note(self._served.arm, self._tally.call, place.store.now())
            if clerk.done and not place.trial:
                await _noted(place.memory.run(ics.publish, place.store, self._calendar))
        finally:
            if self._account:
                await self._books.end(self._account, clock, self._served.desk, recorder)
                log.info("call %s ended", self._account.id)


async def _noted(writing: Awaitable[None]) -> None:
    """A disk that is full must not keep anybody from being answered."""
    try:
        await writing
    except StorageError as error:
        log.error("%s", error)
