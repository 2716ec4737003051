"""Carrying an action out in a thread of its own, against the clock."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from appliance.actions.registry import Action, Context, Refusal, Unreachable
from appliance.errors import StorageError
from appliance.memory.events import EventLog
from appliance.memory.store import Store

log = logging.getLogger(__name__)

HANGING = 16
"""Actions that may hang at the same time before no other is begun."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action."""

    ok: bool
    result: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON. Of what was invalid or refused: {wrong: in plain words}, not for callers."""
    why: str = ""
    """Empty when ok. The action's own reason (full, closed, none ...), or: invalid, refused (no permission or
    no yes), limit, timeout, failed, busy, down (the fuse is open), unreachable, doubt (it may or may not have
    been done), undone."""
    key: str = ""
    """What `undo` asks for; empty where nothing was begun."""


@dataclass(frozen=True, slots=True)
class Deed:
    key: str
    conversation: str
    action: Action
    call: Callable[[Context], Mapping[str, Any]]
    context: Context


class Workers:
    def __init__(self, store: Store) -> None:
        self._log = EventLog(store)
        self._room = threading.BoundedSemaphore(HANGING)

    def carry_out(self, deed: Deed) -> Outcome:
        """What came of it, at the action's time-out at the latest. What comes later is recorded as late."""
        if not self._room.acquire(blocking=False):
            log.error("%s is not begun: %d actions hang", deed.action.name, HANGING)
            return Outcome(False, {}, "failed", deed.key)
        done: Future[Outcome] = Future()
        threading.Thread(target=self._work, args=(deed, done), name=deed.action.name, daemon=True).start()
        try:
            return done.result(deed.action.timeout)
        except TimeoutError:
            if not done.cancel():
                return done.result()
            log.warning("%s was cut after %.1f s", deed.action.name, deed.action.timeout)
            return Outcome(False, {}, "timeout", deed.key)

    def _work(self, deed: Deed, done: Future[Outcome]) -> None:
        try:
            outcome = _judge(deed)
        finally:
            self._room.release()
        if done.set_running_or_notify_cancel():
            done.set_result(outcome)
            return
        try:
            data = {"key": deed.key, "action": deed.action.name, "ok": outcome.ok, "why": outcome.why}
            self._log.append(deed.conversation, "late", {**data, "result": dict(outcome.result)}, deed.key)
        except StorageError:
            log.error("a late result of %s could not be kept", deed.action.name)


def _judge(deed: Deed) -> Outcome:
    try:
        result = dict(deed.call(deed.context))
        return Outcome(True, json.loads(json.dumps(result)), "", deed.key)
    except Refusal as refusal:
        return Outcome(False, refusal.result, refusal.why, deed.key)
    except Unreachable as error:
        log.warning("%s: %s", deed.action.name, error)
        return Outcome(False, {}, "doubt" if error.doubt else "unreachable", deed.key)
    except BaseException as error:
        # The message may hold what somebody said; its kind does not.
        log.error("%s failed: %s", deed.action.name, type(error).__name__)
        return Outcome(False, {}, "failed", deed.key)
