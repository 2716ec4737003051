"""What the fleet keeps, and what of it is acknowledged; whatever comes, and however often."""

from __future__ import annotations

import contextlib
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance.errors import StorageError
from appliance.fleet.alerts.attention import attention
from appliance.fleet.alerts.watch import Watch
from appliance.fleet.keeping import store
from appliance.fleet.keeping.learning import Learning
from appliance.fleet.keeping.ledger import Ledger, merge
from appliance.fleet.keeping.store import Store
from appliance.fleet.line.source import Received
from appliance.fleet.line.worker import Worker
from appliance.fleet.page import views
from appliance.fleet.questions import questions
from appliance.telemetry import wire
from appliance.telemetry.wire import Message
from tests.fleet.stored import BOOT, NOW, Server, fault


def test_what_is_stored_is_acknowledged_to_the_first_gap_and_beyond(server: Server) -> None:
    server.take(fault(1), fault(2), fault(4), fault(5))
    assert server.acks == [{"boot": BOOT, "upto": 2, "also": [[4, 5]], "spread": 0}]
    server.take(fault(3))
    assert server.acks[-1] == {"boot": BOOT, "upto": 5, "also": [], "spread": 0}


def test_what_comes_again_is_acknowledged_again_and_stored_once(server: Server) -> None:
    server.take(fault(1))
    assert server.take(fault(1), fault(1))["replayed"] == 2
    assert server.stored == [1]
    assert server.acks[-1] == {"boot": BOOT, "upto": 1, "also": [], "spread": 0}


def began(seq: int, boot: str, at: int) -> Message:
    return Message(boot, seq, at, "began", {"version": "1", "desk": "aa"})


def off(server: Server) -> list[str]:
    return [cause for (cause,) in server.store.read("select cause from fault order by cause")]


def test_what_comes_late_does_not_undo_what_came_after_it(server: Server) -> None:
    server.take(fault(2, on=True))
    server.take(fault(1))
    assert off(server) == []
    told = {"desk": "bb", "serial": 2, "fine": True, "why": ""}
    server.take(Message(BOOT, 4, NOW, "reported", told))
    server.take(Message(BOOT, 3, NOW, "reported", {**told, "desk": "aa", "serial": 1}))
    assert server.store.read("select desk, serial from box where name = 'lobby'") == [("bb", 2)]


def test_what_was_off_before_a_start_is_off_if_it_is_told_again(server: Server) -> None:
    later = "f" * 16
    server.take(fault(1, at=NOW - 2000), Message(BOOT, 2, NOW - 2000, "fault", {"what": "sip", "on": False}))
    # Alerts come before the record that a box began; and one of the start before comes late.
    server.take(fault(2, later, NOW + 1))
    server.take(began(1, later, NOW))
    assert off(server) == ["gsm is off"]
    server.take(Message(BOOT, 3, NOW - 1000, "fault", {"what": "kiosk", "on": False}))
    server.take(began(4, BOOT, NOW - 3000))
    assert off(server) == ["gsm is off"]
    server.take(fault(3, later, NOW + 1, on=True))
    assert off(server) == []


def test_what_a_broker_says_again_of_a_box_that_is_away_is_no_word_of_its(server: Server) -> None:
    def heard(on: bool, at: int) -> tuple[int, int]:
        server.store.heard({"lobby": (on, at)})
        [found] = server.store.read("select online, seen from box where name = 'lobby'")
        return found

    assert heard(True, NOW) == (1, NOW)
    assert heard(False, NOW + 1) == (0, NOW + 1)
    assert heard(False, NOW + 9) == (0, NOW + 1)
    assert heard(True, NOW + 10) == (1, NOW + 10)


def test_a_clock_that_was_ahead_and_is_put_right_keeps_nothing_from_being_learned(server: Server) -> None:
    server.take(Message(BOOT, 1, NOW + 500_000, "health", {"calls": 1}))
    server.time += 10
    server.take(Message("f" * 16, 1, NOW + 5_000, "health", {"calls": 2}))
    assert server.store.read("select calls from box where name = 'lobby'") == [(2,)]


def test_a_box_whose_clock_begins_anew_at_each_start_is_learned_of(server: Server) -> None:
    later = "f" * 16
    server.take(began(1, BOOT, NOW), fault(2), Message(BOOT, 3, NOW, "health", {"calls": 1}))
    server.take(Message(later, 1, 0, "began", {"version": "2", "desk": "bb"}))
    server.take(Message(later, 2, 1, "health", {"calls": 2}))
    assert server.store.read("select version, calls from box where name = 'lobby'") == [("2", 2)]
    assert off(server) == []


def test_what_a_box_says_of_a_command_counts_more_than_that_it_seems_to_have_expired(server: Server) -> None:
    with server.store.write() as db:
        db.execute(
            "insert into command (id, box, do, at, expires, state) values ('a', 1, 'x', 0, 0, 'expired')"
        )
    states = []
    for seq, state in enumerate(("running", "received", "done", "running", "expired"), 1):
        server.take(Message(BOOT, seq, NOW, "answer", {"id": "a", "state": state}))
        states += [found for (found,) in server.store.read("select state from command")]
    assert states == ["running", "running", "done", "done", "done"]


def test_a_box_that_was_not_heard_from_for_long_is_not_counted_as_there(server: Server) -> None:
    server.worker.take([Received(wire.state_topic("lobby"), b'{"online": true}')])
    assert views.overview(server.store)["online"] == 1
    server.time += 600
    assert views.overview(server.store)["online"] == 0


def test_what_was_deleted_by_age_is_still_known(server: Server) -> None:
    server.take(fault(1))
    server.time += 8 * 86_400
    assert server.store.prune() == 1
    assert server.take(fault(1))["replayed"] == 1
    assert server.stored == []


def test_a_zero_in_what_a_box_says_stops_nobody(server: Server) -> None:
    server.take(
        Message(BOOT, 1, NOW, "fault", {"what": "gsm", "on": False, "why": "a\0b"}),
        Message(BOOT, 2, NOW, "unanswered", {"text": "a\0b"}),
        Message(BOOT, 3, NOW, "reported", {"desk": "aa", "serial": 1, "fine": False, "why": "a\0b"}),
    )
    assert server.stored == [1, 2, 3]
    Watch(server.store).turn()
    assert views.overview(server.store)["boxes"] == 2
    assert off(server) == ["gsm is off"]
    assert len(questions.recent(server.store)) == 1


def test_what_a_box_has_dropped_is_not_waited_for(server: Server) -> None:
    server.take(fault(1), fault(6), Message(BOOT, 7, NOW, "dropped", {"boot": BOOT, "ranges": [[2, 5]]}))
    assert server.acks == [{"boot": BOOT, "upto": 7, "also": [], "spread": 0}]


def test_of_an_earlier_start_too(server: Server) -> None:
    earlier = "f" * 16
    server.take(fault(2, earlier))
    server.take(Message(BOOT, 1, NOW, "dropped", {"boot": earlier, "ranges": [[1, 1]]}))
    server.take(fault(3, earlier))
    assert server.acks[-1] == {"boot": earlier, "upto": 3, "also": [], "spread": 0}


def test_a_box_that_is_not_of_the_fleet_is_counted_and_not_stored(server: Server) -> None:
    assert server.take(fault(1), device="stranger")["foreign"] == 1
    assert (server.stored, server.acks) == ([], [])


def test_a_clock_that_is_ahead_is_counted_and_put_right(server: Server) -> None:
    assert server.take(fault(1, at=NOW + 86_400_000))["future"] == 1
    assert server.store.read("select at from message") == [(NOW,)]


def test_a_batch_is_all_or_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageError("disk is full")

    monkeypatch.setattr(Ledger, "write", full)
    with pytest.raises(StorageError):
        server.take(fault(1))
    monkeypatch.undo()
    assert (server.stored, server.acks) == ([], [])
    server.take(fault(1))
    assert server.stored == [1]


def test_what_a_crash_left_in_a_days_file_alone_is_not_there_and_may_come_again(tmp_path: Path) -> None:
    server = Server(tmp_path / "fleet.db")
    server.take(fault(1))
    with contextlib.suppress(RuntimeError), server.store.write() as db:
        server.store._database.keep(db, [(1, 2, NOW, NOW, "fault", "{}")])
        raise RuntimeError("the program ends here")
    server.store.close()
    server.store = Store(tmp_path / "fleet.db", lambda: server.time)
    server.worker = Worker(server.source, server.store)
    assert server.stored == [1]
    assert server.take(fault(1), fault(2))["stored"] == 1
    assert server.stored == [1, 2]
    server.store.close()


def test_days_are_kept_apart_and_an_old_one_goes_at_once(server: Server) -> None:
    for seq in range(1, 13):
        server.take(fault(seq))
        server.time += 86_400
    assert server.store.prune() == 5
    assert server.stored == list(range(6, 13))
    server.take(fault(13))
    assert server.stored[-1] == 13
    [(last,)] = server.store.read("select max(kept) from day")
    assert server.store.read("select seq from message where id = ?", last) == [(13,)]
    with server.store.write() as db:
        rising = db.execute("select seq from message order by id").fetchall()
    assert [seq for (seq,) in rising] == server.stored


def test_sums_go_by_age_in_pieces_and_what_a_box_is_to_have_stays(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PIECE", 2)
    with server.store.write() as db:
        for serial in (1, 2):
            row = serial, NOW, "lobby", "aa", b""
            db.execute(
                "insert into desired (serial, at, device, digest, payload) values (?, ?, ?, ?, ?)", row
            )
        db.execute("update box set wanted_serial = 2 where name = 'lobby'")
        db.execute("insert into command (id, box, do, at, expires) values ('a', 1, 'x', ?, 0)", (NOW,))
    server.take(
        *(Message(BOOT, seq, NOW, "turn", {"call": "a", "n": 2, "wait": 90 * seq}) for seq in range(1, 6))
    )
    server.time += 91 * 86_400
    assert [server.store.prune() for _ in range(4)][1:] == [2, 1, 0]
    assert server.store.read("select distinct span from latency") == [(3_600_000,)]
    assert server.store.read("select serial from desired") == [(2,)]
    server.time += 700 * 86_400
    while server.store.prune():
        pass
    assert server.store.read("select count(*) from latency") == [(0,)]


def test_a_message_that_cannot_be_stored_keeps_no_other_from_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Learning.learn

    def fragile(self: Learning, box: int, boot: int, message: Message, *more: int) -> None:
        if message.seq == 2:
            raise OverflowError
        learn(self, box, boot, message, *more)

    monkeypatch.setattr(Learning, "learn", fragile)
    batch = [Received(wire.up("lobby", "fault"), fault(seq).pack()) for seq in (1, 2, 3)]
    with pytest.raises(OverflowError):
        server.worker.take(batch)
    server.worker._one_by_one(batch)
    assert server.stored == [1, 3]
    assert server.acks[-1] == {"boot": BOOT, "upto": 1, "also": [[3, 3]], "spread": 0}
    assert server.worker.counts["failed"] == 1


def test_a_desk_that_the_fleet_has_locked_needs_attention_until_it_is_unlocked(server: Server) -> None:
    watch, seq = Watch(server.store), count(1)

    def causes(locked: bool) -> list[str]:
        for _ in range(2):
            server.take(Message(BOOT, next(seq), round(server.time * 1000), "health", {"locked": locked}))
            watch.turn()
            server.time += 70
        return [each["cause"] for each in attention(server.store)]

    assert "locked: callers are turned away" in causes(True)
    assert "locked: callers are turned away" not in causes(False)


ORDER = some.lists(some.lists(some.integers(1, 25), min_size=1, max_size=8), max_size=8)


@settings(max_examples=30, deadline=None)
@given(ORDER)
def test_in_any_order_and_however_often_each_is_stored_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    server = Server(tmp_path_factory.mktemp("fleet") / "fleet.db")
    sent: set[int] = set()
    for batch in batches:
        server.take(*(fault(seq) for seq in batch))
        sent |= set(batch)
        ack = server.acks[-1]
        upto, also = ack["upto"], ack["also"]
        assert isinstance(upto, int)
        assert isinstance(also, list)
        named = {n for a, b in [(1, upto), *also] for n in range(a, b + 1)}
        assert set(batch) <= named <= sent
    assert server.stored == sorted(sent)
    server.store.close()


@given(some.lists(some.tuples(some.integers(1, 50), some.integers(0, 9))))
def test_ranges_merged_hold_the_same(pairs: list[tuple[int, int]]) -> None:
    ranges = [(first, first + more) for first, more in pairs]
    held = {n for a, b in ranges for n in range(a, b + 1)}
    assert {n for a, b in merge(ranges) for n in range(a, b + 1)} == held
