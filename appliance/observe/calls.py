"""The account of every call: what was heard, decided and said, and when. A file of its own, so that it may
be written without waiting for the disk; what must not be lost is in `desk.db`."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from appliance.errors import StorageError
from appliance.memory.migrations import each
from appliance.memory.sqlite import sqlite3
from appliance.memory.store import Damaged, Store, stamp
from appliance.observe.score import Mark

log = logging.getLogger(__name__)

PAGE = 50
"""Calls on a page of the list."""

ASIDE = "calls.db.damaged"
"""What a damaged file is called from then on."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A call, without its turns."""

    number: int
    """Grows with time."""
    id: str
    trace: str
    """32 hex digits."""
    channel: str
    agent: str
    """What the desk is called."""
    desk: str
    """The version of the desk file."""
    began: datetime
    """UTC, at 0 of the call's sample clock."""
    ended: datetime | None
    """None while it lasts."""
    length: int
    """Samples, so far."""
    turns: int
    recording: str
    """The file's name in the folder of recordings; empty where there is none."""
    deeds: tuple[dict[str, Any], ...] = field(default=())
    """What was done for the caller: `action`, `began` and `ended` (UTC, ISO 8601), `why` it failed."""
    flows: tuple[str, ...] = ()
    """Those that were begun."""
    marks: tuple[Mark, ...] = ()
    failed: int = 0
    """Checks that were not passed."""
    review: Literal["", "agreed", "corrected"] = ""
    """What a person who looked at it said of the marks."""
    arm: str = ""
    """`candidate` where a candidate answered it, `rest` where one answered others."""


COLUMNS = """number, id, trace, channel, agent, desk, began, ended, length, turns, recording, deeds, flows,
    marks, failed, review, arm"""

Which = Literal["all", "to review"]
Has = Literal["recorded", "said", "all"]
"""What there still is of a call."""


class Calls:
    """Blocking. StorageError where the file cannot be used."""

    def __init__(self, folder: Path, now: Callable[[], datetime] | None = None, anew: bool = False) -> None:
        """`anew`: a damaged file is set aside, and a new one begun."""
        self._path, self._now, self._anew = folder / "calls.db", now, anew
        try:
            self.store = self._open()
        except Damaged as error:
            self._set_aside(error)

    def begin(
        self, id: str, trace: str, channel: str, agent: str, desk: str, began: datetime, arm: str = ""
    ) -> int:
        """The number of a new call."""
        with self.store.write() as db:
            rows = db.execute(
                """insert into call (id, trace, channel, agent, desk, began, arm)
                    values (?, ?, ?, ?, ?, ?, ?) returning number""",
                id, trace, channel, agent, desk, stamp(began), arm,
            )  # fmt: skip
        return int(rows[0][0])

    def keep(self, call: int, turn: dict[str, Any], length: int) -> None:
        """Keep a turn, as plain JSON; one of the same number is replaced."""
        with self.store.write() as db:
            db.execute("insert or replace into turn values (?, ?, ?)", call, turn["number"], _json(turn))
            db.execute(
                """update call set length = max(length, ?),
                    turns = (select count(*) from turn where call = ?) where number = ?""",
                length, call, call,
            )  # fmt: skip

    def end(
        self, call: int, ended: datetime, length: int, deeds: Sequence[dict[str, Any]],
        flows: Sequence[str] = (), marks: Sequence[Mark] = (), recording: str = "",
        turns: Sequence[dict[str, Any]] = (),
    ) -> None:  # fmt: skip
        """`turns`: what they come to now; those that were kept so already are not written again."""
        with self.store.write() as db:
            for turn in turns:
                db.execute(
                    """insert into turn values (?, ?, ?) on conflict do update set data = excluded.data
                        where data != excluded.data""",
                    call, turn["number"], _json(turn),
                )  # fmt: skip
            db.execute(
                """update call set ended = ?, length = max(length, ?), deeds = ?, flows = ?, marks = ?,
                    failed = ?, recording = ?, turns = (select count(*) from turn where call = ?)
                    where number = ?""",
                stamp(ended), length, _json(deeds), " ".join(flows), _json([astuple(mark) for mark in marks]),
                sum(mark.passed is False for mark in marks), recording, call, call,
            )  # fmt: skip

    def settle(self) -> int:
        """After a crash: close what was under way, at its last turn. How many calls that were."""
        try:
            with self.store.write() as db:
                rows = db.execute(
                    """update call set ended = strftime('%Y-%m-%dT%H:%M:%f+00:00', began, (length / 16000.0)
                        || ' seconds') where ended is null returning number"""
                )
        except Damaged as error:
            self._set_aside(error)
            return 0
        return len(rows)

    def page(
        self, which: Which = "all", after: tuple[int, int] | None = None, count: int = PAGE
    ) -> list[Kept]:
        """A page of the list: all calls, newest first, or those to review, the worst first. `after` is
        `failed` and `number` of the last one of the page before."""
        failed, number = after or (1 << 31, 1 << 62)
        if which == "all":
            rows = self.store.read(
                f"select {COLUMNS} from call where number < ? order by number desc limit ?", number, count
            )
        else:
            rows = self.store.read(
                f"""select {COLUMNS} from call where failed > 0 and review = ''
                    and (failed, number) < (?, ?) order by failed desc, number desc limit ?""",
                failed, number, count,
            )  # fmt: skip
        return [_kept(row) for row in rows]

    def to_review(self) -> int:
        """How many calls wait for a person to look at them."""
        return int(self.store.read("select count(*) from call where failed > 0 and review = ''")[0][0])

    def review(self, id: str, said: Literal["agreed", "corrected"]) -> None:
        with self.store.write() as db:
            db.execute("update call set review = ? where id = ?", said, id)

    def call(self, id: str) -> Kept | None:
        rows = self.store.read(f"select {COLUMNS} from call where id = ?", id)
        return _kept(rows[0]) if rows else None

    def turns(self, call: int) -> list[dict[str, Any]]:
        rows = self.store.read("select data from turn where call = ? order by number", call)
        return [json.loads(data) for (data,) in rows]

    def of(self, ids: Iterable[str]) -> list[Kept]:
        return [call for id in ids if (call := self.call(id))]

    def delete(self, calls: Sequence[int]) -> None:
        with self.store.write() as db:
            for call in calls:
                db.execute("delete from call where number = ?", call)

    def unsay(self, calls: Sequence[int]) -> None:
        """Keep when and why of these calls, and nothing of what was said in them."""
        with self.store.write() as db:
            for call in calls:
                for number, data in db.execute("select number, data from turn where call = ?", call):
                    silent = _json(_unsaid(json.loads(data)))
                    db.execute("update turn set data = ? where call = ? and number = ?", silent, call, number)
                db.execute("update call set said = 0 where number = ?", call)

    def record(self, call: int, recording: str) -> None:
        with self.store.write() as db:
            db.execute("update call set recording = ? where number = ?", recording, call)

    def unrecord(self, calls: Sequence[int]) -> None:
        """The recordings of these calls are gone."""
        with self.store.write() as db:
            for call in calls:
                db.execute("update call set recording = '' where number = ?", call)

    def older(self, than: datetime, which: Has) -> list[Kept]:
        """Calls that began before, and of which there still is that."""
        what = {"recorded": "recording != ''", "said": "said = 1", "all": "1"}[which]
        rows = self.store.read(
            f"select {COLUMNS} from call where began < ? and ended is not null and {what}", stamp(than)
        )
        return [_kept(row) for row in rows]

    def unsent(self, count: int) -> list[Kept]:
        """Calls that are over and whose traces were not sent on, oldest first."""
        rows = self.store.read(
            f"select {COLUMNS} from call where sent = 0 and ended is not null order by number limit ?", count
        )
        return [_kept(row) for row in rows]

    def sent(self, calls: Sequence[int]) -> None:
        with self.store.write() as db:
            for call in calls:
                db.execute("update call set sent = 1 where number = ?", call)

    def keep_shadow(self, report: dict[str, Any]) -> None:
        """What a candidate would have changed, in the place of the last such report; of nobody who was erased
        meanwhile, or whose words are not kept any more."""
        with self.store.write() as db:
            said = {id for (id,) in db.execute("select id from call where said = 1")}
            report = {**report, "changed": [each for each in report["changed"] if each["call"] in said]}
            db.execute("delete from shadow")
            db.execute("insert into shadow values (?, ?)", report["at"], _json(report))

    def shadow(self) -> dict[str, Any] | None:
        rows = self.store.read("select data from shadow")
        return json.loads(rows[0][0]) if rows else None

    def forget_shadow(self, before: str = "z") -> None:
        """Nobody can tell who is in it. `before`: only where it is older, UTC, ISO 8601."""
        with self.store.write() as db:
            db.execute("delete from shadow where at < ?", before)

    def close(self) -> None:
        self.store.close()

    def _open(self) -> Store:
        return Store(self._path, self._now, STEPS, durable=False)

    def _set_aside(self, damage: Damaged) -> None:
        """Nothing that must not be lost is in it: no reason to answer nobody."""
        if not self._anew:
            raise StorageError(damage.wrong, "start the desk: it sets the file aside") from damage
        if hasattr(self, "store"):
            self.store.close()
        try:
            for end in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    Path(f"{self._path}{end}").replace(self._path.with_name(f"{ASIDE}{end}"))
        except OSError as error:
            raise StorageError(
                f"{damage.wrong}, and cannot be set aside ({error})", "move it away"
            ) from error
        self.store = self._open()
        log.error("%s; it is set aside as %s, and a new one is begun", damage.wrong, ASIDE)


def _kept(row: tuple[Any, ...]) -> Kept:
    number, id, trace, channel, agent, desk, began, ended, length, turns, recording, *judged = row
    deeds, flows, marks, failed, review, arm = judged
    return Kept(
        number, id, trace, channel, agent, desk, datetime.fromisoformat(began),
        datetime.fromisoformat(ended) if ended else None, length, turns, recording, tuple(json.loads(deeds)),
        tuple(flows.split()), tuple(Mark(*each) for each in json.loads(marks)), failed, review, arm,
    )  # fmt: skip


def _unsaid(turn: dict[str, Any]) -> dict[str, Any]:
    heard = turn["heard"] and {**turn["heard"], "words": []}
    return {**turn, "heard": heard, "spoken": {**turn["spoken"], "words": []}}


def _json(what: Any) -> str:
    return json.dumps(what, ensure_ascii=False, separators=(",", ":"))


def _calls(db: sqlite3.Connection) -> None:
    each(
        db,
        """create table call (
            number integer primary key autoincrement, id text not null unique, trace text not null,
            channel text not null, agent text not null, desk text not null, began text not null, ended text,
            length integer not null default 0, turns integer not null default 0,
            recording text not null default '', deeds text not null default '[]',
            flows text not null default '', marks text not null default '[]',
            failed integer not null default 0, review text not null default '',
            said integer not null default 1, sent integer not null default 0)""",
        "create index call_review on call (failed, number) where failed > 0 and review = ''",
        "create index call_unsent on call (number) where sent = 0",
        """create table turn (
            call integer not null references call on delete cascade, number integer not null,
            data text not null, primary key (call, number)) without rowid""",
    )


def _shadow(db: sqlite3.Connection) -> None:
    each(db, "create table shadow (at text not null, data text not null)")


def _arms(db: sqlite3.Connection) -> None:
    each(db, "alter table call add column arm text not null default ''")


STEPS = (_calls, _shadow, _arms)
