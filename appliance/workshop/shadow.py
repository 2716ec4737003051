"""A candidate is tried by what callers said yesterday: what would have changed, before anybody hears it.

Only calls whose recording is kept are taken, for those callers knew. By text the words are those that are
kept, with something else in the place of what is private; by sound, the recording itself, at the pace of
people: how long an answer takes is part of what would change."""

from __future__ import annotations

import asyncio
import logging
import re
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from appliance import config
from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.channels.scripted import ScriptedCaller
from appliance.config.keeping import CHECKS
from appliance.errors import ApplianceError
from appliance.memory import key
from appliance.memory.events import EventLog
from appliance.messages import RATE, Heard, Notice, Turn, seconds
from appliance.observe.account import kept
from appliance.observe.calls import Calls, Kept
from appliance.observe.corrections import said
from appliance.observe.locked import opened
from appliance.observe.score import score
from appliance.serving.served import Served

log = logging.getLogger(__name__)

MOST = 500
"""Calls that are replayed in a night, the newest first."""
SHOWN = 200
"""Changes that are kept."""
NIGHT = range(2, 5)
"""Hours of the day, on the wall, in which the desk does it by itself."""
LOOK = 600.0
"""Seconds between two looks whether it is night."""
LONGEST = 120.0
"""Seconds that the replay of a call may take at least, and ..."""
TIMES = 6
"""... so many times as long as the call was, where that is more: a small board hears slowly."""


class Shadowed(ScriptedCaller):
    """Says again what somebody said, and notes the answers."""

    def __init__(self, lines: Sequence[str], call: str) -> None:
        super().__init__(lines, call)
        self.turns: list[Turn] = []

    def notice(self, what: Notice) -> None:
        super().notice(what)
        if isinstance(what, Turn):
            self.turns.append(what)


Answered = tuple[str, str, str]
"""Of a turn with words: what was heard, what that was taken for, and what was said to it."""


@dataclass
class Went:
    """How a call goes with one of the two."""

    answers: list[Answered] = field(default_factory=list)
    marks: dict[str, bool | None] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """Checks that were not passed: all and more, where nothing was answered."""
        return sum(passed is False for passed in self.marks.values()) if self.answers else len(CHECKS) + 1


def consented(calls: Calls, since: datetime, desk: config.DeskFile) -> list[Kept]:
    """Calls from then on that are recorded and of which the words are kept, the newest first. None where
    flows alone are recorded: to the rest nobody agreed."""
    if desk.recording == "never":
        return []
    every = calls.older(calls.store.now(), "recorded")
    return sorted((call for call in every if call.began >= since), key=lambda call: -call.number)[:MOST]


async def shadow(
    before: tuple[App, config.DeskFile],
    after: tuple[App, config.DeskFile],
    calls: Calls,
    recordings: Path | None = None,
    days: float = 1.0,
) -> dict[str, Any]:
    """Replay with both, on empty boxes that reach nobody, and compare; plain JSON. `recordings`: where the
    sound is; None: by text."""
    report: dict[str, Any] = {
        "at": calls.store.stamp(), "desk": before[1].digest, "candidate": after[1].digest,
        "by": "sound" if recordings else "text", "calls": 0, "turns": 0, "better": 0, "worse": 0,
        "marks": {}, "changed": [],
    }  # fmt: skip
    since = calls.store.now() - timedelta(days=days)
    with tempfile.TemporaryDirectory(prefix="appliance-shadow-") as folder:
        learned = []
        for number, (app, desk) in enumerate((before, after)):
            served = await app.trial(desk, Path(folder) / str(number))
            served.place.store.close()
            learned.append((app, served))
        for call in await asyncio.to_thread(consented, calls, since, before[1]):
            await _both(report, call, calls, learned, Path(folder), recordings)
    return report


async def _both(
    report: dict[str, Any],
    call: Kept,
    calls: Calls,
    learned: Sequence[tuple[App, Served]],
    folder: Path,
    recordings: Path | None,
) -> None:
    """One call, with both; without words there is nothing to replay."""
    every = await asyncio.to_thread(calls.turns, call.number)
    turns = [turn for turn in every if turn["cause"] in ("heard", "silence")]
    if not any(turn["heard"] and turn["heard"]["words"] for turn in turns):
        return
    box = calls.store.path.parent

    async def alone(app: App, ready: Served) -> Went:
        # Nothing of one call is there in the next.
        with tempfile.TemporaryDirectory(dir=folder) as place:
            key.lend(box, Path(place))
            served = await ready.emptied(Path(place))
            with closing(served.place.store):
                return await _replayed(app, served, call, turns, recordings)

    try:
        _add(report, call, *[await _undisturbed(app, partial(alone, app, ready)) for app, ready in learned])
    except TimeoutError:
        log.warning("call %s is left out: its replay did not end", call.id)


async def _undisturbed(app: App, replay: Callable[[], Coroutine[Any, Any, Went]]) -> Went:
    """While nobody calls: where somebody talks, it ends, and begins anew when that is over."""
    while True:
        await app.quiet()
        await app.leave.nobody()
        replaying, somebody = asyncio.create_task(replay()), asyncio.create_task(app.leave.somebody())
        try:
            await asyncio.wait((replaying, somebody), return_when=asyncio.FIRST_COMPLETED)
            if replaying.done():
                return replaying.result()
        finally:
            replaying.cancel()
            somebody.cancel()
            await asyncio.wait((replaying, somebody))


async def _replayed(
    app: App, served: Served, call: Kept, turns: Sequence[Mapping[str, Any]], recordings: Path | None
) -> Went:
    id = f"shadow-{call.number}"
    async with asyncio.timeout(max(LONGEST, TIMES * seconds(call.length))):
        if recordings:
            answered: list[Turn] = []

            def watch(what: Notice) -> None:
                if isinstance(what, Turn):
                    answered.append(what)

            sayings = await asyncio.to_thread(_sayings, recordings / call.recording, turns)
            await app.talk(RecordedCaller(sayings, id, watch=watch), served=served)
        else:
            caller = Shadowed([said(turn) for turn in turns], id)
            await app.chat(caller, served)
            answered = caller.turns
    marks = score(
        [kept(turn) for turn in answered], EventLog(served.place.store).read(id), served.desk.checklist
    )
    answers = [
        (turn.cause.text, turn.decision.intent if turn.decision else "", turn.meant)
        for turn in answered
        if isinstance(turn.cause, Heard)
    ]
    return Went(answers, {mark.check: mark.passed for mark in marks})


def _sayings(recording: Path, turns: Sequence[Mapping[str, Any]]) -> list[Saying]:
    """The caller's side, cut as it was heard."""
    with opened(recording) as file:
        sound, _ = soundfile.read(file, dtype="int16", always_2d=True)
    around = RATE // 5
    heard = [turn["heard"] for turn in turns if turn["heard"]]
    pieces = [sound[max(0, each["start"] - around) : each["end"] + around, 0] for each in heard]
    return [Saying(np.ascontiguousarray(piece, dtype="<i2").tobytes()) for piece in pieces]


def _add(report: dict[str, Any], call: Kept, before: Went, after: Went) -> None:
    report["calls"] += 1
    report["turns"] += len(before.answers)
    report["better"] += after.failed < before.failed
    report["worse"] += after.failed > before.failed
    for check, passed in before.marks.items():
        counts = report["marks"].setdefault(check, [0, 0])
        counts[0] += passed is False
        counts[1] += after.marks.get(check) is False
    for was, now in _paired(before.answers, after.answers):
        if _other(was, now) and len(report["changed"]) < SHOWN:
            change = {"call": call.id, "said": was[0] or now[0], "was": [*was[1:]], "now": [*now[1:]]}
            report["changed"].append({**change, "heard": now[0]} if was[0] != now[0] else change)


def _paired(before: Sequence[Answered], after: Sequence[Answered]) -> Iterator[tuple[Answered, Answered]]:
    """Answers to the same words. By sound one of the two may have heard a sentence in two pieces."""
    was, now = (
        [" ".join(re.findall(r"\w+", words.lower())) for words, *_ in each] for each in (before, after)
    )
    for _, a, b, c, d in SequenceMatcher(a=was, b=now, autojunk=False).get_opcodes():
        yield from zip_longest(before[a:b], after[c:d], fillvalue=("", "", ""))


def _other(was: Answered, now: Answered) -> bool:
    """Whether it is another answer: one that was cut short is none."""
    return was[1] != now[1] or not (was[2].startswith(now[2]) or now[2].startswith(was[2]))


async def nightly(app: App, path: Path) -> None:
    """While the desk runs: where there is a candidate, replay yesterday's calls with it by text in the night,
    once. What goes wrong is told to the log, and to nobody else."""
    while True:
        await asyncio.sleep(LOOK)
        calls = app.books.calls
        now = calls.store.now()
        try:
            if now.hour not in NIGHT or not await asyncio.to_thread(path.exists):
                continue
            last = await asyncio.to_thread(calls.shadow)
            if last and _same_night(last["at"], now):
                continue
            candidate, _ = await asyncio.to_thread(config.read_desk, path)
            report = await shadow((app, app.desk), (app, candidate), calls)
            await asyncio.to_thread(calls.keep_shadow, report)
            log.info("yesterday's calls were replayed with the candidate %s", candidate.digest)
        except ApplianceError as error:
            log.error("the candidate %s could not be tried: %s", path, error)
        except Exception:
            log.exception("the candidate %s could not be tried", path)


def _same_night(at: str, now: datetime) -> bool:
    return now - datetime.fromisoformat(at) < timedelta(hours=12)
