"""Doing what a caller agreed to: once, within its permission, and with an outcome that is on the disk before
anybody hears of it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from appliance.actions.arguments import plain
from appliance.actions.breaker import Breaker
from appliance.actions.registry import REGISTRY, Action, Context
from appliance.actions.worker import Deed, Outcome, Workers
from appliance.errors import StorageError
from appliance.memory.events import Event, EventLog, found, insert
from appliance.memory.people import LEVELS, Identity, Level, identity
from appliance.memory.sqlite import sqlite3
from appliance.memory.store import Database, Store, stamp

log = logging.getLogger(__name__)

__all__ = ["Doubt", "Outcome", "Runner"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something outside that was under way when the box went down."""

    key: str
    conversation: str
    action: str
    arguments: Mapping[str, Any]
    outcome: Outcome
    """How the second try went, where it could be tried again; `doubt` where a person has to look."""


@dataclass(frozen=True, slots=True)
class Job:
    """One deed, and all that is recorded of it."""

    key: str
    conversation: str
    action: Action
    call: Callable[[Context], Mapping[str, Any]]
    caller: Identity
    record: Mapping[str, Any]

    @property
    def target(self) -> str:
        """What the circuit breaker has a fuse for."""
        return f"{self.action.name} {self.record['arguments'].get(self.action.target, '')}"


class Refused(Exception):
    """Nothing was done, and nothing is remembered of it but the refusal."""

    def __init__(self, why: str, wrong: str) -> None:
        super().__init__(wrong)
        self.why = why
        self.wrong = wrong


class Runner:
    """Blocking; may be called from several threads. `settings` are the desk file's, by an action's name or
    family: {"calendar": {...}, "http.request": {...}}."""

    def __init__(
        self,
        store: Store,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        registry: Mapping[str, Action] = REGISTRY,
    ) -> None:
        self._store = store
        self._log = EventLog(store)
        self._settings = settings or {}
        self._registry = registry
        self._breaker = Breaker()
        self._workers = Workers(store)

    def run(
        self,
        *,
        conversation: str,
        flow: str,
        confirmation: int,
        action: str,
        arguments: Mapping[str, Any],
        level: Level,
        undoes: str = "",
    ) -> Outcome:
        """Do it, or tell what came of it when it was done before. `flow` is the instance of the flow;
        `confirmation` the id of the `confirmed` event or, for an action that needs none, of the event that
        asked for it; `undoes` the key of a deed that this takes back. Never raises for what a caller can
        cause."""
        try:
            job = self._admit(conversation, flow, confirmation, action, arguments, level)
            if undoes:
                key = _hash(undoes, "undo")
                job = replace(job, key=key, record={**job.record, "key": key, "undoes": undoes})
            return self._do(job)
        except Refused as refused:
            self._note_refusal(conversation, action, flow, confirmation, refused)
            return Outcome(False, {"wrong": refused.wrong}, refused.why)
        except (StorageError, sqlite3.Error) as error:
            return self._storage_failed(action, error)

    def undo(self, key: str) -> Outcome:
        """Undo what was done under a key; once, however often it is asked for."""
        try:
            rows = self._store.read("select conversation from event where kind = 'outcome' and key = ?", key)
            events = self._log.read(rows[0][0]) if rows else []
            done = next((e for e in events if e.kind == "outcome" and e.data["key"] == key), None)
            if done is None or not done.data["ok"]:
                raise Refused("none", "nothing was done under that key")
            return self._do(self._reversal(done, identity(events)))
        except Refused as refused:
            return Outcome(False, {"wrong": refused.wrong}, refused.why)
        except (StorageError, sqlite3.Error) as error:
            return self._storage_failed("undo", error)

    def take_back(self, *, key: str, by: str, conversation: str, confirmation: int, level: Level) -> Outcome:
        """Undo, after a yes in `conversation`, what was done under a key: by the action `by`, given the
        arguments and the result of the deed, or by the deed's own way back where `by` is the deed itself.
        Once, however often it is asked for."""
        done = self.outcome(key)
        if done is None:
            return Outcome(False, {}, "none")
        if by != done["action"]:
            arguments = self.way_back(done, by)
            return self.run(
                conversation=conversation, flow=f"undo {key}", confirmation=confirmation, action=by,
                arguments=arguments, level=level, undoes=key,
            )  # fmt: skip
        try:
            self._check_yes(conversation, confirmation, self._registry[by], done["arguments"])
        except Refused as refused:
            self._note_refusal(conversation, by, f"undo {key}", confirmation, refused)
            return Outcome(False, {"wrong": refused.wrong}, refused.why)
        return self.undo(key)

    def outcome(self, key: str) -> dict[str, Any] | None:
        """What is recorded of a deed that succeeded and still stands."""
        rows = self._store.read("select data from event where kind = 'outcome' and key = ?", key)
        done = json.loads(rows[0][0]) if rows else {}
        gone = self._store.read(
            "select data from event where kind = 'outcome' and key = ?", _hash(key, "undo")
        )
        return done if done.get("ok") and not (gone and json.loads(gone[0][0])["ok"]) else None

    def way_back(self, done: Mapping[str, Any], by: str) -> dict[str, Any]:
        """The arguments of the action that takes a deed back."""
        known = {**done["arguments"], **done["result"]}
        action = self._registry.get(by)
        return {name: value for name, value in known.items() if action and name in action.parameters}

    def recover(self) -> list[Doubt]:
        """At the start, before anything runs: what was under way outside when the box went down. What may be
        repeated is tried again under its old key; of the rest nobody here knows whether it was done."""
        rows = self._store.read(
            """select conversation, data from event as intent where kind = 'intent' and not exists (
                select 1 from event where kind = 'outcome' and key = intent.key) order by id"""
        )
        return [self._settle(conversation, json.loads(data)) for conversation, data in rows]

    def _admit(
        self, conversation: str, flow: str, confirmation: int, name: str, arguments: Mapping[str, Any],
        level: Level,
    ) -> Job:  # fmt: skip
        """Everything that can be judged before it is begun."""
        action = self._registry.get(name)
        if action is None:
            raise Refused("invalid", f"there is no action {name!r}")
        try:
            values = action.check(arguments)
        except ValueError as error:
            raise Refused("invalid", str(error)) from error
        given = {key: plain(value) for key, value in values.items()}
        caller = self._caller(conversation, level)
        if LEVELS.index(caller.level) < LEVELS.index(action.permit):
            raise Refused("refused", f"{name} is permitted from {action.permit} on, not to {caller.level}")
        self._check_yes(conversation, confirmation, action, given)
        parts = [conversation, flow, confirmation, name]
        # What needs no yes may be asked twice in a breath: which of two days is free.
        told = action.public(given)
        key = _hash(*parts) if action.confirm else _hash(*parts, told)
        record = {
            "key": key, "action": name, "arguments": told, "flow": flow, "confirmation": confirmation,
            "caller": _counted_as(caller, conversation), "confirmed": action.confirm,
            "looked": not action.confirm and action.reverse is None,
        }  # fmt: skip
        return Job(
            key, conversation, action, lambda context: action.function(context, **values), caller, record
        )

    def _caller(self, conversation: str, level: Level) -> Identity:
        """Who it is, with what is claimed for him cut down to what the log proves."""
        if level not in LEVELS:
            raise Refused("invalid", f"there is no level {level!r}")
        known = identity(self._log.read(conversation))
        proven = max(known.level, "caller", key=LEVELS.index)
        return replace(known, level=min(level, proven, key=LEVELS.index))

    def _check_yes(
        self, conversation: str, confirmation: int, action: Action, given: Mapping[str, Any]
    ) -> None:
        event = self._log.get(confirmation) if type(confirmation) is int else None
        if event is None or event.conversation != conversation:
            raise Refused("refused", "nothing in this conversation asked for it")
        if not action.confirm:
            return
        if event.kind != "confirmed" or event.data.get("action") != action.name:
            raise Refused("refused", f"{action.name} was not confirmed")
        if not _played(event.data.get("line"), event.data.get("asked")):
            raise Refused("refused", "the confirm line was not played whole")
        try:
            agreed = action.check(event.data.get("arguments", {}))
        except (AttributeError, ValueError) as error:
            raise Refused("refused", f"{action.name} was not confirmed with these arguments") from error
        if {name: plain(value) for name, value in agreed.items()} != given:
            raise Refused("refused", f"{action.name} was not confirmed with these arguments")

    def _do(self, job: Job) -> Outcome:
        return self._do_outside(job) if job.action.outside else self._do_here(job)

    def _do_here(self, job: Job) -> Outcome:
        """The effect and its outcome in one transaction, which only this thread can end."""
        with closing(self._store.connect()) as raw:
            raw.execute("begin immediate")
            ledger = Database(raw)
            if known := self._known(ledger, job):
                return known
            raw.execute("savepoint deed")
            fenced = Database(raw, fenced=True)
            outcome = self._carry_out(job, fenced)
            if outcome.why == "timeout":
                fenced.cut()
                raw.execute("begin immediate")
            elif not outcome.ok:
                raw.execute("rollback to deed")
            self._keep(ledger, job, outcome)
            raw.execute("commit")
            return outcome

    def _do_outside(self, job: Job) -> Outcome:
        """The intent first, then the deed, then its outcome: after a crash one of them tells."""
        with self._store.write() as db:
            if known := self._known(db, job):
                return known
            if found(db, "intent", job.key):
                return Outcome(False, {}, "doubt", job.key)
            if not self._breaker.closed(job.target, self._store.now()):
                raise Refused("down", "it has not answered lately and is left alone for a while")
            insert(db, job.conversation, self._store.stamp(), "intent", job.record, job.key)
        return self._reach(job)

    def _reach(self, job: Job) -> Outcome:
        outcome = self._carry_out(job, Database(None))
        self._breaker.note(
            job.target, outcome.why not in ("unreachable", "doubt", "timeout"), self._store.now()
        )
        try:
            with self._store.write() as db:
                self._keep(db, job, outcome)
        except StorageError as error:
            self._storage_failed(job.action.name, error)
            return Outcome(False, {}, "doubt", job.key)
        return outcome

    def _carry_out(self, job: Job, db: Database) -> Outcome:
        settings = self._settings_of(job.action)
        context = Context(
            db, self._store.now(), job.conversation, job.caller, settings, job.key, job.action.timeout
        )
        return self._workers.carry_out(Deed(job.key, job.conversation, job.action, job.call, context))

    def _settings_of(self, action: Action) -> dict[str, Any]:
        return {**self._settings.get(action.family, {}), **self._settings.get(action.name, {})}

    def _known(self, db: Database, job: Job) -> Outcome | None:
        """What came of it before; Refused where it may not be begun now."""
        if done := found(db, "outcome", job.key):
            reversal = found(db, "outcome", _hash(job.key, "undo"))
            if reversal and reversal.data["ok"]:
                return Outcome(False, {}, "undone", job.key)
            return Outcome(done.data["ok"], done.data["result"], done.data["why"], job.key)
        if job.record.get("confirmed"):
            self._check_unused(db, job)
        times, seconds = job.action.limit
        if "undoes" not in job.record and self._count(db, job, self._store.now(), seconds) >= times:
            raise Refused("limit", f"{job.action.name} was done {times} times in {seconds} seconds")
        return None

    def _check_unused(self, db: Database, job: Job) -> None:
        if db.execute(
            """select 1 from event where conversation = ? and kind in ('intent', 'outcome') and key != ?
                and json_extract(data, '$.confirmation') = ?""",
            job.conversation, job.key, job.record["confirmation"],
        ):  # fmt: skip
            raise Refused("refused", "that yes has been used")

    def _count(self, db: Database, job: Job, now: datetime, seconds: int) -> int:
        rows = db.execute(
            """select count(*) from event where kind = 'outcome' and at > ?
                and json_extract(data, '$.undoes') is null
                and json_extract(data, '$.action') = ? and json_extract(data, '$.caller') = ?""",
            stamp(now - timedelta(seconds=seconds)), job.action.name, job.record["caller"],
        )  # fmt: skip
        return int(rows[0][0])

    def _keep(self, db: Database, job: Job, outcome: Outcome) -> None:
        result = job.action.public(outcome.result)
        data = {**job.record, "ok": outcome.ok, "result": result, "why": outcome.why}
        insert(db, job.conversation, self._store.stamp(), "outcome", data, job.key)

    def _reversal(self, done: Event, caller: Identity) -> Job:
        data = done.data
        action = self._registry.get(data["action"])
        if action is None or action.reverse is None or "undoes" in data:
            raise Refused("refused", f"{data['action']} cannot be undone")
        reverse, arguments, result = action.reverse, data["arguments"], data["result"]
        key = _hash(data["key"], "undo")
        record = {
            "key": key, "action": action.name, "arguments": arguments, "undoes": data["key"],
            "caller": data["caller"],
        }  # fmt: skip
        return Job(
            key,
            done.conversation,
            action,
            lambda context: reverse(context, arguments, result),
            caller,
            record,
        )

    def _settle(self, conversation: str, record: dict[str, Any]) -> Doubt:
        action = self._registry.get(record["action"])
        arguments = record["arguments"]
        outcome = Outcome(False, {}, "doubt", record["key"])
        if action and "undoes" not in record and action.repeat(self._settings_of(action), arguments):
            values = action.check(arguments)
            caller = identity(self._log.read(conversation))
            outcome = self._reach(
                Job(
                    record["key"], conversation, action,
                    lambda context: action.function(context, **values), caller, record,
                )
            )  # fmt: skip
        else:
            with self._store.write() as db:
                data = {**record, "ok": False, "result": {}, "why": "doubt"}
                insert(db, conversation, self._store.stamp(), "outcome", data, record["key"])
        return Doubt(record["key"], conversation, record["action"], arguments, outcome)

    def _note_refusal(
        self, conversation: str, action: str, flow: str, confirmation: int, refused: Refused
    ) -> None:
        log.warning("action refused: %s", refused.why)
        data = {"action": action, "flow": flow, "confirmation": confirmation, "why": refused.why}
        try:
            self._log.append(conversation, "refused", {**data, "wrong": refused.wrong})
        except (StorageError, sqlite3.Error) as error:
            self._storage_failed(action, error)

    def _storage_failed(self, action: str, error: Exception) -> Outcome:
        log.error("%s: the memory cannot be written (%s)", action, type(error).__name__)
        locked = "locked" in str(error) or "busy" in str(error)
        return Outcome(False, {}, "busy" if locked else "failed")


def _counted_as(caller: Identity, conversation: str) -> str:
    """Whose rate limit it falls under. A number that was only said is nobody's."""
    if caller.person:
        return f"person {caller.person}"
    known = caller.number and caller.level != "anyone"
    return caller.number if known else conversation


def _played(line: Any, asked: Any) -> bool:
    """Whether all that was asked is in what was played."""
    heard, meant = (" ".join(each.split()) if isinstance(each, str) else "" for each in (line, asked))
    return bool(meant) and meant in heard


def _hash(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
