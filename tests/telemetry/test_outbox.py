"""What a box keeps for its fleet until the fleet has it."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance.memory.events import EventLog, insert
from appliance.memory.store import Database, Store
from appliance.telemetry import outbox as outboxes
from appliance.telemetry.orders import Commands
from appliance.telemetry.outbox import Outbox, merge
from appliance.telemetry.wire import LARGEST, Message

HEALTH = {"cpu": 12.5}
FAULT = {"what": "gsm", "on": False}


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "desk.db", Clock())


def kept(outbox: Outbox) -> list[Message]:
    return outbox.next(10_000)


def test_it_is_told_with_what_happened_or_not_at_all(store: Store) -> None:
    outbox = Outbox(store)
    store.tell = outbox.put
    with store.write() as db:
        insert(db, "one", store.stamp(), "ended", {})
        db.tell("fault", FAULT)
    with contextlib.suppress(ZeroDivisionError), store.write() as db:
        insert(db, "two", store.stamp(), "ended", {})
        db.tell("fault", FAULT)
        raise ZeroDivisionError
    assert [message.seq for message in kept(outbox)] == [1]
    assert EventLog(store).read("two") == []


def test_a_box_that_is_of_no_fleet_keeps_nothing(store: Store) -> None:
    with store.write() as db:
        db.tell("fault", FAULT)
    assert store.read("select * from outbox") == []


def test_numbers_have_no_gap_and_each_start_has_its_own(store: Store) -> None:
    first = Outbox(store)
    for _ in range(3):
        first.tell("fault", FAULT)
    second = Outbox(store)
    second.tell("fault", FAULT)
    assert [message.seq for message in kept(second)] == [1, 2, 3, 1]
    assert second.before == {"boot": first.boot, "last": 3}


def test_only_what_the_fleet_has_is_forgotten(store: Store) -> None:
    outbox = Outbox(store)
    for _ in range(10):
        outbox.tell("fault", FAULT)
    outbox.acked(outbox.boot, 3, [[5, 6], [9, 9]])
    outbox.acked("f" * 16, 10)
    assert [message.seq for message in kept(outbox)] == [4, 7, 8, 10]


def test_alerts_come_first_and_what_is_under_way_comes_not(store: Store) -> None:
    outbox = Outbox(store)
    for kind, data in (("health", HEALTH), ("fault", FAULT), ("health", HEALTH)):
        outbox.tell(kind, data)
    assert [message.seq for message in kept(outbox)] == [2, 1, 3]
    under_way = frozenset({(outbox.boot, 2)})
    assert [message.seq for message in outbox.next(1, under_way)] == [1]


def test_where_there_is_no_room_the_oldest_details_go_and_the_fleet_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "PIECE", 4)
    outbox = Outbox(store, room=20 * 120)
    outbox.tell("unanswered", {})
    for _ in range(8):
        outbox.tell("fault", FAULT)
        outbox.tell("health", HEALTH)
    for _ in range(8):
        outbox.tell("health", HEALTH)
    messages = kept(outbox)
    assert [message.kind for message in messages].count("fault") == 8
    assert any(message.kind == "unanswered" for message in messages)
    told = [(a, b) for m in messages if m.kind == "dropped" for a, b in m.data["ranges"]]
    gone = {seq for a, b in told for seq in range(a, b + 1)}
    assert gone
    assert gone | {message.seq for message in messages} == set(range(1, max(m.seq for m in messages) + 1))
    assert not gone & {message.seq for message in messages}


def test_a_box_that_is_alone_for_long_takes_no_more_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "PIECE", 50)
    outbox = Outbox(store, room=20_000)
    for _ in range(30):
        with store.write() as db:
            for _ in range(200):
                outbox.put(db, "health", HEALTH)
    assert [message.kind for message in kept(outbox)].count("dropped") == 1
    size = store.read("select sum(length(data) + 100) from outbox")[0][0]
    assert size <= 30_000
    assert store.path.stat().st_size < 400_000


def test_after_thirty_days_only_alerts_are_there(store: Store) -> None:
    outbox = Outbox(store)
    for kind, data in (("health", HEALTH), ("unanswered", {}), ("fault", FAULT)):
        outbox.tell(kind, data)
    clock = store.now
    assert isinstance(clock, Clock)
    clock.time += timedelta(days=29)
    outbox.trim()
    assert len(kept(outbox)) == 3
    assert outbox.waiting().oldest == 29 * 86_400
    clock.time += timedelta(days=2)
    outbox.trim()
    assert [message.kind for message in kept(outbox)] == ["fault", "dropped"]


def test_what_no_fleet_would_take_is_not_put_in(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(store)
    outbox.tell("fault", {"what": "secret words", "on": "perhaps"})
    outbox.tell("fault", FAULT)
    assert [message.seq for message in kept(outbox)] == [1]
    assert "not told of fault" in caplog.text
    assert "secret words" not in caplog.text
    outbox.tell("health", {"cpu": float("nan")})
    outbox.tell("fault", {"what": "gsm", "on": False, "why": "no file \udcff"})
    assert [message.data.get("why") for message in kept(outbox)] == [None, "no file ?"]


def test_what_was_undone_takes_no_room(store: Store) -> None:
    outbox = Outbox(store, room=5_000)
    for _ in range(100):
        with contextlib.suppress(ZeroDivisionError), store.write() as db:
            outbox.put(db, "health", HEALTH)
            raise ZeroDivisionError
    for _ in range(10):
        outbox.tell("health", HEALTH)
    assert [message.kind for message in kept(outbox)] == ["health"] * 10


@pytest.mark.parametrize("letter", ["x", '"', "…", "\x1b", "\U0001f600"])
def test_a_long_result_of_a_command_is_cut_and_told(store: Store, letter: str) -> None:
    outbox = Outbox(store)
    Commands(store, outbox).now("a", "done", letter * 20_000)
    [told] = kept(outbox)
    assert told.data["state"] == "done"
    assert len(told.data["result"]) > 2_500
    assert len(told.pack()) < LARGEST


RANGE = some.tuples(some.integers(1, 60), some.integers(0, 9)).map(lambda each: (each[0], sum(each)))


@given(some.lists(RANGE))
def test_merged_ranges_hold_the_same_numbers_and_do_not_touch(holes: list[tuple[int, int]]) -> None:
    found = merge(sorted(holes))
    numbers = {n for a, b in holes for n in range(a, b + 1)}
    assert {n for a, b in found for n in range(a, b + 1)} == numbers
    assert all(b + 1 < c for (_, b), (c, _) in itertools.pairwise(found))


@settings(max_examples=15, deadline=None)
@given(
    acks=some.lists(
        some.tuples(some.integers(0, 30), some.lists(some.tuples(some.integers(1, 30), some.integers(1, 30))))
    )
)
def test_any_acks_leave_just_what_they_do_not_name(
    tmp_path_factory: pytest.TempPathFactory, acks: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    store = Store(tmp_path_factory.mktemp("box") / "desk.db")
    outbox = Outbox(store)
    with store.write() as db:
        for _ in range(30):
            outbox.put(db, "fault", FAULT)
    left = set(range(1, 31))
    for upto, also in acks:
        outbox.acked(outbox.boot, upto, also)
        left -= {n for a, b in ((1, upto), *also) for n in range(a, b + 1)}
    assert {message.seq for message in kept(outbox)} == left
    store.close()


WRITER = """
import sys
from pathlib import Path
from appliance.memory.store import Database, Store
from appliance.memory.events import insert
from appliance.telemetry.outbox import Outbox
store = Store(Path(sys.argv[1]))
store.tell = Outbox(store).put
print("up", flush=True)
while True:
    with store.write() as db:
        insert(db, "call", store.stamp(), "ended", {})
        db.tell("fault", {"what": "gsm", "on": True})
"""


def test_a_box_that_is_killed_has_told_of_all_that_happened(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    for pause in (0.05, 0.11, 0.02):
        box = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        assert box.stdout
        box.stdout.readline()
        time.sleep(pause)  # When it is killed is up to chance.
        os.kill(box.pid, signal.SIGKILL)
        box.wait()
        box.stdout.close()
    store = Store(path)
    [(happened,)] = store.read("select count(*) from event")
    told = store.read(
        "select id, count(*), min(seq), max(seq), last from outbox join boot on boot = number group by 1"
    )
    assert sum(count for _, count, _, _, _ in told) == happened > 3
    assert all(low == 1 and high == count == last for _, count, low, high, last in told)
    store.close()


def test_details_and_their_receipts_wake_no_disk_and_records_do(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(store)
    asked: list[bool] = []
    write = Store.write

    def seen(self: Store, durable: bool = True) -> contextlib.AbstractContextManager[Database]:
        asked.append(durable)
        return write(self, durable)

    monkeypatch.setattr(Store, "write", seen)
    for kind, data in (("health", HEALTH), ("fault", FAULT)):
        outbox.tell(kind, data)
    outbox.acked(outbox.boot, 1)
    assert asked == [False, True, False]
    assert store.read("pragma synchronous") == [(2,)], "what comes next is forced to the disk again"
    assert [message.kind for message in kept(outbox)] == ["fault"]
