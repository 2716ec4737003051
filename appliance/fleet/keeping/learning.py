"""What messages that are new change of what is known of their boxes: read at once for a batch, changed here,
and written back at once."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from appliance.fleet.keeping.ailments import ALL, ailments
from appliance.fleet.keeping.histogram import bucket
from appliance.fleet.keeping.hourly import HOUR, KEEP, Hours
from appliance.fleet.keeping.ledger import Ledger
from appliance.fleet.storage.database import DAY, Writing, marks
from appliance.telemetry.wire import Message

MINUTE = 60_000


class Learning:
    def __init__(self, db: Writing, boxes: Sequence[int], ledger: Ledger) -> None:
        self._db = db
        self._ledger = ledger
        within = f"where box in ({marks(len(boxes))})"
        self._known: dict[tuple[int, str], tuple[int, int, int]] = {
            (box, what): (boot, seq, at)
            for box, what, boot, seq, at in db.execute(
                f"select box, what, boot, seq, at from known {within}", boxes
            )
        }
        """By which message each thing about a box is known: its boot, number and time."""
        self._faults: dict[tuple[int, str], tuple[int, str]] = {
            (box, cause): (since, why)
            for box, cause, since, why in db.execute(
                f"select box, cause, since, why from fault {within}", boxes
            )
        }
        self._known_before, self._faults_before = dict(self._known), dict(self._faults)
        self._columns: dict[int, dict[str, Any]] = defaultdict(dict)
        self._latency: Counter[tuple[int, int, int, int]] = Counter()
        self._outcomes: Counter[tuple[int, int, str]] = Counter()
        self._hours = Hours()
        self._answers: list[tuple[Any, ...]] = []
        self._questions: list[tuple[Any, ...]] = []

    def learn(self, box: int, boot: int, message: Message, at: int, received: int) -> None:
        """`at`: when it was, as far as that can be."""
        data, kind, seq = message.data, message.kind, message.seq
        self._hours.add(box, at, kind, data)
        if kind in ("began", "health", "reported", "fault"):
            what = f"{data['what']} is off" if kind == "fault" else kind
            # A clock that was ahead is no reason to think nothing new of the box until it is that late.
            moment = min(at, received)
            if not self._newest(box, what, boot, seq, moment):
                return
        match kind:
            case "began":
                # What was off at the start before is told again if it still is.
                for of, what in self._of(box):
                    other, _, then = self._known[of, what]
                    if other != boot and (other < boot or then <= moment):
                        self._faults.pop((of, what), None)
                self.know(box, version=data["version"], desk=data["desk"], began=plain(data))
            case "health":
                self.know(box, health=plain(data), calls=data.get("calls", 0), outbox=data.get("oldest", 0))
                self._ail(box, at, ailments(data))
            case "fault" if data["on"]:
                self._faults.pop((box, what), None)
            case "fault":
                since, _ = self._faults.get((box, what), (at, ""))
                self._faults[box, what] = since, data.get("why", "")
            case "call":
                self._outcomes[at // DAY, box, data["outcome"]] += 1
            case "turn" if data.get("wait") is not None:
                found = bucket(data["wait"])
                self._latency[0, MINUTE, at // MINUTE * MINUTE, found] += 1
                self._latency[0, HOUR, at // HOUR * HOUR, found] += 1
                self._latency[box, HOUR, at // HOUR * HOUR, found] += 1
            case "reported":
                self.know(box, desk=data["desk"], reported=plain(data), serial=data["serial"])
            case "answer":
                state, result = data["state"], data.get("result", "")
                self._answers.append((state, result, received, data["id"], box, state))
            case "unanswered" if data.get("text"):
                self._questions.append((box, at, received, data["text"]))
            case "dropped":
                self._ledger.give_up(box, data["boot"], data["ranges"])

    def know(self, box: int, **columns: Any) -> None:
        self._columns[box].update(columns)

    def write(self) -> None:
        """In the order of keys: so workers that write the same rows never wait for each other in a ring."""
        for box, columns in sorted(self._columns.items()):
            names = ", ".join(
                f"{name} = max(seen, ?)" if name == "seen" else f"{name} = ?" for name in columns
            )
            self._db.execute(f"update box set {names} where id = ?", (*columns.values(), box))
        self._change(
            """insert into known (box, what, boot, seq, at) values (?, ?, ?, ?, ?)
                on conflict (box, what) do update
                    set boot = excluded.boot, seq = excluded.seq, at = excluded.at""",
            [(*key, *new) for key, new in self._known.items() if self._known_before.get(key) != new],
        )
        over = [key for key in self._faults_before if key not in self._faults]
        self._change("delete from fault where box = ? and cause = ?", over)
        self._change(
            """insert into fault (box, cause, since, why) values (?, ?, ?, ?)
                on conflict (box, cause) do update set since = excluded.since, why = excluded.why""",
            [(*key, *new) for key, new in self._faults.items() if self._faults_before.get(key) != new],
        )
        self._change(
            # That it has expired is a guess of ours until the box says what came of it.
            """update command set state = ?, result = ?, answered = ? where id = ? and box = ?
                and (answered is null or state = 'received' or (state = 'running' and ? != 'received'))""",
            self._answers,
            ordered=False,
        )
        self._change(
            "insert into question (box, at, received, text) values (?, ?, ?, ?)",
            self._questions,
            ordered=False,
        )
        self._change(
            """insert into outcome (day, box, outcome, n) values (?, ?, ?, ?)
                on conflict (day, box, outcome) do update set n = outcome.n + excluded.n""",
            [(*key, n) for key, n in self._outcomes.items()],
        )
        self._change(
            """insert into latency (box, span, at, bucket, n) values (?, ?, ?, ?, ?)
                on conflict (box, span, at, bucket) do update set n = latency.n + excluded.n""",
            [(*key, n) for key, n in self._latency.items()],
        )
        self._change(KEEP, self._hours.rows())

    def _change(self, sql: str, rows: Sequence[tuple[Any, ...]], ordered: bool = True) -> None:
        if rows:
            self._db.executemany(sql, sorted(rows) if ordered else rows)

    def _newest(self, box: int, what: str, boot: int, seq: int, at: int) -> bool:
        """Whether nothing that was made later has told of this, or of a later start, already. In one start
        the numbers decide. Of two starts the earlier is the one that came first to the fleet and is so by
        the clock of the box, which may have no battery."""
        begun, _, then = self._known.get((box, "began"), (0, 0, 0))
        if begun > boot and then > at:
            return False
        if (box, what) in self._known:
            other, number, then = self._known[box, what]
            if not (number < seq if other == boot else other < boot or then <= at):
                return False
        self._known[box, what] = boot, seq, at
        return True

    def _ail(self, box: int, at: int, causes: Sequence[str]) -> None:
        for cause in ALL:
            if cause in causes:
                self._faults.setdefault((box, cause), (at, ""))
            else:
                self._faults.pop((box, cause), None)

    def _of(self, box: int) -> list[tuple[int, str]]:
        return [key for key in self._known if key[0] == box]


def plain(data: Mapping[str, Any]) -> str:
    """JSON, as short as it can be; without zeros in texts, which not every database reads."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return plain(_without_zeros(data)) if "\\u0000" in text and _has_zeros(data) else text


def _has_zeros(data: Any) -> bool:
    return bool(data != _without_zeros(data))


def _without_zeros(data: Any) -> Any:
    if isinstance(data, str):
        return data.replace("\0", "")
    if isinstance(data, Mapping):
        return {_without_zeros(key): _without_zeros(value) for key, value in data.items()}
    return [_without_zeros(each) for each in data] if isinstance(data, list) else data
