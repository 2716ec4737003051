"""What is shown of the fleet: the whole, a box, its log and its timeline."""

from __future__ import annotations

from appliance.fleet.line import dispatch
from appliance.fleet.line.source import Received
from appliance.fleet.page import lists, views
from appliance.fleet.people.scope import ALL
from appliance.telemetry import wire
from appliance.telemetry.wire import Message
from tests.fleet.stored import BOOT, NOW, Server, fault


def test_what_a_box_tells_is_on_the_page(server: Server) -> None:
    call = {"call": "a", "channel": "gsm", "outcome": "failed", "seconds": 20.0}
    server.worker.take([Received(wire.state_topic("lobby"), b'{"online": true}')])
    server.take(
        Message(BOOT, 1, NOW, "began", {"version": "1.2", "desk": "aa"}),
        Message(BOOT, 2, NOW, "health", {"temperature": 85.0, "calls": 2, "oldest": 5}),
        Message(BOOT, 3, NOW, "fault", {"what": "gsm", "on": False, "why": "no modem"}),
        Message(BOOT, 4, NOW, "call", call),
        Message(BOOT, 5, NOW, "turn", {"call": "a", "n": 2, "wait": 800}),
    )
    found = views.overview(server.store)
    assert (found["boxes"], found["online"], found["calls"], found["failed"]) == (2, 1, 2, 1)
    assert found["latency"]["n"] == 1
    assert abs(found["latency"]["p95"] - 800) < 25
    box = views.box(server.store, "lobby")
    assert box
    assert (box["version"], box["faults"][0]["why"]) == ("1.2", "no modem")
    [call] = lists.told(server.store, ALL, "call", 9, 0, "lobby")
    assert (call["outcome"], call["at"]) == ("failed", NOW)
    told = [each["kind"] for each in lists.happened(server.store, ALL, "lobby", 9, 0)]
    assert told == ["fault", "began"]
    assert lists.happened(server.store, ALL, "lobby", 1, 1)[0]["kind"] == "began"
    assert views.turns(server.store, "lobby", "a")[0]["wait"] == 800
    server.take(fault(6, on=True))
    box = views.box(server.store, "lobby")
    assert box
    assert [each["cause"] for each in box["faults"]] == ["too hot"]


def test_no_box_tells_in_the_name_of_another(server: Server) -> None:
    call = {"call": "a", "channel": "gsm", "outcome": "failed", "seconds": 20.0}
    server.take(Message(BOOT, 1, NOW, "call", {**call, "box": "kitchen", "site": "South", "at": 1}))
    fault = {"what": "gsm", "on": False, "kind": "answer"}
    server.take(Message(BOOT, 2, NOW, "fault", fault))
    [told] = lists.told(server.store, ALL, "call", 9, 0)
    assert (told["box"], told["site"], told["at"]) == ("lobby", "North", NOW)
    assert [each["kind"] for each in lists.happened(server.store, ALL, "lobby", 9, 0)] == ["fault"]


def test_an_answer_on_the_timeline_bears_what_was_asked(server: Server) -> None:
    id = dispatch.ask(server.store, "lobby", "doctor")
    server.take(Message(BOOT, 1, NOW, "answer", {"id": id, "state": "done", "result": "fine"}))
    [told] = lists.happened(server.store, ALL, "lobby", 9, 0)
    assert (told["kind"], told["do"], told["state"]) == ("answer", "doctor", "done")


def test_a_log_comes_in_pieces_in_its_order(server: Server) -> None:
    many = 2 * views.PARTS + 3
    told = [
        Message(BOOT, seq, NOW, "log", {"id": "x", "part": seq, "parts": many, "lines": [f"line {seq}"]})
        for seq in range(1, many + 1)
    ]
    server.take(*reversed(told))
    lines, last, more = [], 0, True
    while more:
        found = views.log(server.store, "lobby", "x", last)
        assert len(found["lines"]) <= views.PARTS
        lines, last, more = [*lines, *found["lines"]], found["last"], found["more"]
    assert lines == [f"line {seq}" for seq in range(1, many + 1)]
    assert views.log(server.store, "lobby", "x", last) == {"lines": [], "last": many, "more": False}


def test_boxes_come_by_the_page_the_bad_ones_first(server: Server) -> None:
    with server.store.write() as db:
        db.executemany("insert into box (name, since) values (?, 0)", [(f"box-{n:03}",) for n in range(120)])
    server.worker.take(
        [Received(wire.state_topic(f"box-{n:03}"), b'{"online": true}') for n in range(1, 120)]
    )
    first = views.boxes(server.store)
    assert (first["pages"], first["total"], len(first["boxes"])) == (3, 122, 50)
    assert [box["name"] for box in first["boxes"][:3]] == ["box-000", "kitchen", "lobby"]
    assert [box["name"] for box in views.boxes(server.store, text="kit%_")["boxes"]] == []
    assert views.boxes(server.store, text="NORTH")["total"] == 2
    assert len(views.boxes(server.store, page=2)["boxes"]) == 22
