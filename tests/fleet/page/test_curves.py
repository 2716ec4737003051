"""How a box did over time: sums of an hour, and the points that are made of them."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance.fleet.keeping import histogram
from appliance.fleet.keeping.hourly import HOUR
from appliance.fleet.keeping.store import HOURS, Told
from appliance.fleet.page import curves
from appliance.fleet.page.curves import RANGES
from appliance.fleet.people import scope
from appliance.fleet.serve import Fleet
from appliance.telemetry.wire import Message
from tests.console.visiting import missing
from tests.fleet.offices import Office
from tests.fleet.page.test_dashboard import fill, visit
from tests.fleet.stored import NOW, Server
from tests.telemetry.brokers import needs_mosquitto

BOOT = "0123456789abcdef"
LAST = NOW // HOUR * HOUR


def told(server: Server, *what: tuple[int, str, dict[str, Any]], device: str = "lobby") -> None:
    messages = [
        Message(BOOT, number, at, kind, data) for number, (at, kind, data) in enumerate(what, start=1)
    ]
    server.take(*messages, device=device)


def call(outcome: str) -> dict[str, Any]:
    return {"call": "a", "channel": "gsm", "outcome": outcome, "seconds": 9.0}


def waited(wait: int) -> dict[str, Any]:
    return {"call": "a", "n": 1, "intent": "hours", "wait": wait}


def at(found: dict[str, Any], when: int) -> dict[str, Any]:
    """What a point has."""
    here = found["at"].index(when)
    return {name: line[here] for name, line in found.items() if isinstance(line, list)}


def test_each_hour_has_its_calls_its_answers_and_how_the_machine_was(server: Server) -> None:
    before = LAST - HOUR
    told(
        server,
        (before, "health", {"cpu": 20.0, "temperature": 50.0, "memory": 40.0}),
        (before + 60_000, "health", {"cpu": 50.0, "temperature": 71.4, "memory": None}),
        (before + 70_000, "call", call("answered")),
        (before + 80_000, "call", call("failed")),
        (before + 90_000, "call", call("crash")),
        (before + 95_000, "turn", waited(800)),
        (LAST, "health", {"temperature": 48.0}),
    )
    told(server, (before, "call", call("failed")), device="kitchen")
    found = curves.curves(server.store, "lobby", "day")
    wait = histogram.middle(histogram.bucket(800))
    assert at(found, before) == {
        "at": before, "p50": round(wait), "p95": round(wait), "calls": 3, "failed": 2,
        "temperature": 71.4, "cpu": 35.0, "memory": 40.0,
    }  # fmt: skip
    assert at(found, LAST) == {
        "at": LAST, "p50": None, "p95": None, "calls": 0, "failed": 0,
        "temperature": 48.0, "cpu": None, "memory": None,
    }  # fmt: skip
    assert set(at(found, before - HOUR).values()) == {before - HOUR, None}


def test_what_comes_late_or_again_counts_once_in_its_own_hour(server: Server) -> None:
    then = LAST - 5 * HOUR
    new = Message(BOOT, 2, LAST, "health", {"cpu": 10.0})
    old = Message(BOOT, 1, then, "health", {"cpu": 90.0})
    for message in (new, old, old, new):
        server.take(message)
    found = curves.curves(server.store, "lobby", "day")
    assert (at(found, then)["cpu"], at(found, LAST)["cpu"]) == (90.0, 10.0)
    assert server.store.read("select n from hourly order by at") == [(1,), (1,)]


@pytest.mark.parametrize("span", RANGES)
def test_a_range_is_one_answer_of_three_hundred_points_at_the_most(server: Server, span: str) -> None:
    found = curves.curves(server.store, "lobby", span)
    assert len(found["at"]) <= 300
    assert len({len(line) for line in found.values() if isinstance(line, list)}) == 1
    assert {after - before for before, after in zip(found["at"], found["at"][1:], strict=False)} == {
        found["step"]
    }
    assert found["at"][-1] <= NOW < found["at"][-1] + found["step"]


def test_hours_are_kept_for_two_years(server: Server) -> None:
    told(server, (LAST, "health", {"cpu": 1.0}), (LAST, "call", call("done")))
    server.time += HOURS / 1000 - 3600
    server.store.prune()
    assert server.store.read("select count(*) from hourly") == [(2,)]
    server.time += 7200
    while server.store.prune():
        pass
    assert server.store.read("select count(*) from hourly") == [(0,)]


@settings(max_examples=8, deadline=None)
@given(some.lists(some.tuples(some.integers(0, 29 * 24), some.integers(1, 60_000)), min_size=1, max_size=80))
def test_a_percentile_of_a_point_is_that_of_its_hours_added_up(answers: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(Server(Path(folder) / "fleet.db").store) as store:
        turns = [
            Message(BOOT, number, LAST - back * HOUR, "turn", waited(wait))
            for number, (back, wait) in enumerate(answers, start=1)
        ]
        store.commit([Told("lobby", turn, NOW) for turn in turns])
        for span, (hours, _) in RANGES.items():
            found = curves.curves(store, "lobby", span)
            for point in found["at"]:
                counts = Counter(
                    histogram.bucket(wait)
                    for back, wait in answers
                    if point <= LAST - back * HOUR < point + hours * HOUR
                )
                for name, share in (("p50", 0.5), ("p95", 0.95)):
                    wanted = histogram.percentile(counts, share)
                    assert at(found, point)[name] == (wanted if wanted is None else round(wanted))


def test_curves_are_for_who_sees_the_box(office: Office) -> None:
    scope.assign(office.store, ["Site 07"], "north")
    for client, status in (
        (office.client("viewer"), 200),
        (office.client("viewer", ["north"]), 200),
        (office.client("admin", ["south"]), 404),
        (office.client(), 401),
    ):
        assert client.get("/api/1/boxes/box-00007/curves?range=week").status_code == status
    viewer = office.client("viewer")
    found = viewer.get("/api/1/boxes/box-00007/curves").json()
    assert (found["range"], found["target"], found["calls"][-1], found["failed"][-1]) == ("day", 900, 1, 1)
    assert viewer.get("/api/1/boxes/nobody/curves").status_code == 404
    refused = viewer.get("/api/1/boxes/box-00007/curves?range=year")
    assert (refused.status_code, refused.json()["detail"]) == (400, "range is one of: day, week, month")
    described = viewer.get("/api/1/openapi.json").json()["paths"]["/boxes/{box}/curves"]["get"]
    assert described["parameters"][-1]["schema"]["enum"] == ["day", "week", "month"]


@needs_mosquitto
@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
@pytest.mark.parametrize("dark", [False, True])
async def test_curves_are_drawn_and_told_in_numbers_on_a_phone(fleet: Fleet, dark: bool) -> None:
    fill(fleet.store, 8)
    now = fleet.store.now()
    health = Message(BOOT, 4, now - 30 * HOUR, "health", {"cpu": 31.0, "temperature": 64.2, "memory": 40.0})
    fleet.store.commit([Told("box-00007", health, now)])
    painted = """[...document.querySelectorAll("#curves canvas")].map((canvas) => canvas.getContext("2d")
      .getImageData(0, 0, canvas.width, canvas.height).data.some((part) => part > 0))"""
    steps: list[list[object]] = [
        ["press", "#boxes a:has-text('box-00007')"],
        ["see", "#curves .u-legend", "95 of 100"],
        ["see", "#curves", "Nothing was told in this time."],
        ["press", "details summary:has-text('In numbers')"],
        ["see", "#numbers", "Of these failed1"],
        ["focus", "#ranges button:has-text('week')"],
        ["key", "Enter"],
        ["see", "#numbers", "64.2 °C"],
        ["see", "#curves .u-legend", "heat, the highest"],
        ["wait", 0.3],
        ["evaluate", "painted", painted],
        [
            "evaluate",
            "said",
            "document.querySelector('#curves figure:last-child [role=img]').getAttribute('aria-label')",
        ],
        ["evaluate", "fits", "document.documentElement.scrollWidth <= innerWidth"],
    ]
    told = await visit(fleet, steps, dark=dark, viewport={"width": 390, "height": 800})
    assert told["readings"] == {
        "painted": [True, True, True],
        "said": "How the machine was: last heat, the highest 64.2 °C, processor 31 %, memory 40 %. "
        "All of it is below, in numbers.",
        "fits": True,
    }
    assert all(url.startswith(fleet.url) for url in told["asked"])
