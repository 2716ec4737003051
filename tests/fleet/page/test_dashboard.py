"""The fleet's page: who may see it, what it answers, and how it looks in a browser."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.fleet.alerts.watch import Watch
from appliance.fleet.keeping.store import Store, Told
from appliance.fleet.people import audit
from appliance.fleet.rollouts import bundles, rollouts
from appliance.fleet.serve import Fleet, Ports
from appliance.telemetry.wire import Message
from tests.console.visiting import missing
from tests.fleet.offices import Office
from tests.ports import free_port
from tests.telemetry.brokers import needs_mosquitto

BOOT = "0123456789abcdef"


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
def office(tmp_path: Path, store: Store) -> Iterator[Office]:
    made = Office(tmp_path, store)
    yield made
    made.close()


def test_it_answers_what_it_is_asked(office: Office, store: Store) -> None:
    Watch(store).turn()
    page = office.client("viewer")
    found = page.get("/data/overview").json()
    assert (found["boxes"], [each["cause"] for each in found["attention"]]) == (120, ["gsm is off"])
    assert page.get("/data/boxes?page=2&q=box").json()["page"] == 2
    assert page.get("/data/boxes?page=x&q=%00").json()["page"] == 0
    assert page.get("/data/box/box-00007").json()["faults"][0]["cause"] == "gsm is off"
    assert page.get("/data/box/nobody").status_code == 404


def test_a_rollout_is_shown_and_steered(office: Office, store: Store) -> None:
    page, viewer = office.client("operator"), office.client("viewer")
    assert page.get("/data/overview").json()["rollout"] is None
    made = bundles.make(store, office.pieces, "new words", desk='name = "A"\n')
    id = rollouts.start(store, made.version)
    shown = page.get("/data/overview").json()["rollout"]
    assert (shown["id"], shown["state"], shown["bundle"]["hash"]) == (id, "scheduled", made.hash)
    assert viewer.get(f"/api/1/rollouts/{id}").json()["plan"]["waves"] == [[5, 20], [25, 50], [100, 100]]
    assert [each["id"] for each in viewer.get("/api/1/rollouts").json()["items"]] == [id]
    assert viewer.post(f"/api/1/rollouts/{id}/steer", json={"do": "stop"}).status_code == 403
    assert office.client("operator", ["north"]).get(f"/api/1/rollouts/{id}").status_code == 403
    assert office.client("operator", ["north"]).get("/data/overview").json()["rollout"] is None
    for do, status in (("pause", 200), ("approve", 422), ("burn", 400), ("stop", 200)):
        answer = page.post(f"/api/1/rollouts/{id}/steer", json={"do": do})
        assert answer.status_code == status, (do, answer.text)
    for number in ("99", "x", "9" * 40):
        assert page.get(f"/api/1/rollouts/{number}").status_code == 404
    assert page.get(f"/rollout/{id}").status_code == 200


def test_an_admin_begins_a_rollout_of_a_new_desk_file(office: Office, store: Store) -> None:
    admin = office.client("admin")
    made = admin.post("/api/1/bundles", json={"name": "winter", "desk": 'name = "A"\n'})
    assert (made.status_code, made.json()["parts"]) == (201, {"desk": 11})
    assert admin.post("/api/1/bundles", json={"name": "x", "desk": "no [toml"}).status_code == 422
    version = made.json()["version"]
    assert [each["version"] for each in admin.get("/api/1/bundles").json()["items"]] == [version]
    asked = {
        "bundle": version,
        "waves": [[10, 50], [100, 100]],
        "soak": 60,
        "site": "Site 07",
        "approve": True,
    }
    later = store.now() + 3_600_000
    for who in (office.client("operator"), office.client("admin", ["north"])):
        assert who.post("/api/1/rollouts", json=asked).status_code == 403
    for wrong in ({"waves": [[50, 50], [10, 100]]}, {"bundle": 99}, {"site": "nowhere"}):
        assert admin.post("/api/1/rollouts", json=asked | wrong).status_code == 422
    begun = admin.post("/api/1/rollouts", json={**asked, "begins": later})
    told = begun.json()
    assert (begun.status_code, told["state"], told["begins"], told["by"]) == (
        201, "scheduled", later, "anna by a token",
    )  # fmt: skip
    assert told["plan"] == {
        "waves": [[10, 50], [100, 100]], "soak": 60, "calls": 50, "approve": True, "site": "Site 07",
    }  # fmt: skip
    assert admin.post("/api/1/rollouts", json=asked).status_code == 422  # These boxes have one.
    assert admin.get("/api/1/rollouts?size=1&page=1").json()["items"] == []


def test_pages_bear_no_script_of_their_own_and_no_other_site(office: Office) -> None:
    page = office.client("admin")
    for path in (
        "/",
        "/box/box-00001",
        "/alerts",
        "/rollouts",
        "/questions",
        "/settings",
        "/audit",
        "/fleet.js",
        "/data/overview",
    ):
        answer = page.get(path)
        assert answer.status_code == 200
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "<script>" not in answer.text
        assert "style=" not in answer.text


def test_what_prometheus_reads(office: Office, store: Store) -> None:
    Watch(store).turn()
    store.count({"stored": 3, "replayed": 1})
    answer = office.client("viewer").get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    for line in (
        "fleet_boxes 120",
        "fleet_boxes_here 120",
        'fleet_calls_today{outcome="failed"} 1',
        'fleet_attention_boxes{cause="gsm is off",severity="critical"} 1',
        'fleet_messages_total{what="stored"} 3',
    ):
        assert line in lines
    assert office.client().get("/metrics").status_code == 401
    assert "fleet_messages_total" not in office.client("viewer", ["north"]).get("/metrics").text


async def visit(fleet: Fleet, steps: list[list[object]], **more: Any) -> dict[str, Any]:
    """What came of a visit to the page in chromium: see visit.js."""
    asked = {"url": fleet.url, "chromium": shutil.which("chromium"), "steps": steps, **more}
    script = Path(__file__).parents[2] / "console" / "visit.js"
    node = await asyncio.create_subprocess_exec(
        "node", str(script), json.dumps(asked), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(node.communicate(), 60)
    told: dict[str, Any] = json.loads(out)
    assert "failed" not in told, told
    assert told["complaints"] == []
    return told


SLOW = """(() => {
  const whole = window.fetch;
  const held = new Promise((go) => (window.go = go));
  window.fetch = async (where, how) => {
    if (where.includes("q=nobody")) await held;
    return whole(where, how);
  };
})()"""
"""The answer to one search waits for `go()`."""


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
        ["evaluate", "held", SLOW],
        ["fill", "#text", "nobody"],
        ["wait", 0.5],
        ["fill", "#text", "site 07"],
        ["wait", 0.5],
        ["evaluate", "went on", "window.go(), 'on'"],
        ["wait", 0.3],
        ["evaluate", "rows", "document.querySelectorAll('#boxes tr').length"],
        ["see", ".pages", "page 1 of 1, 3 boxes"],
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
        ["see", "#commands", "Run the doctor queued"],
        ["see", "#timeline", "gsm is off"],
        ["focus", "#deeds button:has-text('Lock')"],
        ["key", "Enter"],
        ["see", "#sure", "Turn away"],
        ["key", "Escape"],
        ["focus", "#deeds button:has-text('Restart')"],
        ["key", "Enter"],
        ["see", "#sure", "once no call"],
        ["key", "Enter"],
        ["see", "#commands li:first-child", "Restart the program queued"],
        ["evaluate", "asked for", "document.querySelectorAll('#commands li').length"],
        ["evaluate", "large", "window.fetch = async () => new Response('Too much.', {status: 413}), 'large'"],
        ["see", "#verdict", "Too much."],
        ["evaluate", "said", "document.querySelector('#verdict').textContent"],
        ["evaluate", "off", "window.fetch = () => Promise.reject(new TypeError()), 'off'"],
        ["see", "#verdict", "does not answer"],
        ["see", ".pages", "does not answer"],
    ]
    told = await visit(fleet, steps, dark=True, viewport={"width": 390, "height": 800})
    assert told["readings"].pop("chosen").startswith("Site ")
    assert told["readings"].pop("large") == "large"
    assert told["readings"].pop("said") == "Too much."
    assert told["readings"].pop("off") == "off"
    assert told["readings"].pop("went on") == "on"
    assert told["readings"].pop("rows") == 3
    assert told["readings"] == {"fits": True, "reached": "box-00007", "box fits": True, "asked for": 2}
    assert all(url.startswith(fleet.url) for url in told["asked"])


@needs_mosquitto
@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
async def test_the_first_admin_comes_in_and_looks_after_the_fleet_in_a_browser(tmp_path: Path) -> None:
    ports = Ports(free_port(), free_port(), free_port())
    async with Fleet(tmp_path / "f", "127.0.0.1", ports) as fleet:
        fill(fleet.store, 12)
        bundles.make(fleet.store, fleet.pieces, "winter", desk='name = "A"\n')
        code = fleet.house.pairing.code()
        wide = "document.documentElement.scrollWidth <= innerWidth"
        steps: list[list[object]] = [
            ["see", "#title", ""],
            ["fill", "#pair [name=code]", code],
            ["fill", "#pair [name=name]", "anna"],
            ["fill", "#pair [name=password]", "four words are enough"],
            ["press", "#pair button"],
            ["see", "#causes", "gsm is off"],
            ["press", "#causes button"],
            ["see", "#causes", "anna has it in hand"],
            ["press", "nav a:has-text('Alerts')"],
            ["see", "#alerts", "anna has it in hand"],
            ["evaluate", "alerts fit", wide],
            ["fill", "#why", "it is being mended"],
            ["press", "#silence button"],
            ["see", "#silences", "it is being mended"],
            ["press", "nav a:has-text('Settings')"],
            ["fill", "[aria-label='Group of Site 07']", "north"],
            ["key", "Enter"],
            ["see", "#verdict", "Site 07: north"],
            ["fill", "#name", "ops"],
            ["fill", "#target", "https://example.org/hook"],
            ["press", "#add button"],
            ["see", "#secret", "shown once"],
            ["fill", "[aria-label='disk: fires']", "95"],
            ["press", "tr:has-text('disk') button"],
            ["see", "#verdict", "disk: saved"],
            ["evaluate", "settings fit", wide],
            ["press", "nav a:has-text('Rollouts')"],
            ["see", "#bundle", "winter"],
            ["evaluate", "rollouts fit", wide],
            ["focus", "#bundle"],
            ["key", "ArrowDown"],
            ["press", "#begin button"],
            ["see", "#name", "Rollout 1: winter"],
            ["see", "#deeds", "Pause"],
            ["press", "nav a:has-text('Changes')"],
            ["see", "#changes", "rule.changed"],
            ["press", "#verify"],
            ["see", "#whole", "It is whole: 8 changes"],
            ["evaluate", "changes fit", wide],
            ["press", "nav button"],
            ["see", "#enter", "Password"],
        ]
        told = await visit(fleet, steps, viewport={"width": 390, "height": 800})
        assert set(told["readings"]) == {
            f"{page} fit" for page in ("alerts", "settings", "rollouts", "changes")
        }
        assert all(told["readings"].values()), told["readings"]
        done = [entry.what for entry in audit.entries(fleet.store)]
    assert done == [
        "bundle.made", "account.first", "alert.acknowledged", "silence.began", "site.assigned",
        "route.added", "rule.changed", "rollout.started", "session.ended",
    ]  # fmt: skip


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
