"""The books: what is kept of every call, beyond what it was about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.channels import Call
from appliance.config import DeskFile, standing
from appliance.config.box import Box
from appliance.config.keeping import Retention
from appliance.engines.thread import EngineThread
from appliance.errors import StorageError
from appliance.memory.events import Event, EventLog
from appliance.memory.store import Store
from appliance.observe.account import Account, deeds
from appliance.observe.calls import Calls
from appliance.observe.erasing import Eraser
from appliance.observe.metrics import Metrics
from appliance.observe.otlp import Exporter
from appliance.observe.recorder import Recorder
from appliance.observe.sealing import ASKED, PART, beeps, has_room, known, seal, unfinished

log = logging.getLogger(__name__)

PRIVATE = frozenset(("name", "phone", "email", "code", "spelled"))
"""Kinds of slots whose values are left out of what is kept of a call."""

SETTLED = 60.0
"""Seconds after which what the last start left undone is done, be the desk as busy as it is."""

PURGED = 3600.0
"""Seconds between two looks for what is too old."""


class Books:
    """Of one box; `memory` is the thread in which they are written."""

    def __init__(self, box: Box, store: Store, memory: EngineThread) -> None:
        self.calls = Calls(box.data, anew=True)
        self.recordings = box.data / "recordings"
        self.scenarios = box.data / "scenarios.toml"
        """What people corrected, to be replayed."""
        self.eraser = Eraser(box.data, store, self.calls)
        self.metrics = Metrics()
        self._left: list[tuple[Path, str]] = []
        """What was being recorded as the box went down, and of which calls."""
        self._ending: set[asyncio.Task[None]] = set()
        self._public: tuple[DeskFile | None, str] = None, ""
        """A desk file, and all that stands in it."""
        self._box = box
        self._events = EventLog(store)
        self._memory = memory
        endpoint = box.traces.endpoint
        self._exporter = Exporter(endpoint, self.calls, memory) if endpoint else None

    @property
    def records(self) -> bool:
        """Whether box.toml wants calls recorded."""
        return self._box.recordings

    async def settle(self) -> None:
        """At the start, before there are calls: close what a crash left open. What cannot be done keeps
        nobody from being answered."""
        try:
            await self._memory.run(self.calls.settle)
            self._left = unfinished(self.recordings)
        except (StorageError, OSError) as error:
            log.error("the books could not be put in order: %s", error)

    async def serve(
        self, retention: Callable[[], Retention], ready: Callable[[float], Awaitable[None]]
    ) -> None:
        """What goes on beside the calls, until cancelled: once the desk is `ready`, or was waited for for
        so many seconds, what the last start left to be erased or sealed is; traces are sent on, and what is
        too old is deleted."""
        await ready(SETTLED)
        await self._finish()
        # No TaskGroup: one that is cancelled stays in a ring with whom it serves until it is collected.
        sending = [self._exporter.serve()] if self._exporter else []
        await asyncio.gather(self._purge(retention), *sending)

    async def _purge(self, retention: Callable[[], Retention]) -> None:
        while True:
            try:
                if gone := await self._memory.run(self.eraser.purge, retention()):
                    log.info("deleted what was kept long enough: %s", gone)
            except StorageError as error:
                log.error("what is too old could not be deleted: %s", error)
            except Exception:
                log.exception("what is too old could not be deleted")
            await asyncio.sleep(PURGED)

    def begin(self, call: Call, desk: DeskFile, arm: str = "") -> Account:
        """`arm`: of a call that is answered by a candidate, or beside one."""
        if self._public[0] is not desk:
            self._public = desk, " ".join(_texts(asdict(desk)))
        self.metrics.under_way += 1
        return Account(
            self.calls,
            self._memory,
            call.id,
            call.channel,
            call.now(),
            desk.name,
            desk.digest,
            self._public[1],
            arm,
        )

    async def end(self, account: Account, clock: int, desk: DeskFile, recorder: Recorder | None) -> None:
        """`clock`: the call's own, as it ended."""
        self.metrics.under_way -= 1
        try:
            await self._close_account(account, clock, desk, recorder)
        except StorageError as error:
            log.error("call %s is not kept as it should be: %s", account.id, error)

    async def see_through(self, ending: Coroutine[Any, Any, None]) -> None:
        """What is to be done when a call is over. Who has no time to wait for it need not: it is done all the
        same."""
        task = asyncio.create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        await asyncio.shield(task)

    async def _close_account(
        self, account: Account, clock: int, desk: DeskFile, recorder: Recorder | None
    ) -> None:
        events = await self._memory.run(self._events.read, account.id)
        hidden = private(desk, events)
        kept = recorder if recorder and not (recorder.discarded or recorder.failed) else None
        turns = await self._memory.run(account.turns, hidden, kept.path if kept else None)
        # Nobody wrote down what came later, so nobody could take out what is private.
        recording = await self._seal(kept.path, turns) if kept else ""
        if recorder and not recording:
            recorder.discard()
        marks = await account.close(clock, turns, events, desk.checklist, recording)
        self.metrics.ended(account.channel, turns, deeds(events), marks)
        if self._exporter:
            self._exporter.call_ended()

    async def _seal(self, part: Path, turns: Sequence[Mapping[str, Any]]) -> str:
        """The name of the recording that is kept; empty where it cannot be."""
        try:
            return (await asyncio.to_thread(seal, part, list(beeps(turns)), known(turns))).name
        except StorageError as error:
            log.error("a call is not kept as a recording: %s", error)
            return ""

    async def _finish(self) -> None:
        """Erase what was to be erased. It may write whole files anew, so nobody is made to wait for it."""
        try:
            await self._memory.run(self.eraser.finish)
        except (StorageError, OSError) as error:
            log.error("what was to be erased could not be: %s", error)
        await self._recover()

    async def _recover(self) -> None:
        """Make recordings of what a crash left; after the last turn that is kept, all of it is silence."""
        try:
            for part, id in self._left:
                call = await self._memory.run(self.calls.call, id)
                turns = await self._memory.run(self.calls.turns, call.number) if call else []
                name = await self._seal(part, turns) if call else ""
                if call and name:
                    await self._memory.run(self.calls.record, call.number, name)
                part.unlink(missing_ok=True)
        except (StorageError, OSError) as error:
            log.error("what was being recorded could not be put in order: %s", error)

    def recorder(self, call: str, desk: DeskFile) -> Recorder | None:
        """Of a call; None where box.toml or the desk file wants none, or the disk may not take it."""
        by_flow = any(flow.record in ("announce", "ask") for flow in desk.flow.values())
        if not self._box.recordings or (desk.recording == "never" and not by_flow):
            return None
        if not has_room(self.recordings):
            log.error("call %s is not recorded: there is too little room on the disk", call)
            return None
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        end = PART if desk.recording == "announce" else ASKED
        try:
            return Recorder(self.recordings / f"{stamp}-{call}{end}", origin=0)
        except StorageError as error:
            log.error("call %s is not recorded: %s", call, error)
            return None

    async def close(self) -> None:
        """Once the calls that are over are all kept."""
        if self._ending:
            await asyncio.wait(self._ending)
        self.calls.close()


def private(desk: DeskFile, events: Sequence[Event]) -> list[str]:
    """What a caller told in a form that is nobody else's: names, numbers, codes."""
    flows = standing.whole(desk).flow.values()
    kinds = {ask.slot: ask.type for flow in flows for ask in flow.ask if ask.type in PRIVATE}
    told = [event.data.get("name", "") for event in events if event.kind == "identified"]
    for event in events:
        if event.kind in ("slot.filled", "slot.doubted") and (kind := kinds.get(event.data["slot"])):
            value = str(event.data["value"])
            told.append(value.partition("@")[0] if kind == "email" else value)
            # How a number is read out is of words that stand elsewhere, too.
            told += [event.data["spoken"]] if kind in ("name", "spelled") else []
    return sorted({each for each in told if each})


def _texts(value: Any) -> Iterator[str]:
    """Every text in plain data."""
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list() | tuple():
            for each in value:
                yield from _texts(each)
