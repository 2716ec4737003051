"""The fleet's page: who may see it, what it answers, and how it looks in a browser."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from appliance.fleet.authority import Authority
from appliance.fleet.dashboard import Dashboard
from appliance.fleet.serve import Fleet
from appliance.fleet.store import Store, Told
from appliance.telemetry.wire import Message
from tests.console.visiting import missing
from tests.telemetry.brokers import needs_mosquitto

BOOT = "0123456789abcdef"
HOST = "http://127.0.0.1:8090"
OWN = {"origin": HOST}


def fill(store: Store, count: int) -> None:
    now = store.now()
    with store.write() as db:
        db.executemany(
            "insert into box (name, site, since, online, seen, desk) values (?, ?, 0, 1, ?, 'aa')",
            [(f"box-{n:05}", f"Site {n % 40:02}", now) for n in range(count)],
        )
    told = [
        Message(BOOT, 1, now, "fault", {"what": "gsm", "on": False, "why": "<script>alert(1)</script>"}),
        Message(BOOT, 2, now, "turn", {"call": "a", "n": 2, "intent": "hours", "heard": 900, "wait": 1200}),
        Message(BOOT, 3, now, "call", {"call": "a", "channel": "gsm", "outcome": "failed", "seconds": 9.0}),
    ]
    store.commit([Told("box-00007", message, now) for message in told])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "fleet.db")
    fill(made, 120)
    yield made
    made.close()


@pytest.fixture
def page(tmp_path: Path, store: Store) -> TestClient:
    return TestClient(Dashboard(store, Authority(tmp_path / "keys")).app(), HOST)


def test_it_answers_what_it_is_asked(page: TestClient) -> None:
    assert page.get("/data/overview").json()["boxes"] == 120
    assert page.get("/data/boxes?page=2&q=box").json()["page"] == 2
    assert page.get("/data/boxes?page=x&q=%00").json()["page"] == 0
    assert page.get("/data/box/box-00007").json()["latest"][0]["outcome"] == "failed"
    assert page.get("/data/box/box-00007/calls/a").json()[0]["wait"] == 1200
    assert page.get("/data/box/nobody").status_code == 404


def test_a_command_is_queued_and_what_is_none_is_not(page: TestClient, store: Store) -> None:
    asked = page.post("/data/box/box-00001/commands", json={"do": "doctor"}, headers=OWN)
    assert store.read("select id, state from command") == [(asked.json()["id"], "queued")]
    for name, body in (("box-00001", {"do": "rm"}), ("nobody", {"do": "doctor"})):
        answer = page.post(f"/data/box/{name}/commands", json=body, headers=OWN)
        assert (answer.status_code, "wrong" in answer.json()) == (422, True)
    for content, status in ((b"{", 400), (b"[]", 400), (b"x" * 700_000, 413)):
        assert page.post("/data/box/box-00001/desk", content=content, headers=OWN).status_code == status


def test_only_this_machine_and_only_the_page_itself(page: TestClient) -> None:
    for host in ("fleet.example", "192.0.2.7", "127.0.0.1.example", "["):
        assert page.get("/data/overview", headers={"host": host}).status_code == 421
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
        asked = page.post("/data/box/box-00001/commands", json={"do": "restart"}, headers=headers)
        assert asked.status_code == 403
    for path in ("/", "/box/box-00001", "/fleet.js", "/data/overview"):
        answer = page.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")


async def visit(fleet: Fleet, steps: list[list[object]], **more: Any) -> dict[str, Any]:
    """What came of a visit to the page in chromium: see visit.js."""
    asked = {"url": fleet.url, "chromium": shutil.which("chromium"), "steps": steps, **more}
    script = Path(__file__).parent.parent / "console" / "visit.js"
    node = await asyncio.create_subprocess_exec(
        "node", str(script), json.dumps(asked), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(node.communicate(), 60)
    told: dict[str, Any] = json.loads(out)
    assert "failed" not in told, told
    assert told["complaints"] == []
    return told


@needs_mosquitto
@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
async def test_the_pages_work_in_a_browser_by_keyboard_and_on_a_phone(fleet: Fleet) -> None:
    fill(fleet.store, 120)
    wide = "document.documentElement.scrollWidth <= innerWidth"
    steps: list[list[object]] = [
        ["see", "#causes", "gsm is off"],
        ["see", "#boxes", "box-00007"],
        ["see", "#failed", "1"],
        ["evaluate", "fits", wide],
        ["see", "#sites-legend", "40 sites"],
        ["focus", "#sites [tabindex='0']"],
        ["key", "ArrowRight"],
        ["key", "Enter"],
        ["evaluate", "chosen", "document.querySelector('#text').value"],
        ["focus", "#text"],
        ["fill", "#text", "site 07"],
        ["see", "#page", "page 1 of 1, 3 boxes"],
        ["see", "#boxes", "box-00007"],
        [
            "evaluate",
            "reached",
            "document.querySelector('#boxes a').focus(), document.activeElement.textContent",
        ],
        ["key", "Enter"],
        ["see", "#faults", "<script>"],
        ["evaluate", "box fits", wide],
        ["press", "#calls summary"],
        ["see", ".fall", "1,200 ms"],
        ["focus", "#deeds button"],
        ["key", "Enter"],
        ["see", "#commands", "Run the doctor: queued"],
    ]
    told = await visit(fleet, steps, dark=True, viewport={"width": 390, "height": 800})
    assert told["readings"].pop("chosen").startswith("Site ")
    assert told["readings"] == {"fits": True, "reached": "box-00007", "box fits": True}
    assert all(url.startswith(fleet.url) for url in told["asked"])


FRAMES = """window.longest = 0; window.last = performance.now();
(function next(now) {
  window.longest = Math.max(window.longest, now - window.last);
  window.last = now;
  requestAnimationFrame(next);
})(performance.now())"""


@pytest.mark.slow
@needs_mosquitto
@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
async def test_ten_thousand_boxes_are_on_the_page_within_a_second(fleet: Fleet) -> None:
    fill(fleet.store, 10_000)
    now = fleet.store.now()
    with fleet.store.write() as db:
        outcomes = [(now // 86_400_000, box, "answered", 12) for box in range(1, 10_001)]
        db.executemany("insert or ignore into outcome values (?, ?, ?, ?)", outcomes)
        for span, count in ((60_000, 1440), (3_600_000, 24)):
            times = [(now - span * back) // span * span for back in range(count)]
            rows = [(0, span, at, bucket, 20) for at in times for bucket in range(280, 360)]
            db.executemany("insert or ignore into latency values (?, ?, ?, ?, ?)", rows)
    await asyncio.sleep(3)
    steps: list[list[object]] = [
        ["see", "#of-boxes", "10,000"],
        ["see", "#boxes", "box-00007"],
        ["evaluate", "there after", "Math.round(performance.now())"],
        ["see", "#sites-legend", "40 sites"],
        ["evaluate", "watching", FRAMES],
        ["wait", 12],
        ["evaluate", "longest frame", "Math.round(window.longest)"],
    ]
    readings = (await visit(fleet, steps))["readings"]
    print(readings)
    assert readings["there after"] < 1000
    assert readings["longest frame"] < 100
