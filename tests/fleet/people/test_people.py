"""Who may what on the fleet's page."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import sqlite3
import ssl
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest

from appliance.fleet.keeping.store import HOUR, Store
from appliance.fleet.membership import door
from appliance.fleet.page import dashboard
from appliance.fleet.people import audit, scope
from appliance.fleet.serve import Fleet, Page, Ports
from tests.fleet.offices import HOST, PASSWORD, Office
from tests.ports import free_port
from tests.telemetry.brokers import needs_mosquitto


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    store = Store(tmp_path / "fleet.db")
    now = store.now()
    with store.write() as db:
        for name, site in (("lobby", "Alder"), ("kitchen", "Alder"), ("desk", "Birch"), ("lost", "")):
            db.execute(
                "insert into box (name, site, since, online, seen) values (?, ?, 0, 1, ?)", (name, site, now)
            )
            box = db.execute("select max(id) from box").fetchone()
            db.execute("insert into outcome values (?, ?, 'answered', 3)", (now // 86_400_000, *box))
        for box in range(5):
            db.execute("insert into latency values (?, ?, ?, 300, 10)", (box, HOUR, now // HOUR * HOUR))
    scope.assign(store, ["Alder"], "north")
    scope.assign(store, ["Birch"], "south")
    made = Office(tmp_path, store)
    yield made
    made.close()
    store.close()


def done(office: Office) -> list[tuple[str, str, str]]:
    return [(entry.who, entry.what, entry.about) for entry in audit.entries(office.store)][2:]


def test_a_stranger_is_shown_the_way_in_and_nothing_else(office: Office) -> None:
    stranger = office.client()
    shown = stranger.get("/", headers={"accept": "text/html"}, follow_redirects=False)
    assert (shown.status_code, shown.headers["location"]) == (303, "/access/enter.html?to=/")
    for path in (
        "/data/overview", "/data/boxes", "/data/box/lobby", "/events", "/metrics", "/audit.jsonl",
        "/api/1/boxes", "/api/1/openapi.json", "/api/1/audit",
    ):  # fmt: skip
        assert stranger.get(path).status_code == 401, path
    stranger.headers["authorization"] = "Bearer tok_nothing"
    assert stranger.get("/data/overview").status_code == 401


def test_by_password_and_second_factor(office: Office) -> None:
    browser = office.browser()
    assert browser.post("/access/enter", json={"name": "anna", "password": "guess"}).status_code == 422
    assert browser.post("/access/enter", json={"name": "anna", "password": PASSWORD}).status_code == 200
    assert browser.get("/data/overview").json()["boxes"] == 4
    asked = browser.post("/access/second/propose", json={"password": PASSWORD}).json()
    code = pyotp.TOTP(asked["secret"]).now()
    assert browser.post("/access/second/confirm", json={"code": code}).status_code == 200
    assert browser.post("/access/leave", json={}).status_code == 200
    assert browser.get("/data/overview").status_code == 401
    without = browser.post("/access/enter", json={"name": "anna", "password": PASSWORD})
    assert without.status_code == 422
    assert done(office) == [
        ("anna", "session.began", "anna"),
        ("anna", "account.second", "anna"),
        ("anna", "session.ended", "anna"),
    ]


def test_another_page_in_the_same_browser_changes_nothing(office: Office) -> None:
    browser = office.browser()
    browser.post("/access/enter", json={"name": "anna", "password": PASSWORD})
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": HOST, "sec-fetch-site": "cross-site"},
    ):
        asked = browser.post("/api/1/boxes/lobby/commands", json={"do": "restart"}, headers=headers)
        assert asked.status_code == 403
    for host in ("fleet.example", "192.0.2.7", "127.0.0.1.example"):
        assert browser.get("/data/overview", headers={"host": host}).status_code == 421
    assert office.store.read("select count(*) from command") == [(0,)]
    asked = browser.post("/api/1/boxes/lobby/commands", json={"do": "restart"})
    assert asked.status_code == 202
    assert done(office)[-1] == ("anna", "command.queued", "lobby")


@pytest.mark.parametrize(
    ("role", "codes"),
    [
        ("viewer", [200, 403, 403, 403, 403]),
        ("operator", [200, 202, 403, 403, 403]),
        ("admin", [200, 202, 204, 200, 200]),
    ],
)
def test_each_role_may_what_it_is_for(office: Office, role: str, codes: list[int]) -> None:
    client = office.client(role)
    assert codes == [
        client.get("/data/box/lobby").status_code,
        client.post("/api/1/boxes/lobby/commands", json={"do": "doctor"}).status_code,
        client.delete("/api/1/boxes/lobby").status_code,
        client.get("/api/1/audit").status_code,
        client.get("/audit.jsonl").status_code,
    ]


def test_what_is_of_another_group_is_not_there(office: Office) -> None:
    north = office.client("admin", ["north"])
    found = north.get("/data/overview").json()
    assert (found["boxes"], found["today"]) == (2, {"answered": 6})
    assert (found["latency"]["n"], [hour["n"] for hour in found["hours"]]) == (20, [20])
    names = [box["name"] for box in north.get("/data/boxes").json()["boxes"]]
    assert names == ["kitchen", "lobby"]
    assert [box["name"] for box in north.get("/api/1/boxes").json()["items"]] == names
    assert [each["site"] for each in north.get("/api/1/sites").json()["items"]] == ["Alder"]
    for other in ("desk", "lost", "nobody"):
        for path in ("", "/calls", "/commands", "/desired", "/calls/a/turns", "/logs/a", "/timeline"):
            assert north.get(f"/api/1/boxes/{other}{path}").status_code == 404
        assert north.get(f"/data/box/{other}").status_code == 404
        assert north.post(f"/api/1/boxes/{other}/commands", json={"do": "mute"}).status_code == 404
        assert north.put(f"/api/1/boxes/{other}/desired", json={"desk": ""}).status_code == 404
        assert north.delete(f"/api/1/boxes/{other}").status_code == 404
    for method, path, body in (
        ("get", "/api/1/audit", None),
        ("get", "/audit.jsonl", None),
        ("get", "/api/1/routes", None),
        ("put", "/api/1/sites", {"sites": ["Birch"], "group": "north"}),
        ("patch", "/api/1/rules/disk", {"fires": 99}),
        ("post", "/api/1/invitations", {"names": ["new"], "site": "Birch"}),
        ("post", "/api/1/silences", {"minutes": 5}),
    ):
        assert north.request(method, path, json=body).status_code == 403, path
    assert north.post("/api/1/invitations", json={"names": ["new"], "site": "Alder"}).status_code == 201
    assert north.post("/api/1/silences", json={"minutes": 5, "site": "Alder"}).status_code == 201


def test_nobody_takes_a_box_of_another_group_by_its_name(office: Office) -> None:
    """What was told of it would be his, or a box that was invited would find its code used up."""
    everybody, north = office.client("admin"), office.client("admin", ["north"])
    assert everybody.delete("/api/1/boxes/desk").status_code == 204
    asked = {"names": ["late"], "site": "Birch"}
    assert everybody.post("/api/1/invitations", json=asked).status_code == 201
    for name in ("desk", "late"):
        asked = {"names": ["fresh", name], "site": "Alder"}
        assert north.post("/api/1/invitations", json=asked).status_code == 403
    assert everybody.delete("/api/1/boxes/lobby").status_code == 204
    assert north.post("/api/1/invitations", json={**asked, "names": ["lobby"]}).status_code == 201


def test_accounts_of_other_groups_are_not_there(office: Office) -> None:
    office.house.accounts.add("ben", "viewer", PASSWORD, ["north"])
    office.house.accounts.add("carl", "viewer", PASSWORD, ["south"])
    assert [
        each["name"] for each in office.client("admin", ["north"]).get("/api/1/accounts").json()["items"]
    ] == ["ben"]
    assert len(office.client("admin").get("/api/1/accounts").json()["items"]) == 3


def test_what_is_changed_of_accounts_is_written_down_and_no_password(office: Office) -> None:
    browser = office.browser()
    browser.post("/access/enter", json={"name": "anna", "password": PASSWORD})
    new = {
        "name": "Ben",
        "role": "viewer",
        "scope": ["north"],
        "new": "another few words",
        "password": PASSWORD,
    }
    assert browser.post("/access/accounts/add", json=new).status_code == 200
    assert browser.post("/access/accounts/add", json=new).status_code == 422
    made = browser.post(
        "/access/tokens/make", json={"label": "ci", "role": "viewer", "days": 9, "password": PASSWORD}
    ).json()
    assert browser.post("/access/accounts/remove", json={"name": "ben"}).status_code == 200
    assert done(office)[1:] == [
        ("anna", "account.added", "ben"), ("anna", "token.made", "anna"), ("anna", "account.removed", "ben"),
    ]  # fmt: skip
    everything = str([entry.told() for entry in audit.entries(office.store)])
    for secret in ("another few words", made["token"], PASSWORD):
        assert secret not in everything


def test_what_is_written_down_is_what_was_done(office: Office) -> None:
    """More may be sent than a deed looks at: it is not believed, and keeps no deed out of the log."""
    browser = office.browser()
    assert browser.post("/access/leave", json={"name": "anna"}).status_code == 200
    assert done(office) == []
    browser.post("/access/enter", json={"name": "anna", "password": PASSWORD})
    ben = {
        "name": "ben",
        "role": "viewer",
        "scope": ["north"],
        "new": "another few words",
        "password": PASSWORD,
    }
    assert browser.post("/access/accounts/add", json=ben).status_code == 200
    forged = '{"name": "ben", "label": "\\ud800", "role": "admin"}'
    assert browser.post("/access/accounts/remove", content=forged).status_code == 200
    own = {"password": PASSWORD, "new": "some other few words", "name": "ben", "role": "admin"}
    assert browser.post("/access/password", json=own).status_code == 200
    assert done(office)[2:] == [("anna", "account.removed", "ben"), ("anna", "account.password", "anna")]
    assert [entry.detail for entry in audit.entries(office.store)][-2:] == ["{}", "{}"]


def test_what_cannot_be_written_down_is_not_done(office: Office) -> None:
    browser = office.browser()
    browser.post("/access/enter", json={"name": "anna", "password": PASSWORD})
    office.store.close()
    ben = {"name": "ben", "role": "viewer", "new": "another few words", "password": PASSWORD}
    refused = browser.post("/access/accounts/add", json=ben)
    assert (refused.status_code, office.house.accounts.one("ben")) == (503, None)
    assert browser.post("/access/leave", json={}).status_code == 503
    assert browser.get("/data/overview").status_code == 401


def test_who_is_of_some_groups_makes_a_token_for_them(office: Office) -> None:
    office.house.accounts.add("ben", "viewer", PASSWORD, ["north"])
    browser = office.browser()
    browser.post("/access/enter", json={"name": "ben", "password": PASSWORD})
    asked = {"label": "ci", "role": "viewer", "days": 9, "password": PASSWORD}
    assert browser.post("/access/tokens/make", json=asked).status_code == 200
    assert [token.scope for token in office.house.tokens.all("ben")] == [frozenset({"north"})]


@needs_mosquitto
async def test_from_other_machines_people_come_by_tls(tmp_path: Path) -> None:
    ports = Ports(free_port(), free_port(), free_port())
    async with Fleet(tmp_path / "f", "127.0.0.1", ports, page=Page("0.0.0.0")) as fleet:
        fleet.house.accounts.add("anna", "admin", PASSWORD)
        trust = ssl.create_default_context(cafile=str(fleet.authority.ca))
        page = await asyncio.to_thread(http.client.HTTPSConnection, "127.0.0.1", ports.page, context=trust)

        def ask(method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
            page.request(method, path, body, headers)
            answer = page.getresponse()
            answer.read()
            return answer

        own = f"https://127.0.0.1:{ports.page}"
        words = json.dumps({"name": "anna", "password": PASSWORD})
        assert (
            await asyncio.to_thread(ask, "POST", "/access/enter", words, origin="http://evil")
        ).status == 403
        entered = await asyncio.to_thread(ask, "POST", "/access/enter", words, origin=own)
        cookie = entered.headers["set-cookie"]
        assert cookie.startswith("__Host-fleet=")
        assert {"Secure", "HttpOnly", "SameSite=strict"} <= {each.strip() for each in cookie.split(";")}
        shown = await asyncio.to_thread(ask, "GET", "/data/overview", cookie=cookie.split(";")[0])
        assert shown.status == 200
        plain = http.client.HTTPConnection("127.0.0.1", ports.page)
        with pytest.raises((http.client.HTTPException, OSError)):
            await asyncio.to_thread(lambda: (plain.request("GET", "/"), plain.getresponse()))


@needs_mosquitto
async def test_who_comes_to_the_fleet_and_asks_for_nothing_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.access.impatient.SILENT", 0.2)
    monkeypatch.setattr(door, "PATIENCE", 0.2)
    ports = Ports(free_port(), free_port(), free_port())
    async with Fleet(tmp_path / "f", "127.0.0.1", ports) as fleet:
        trust = ssl.create_default_context(cafile=str(fleet.authority.ca))
        begun = b"POST /enrol HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"
        for port, tls, sent in ((ports.page, None, b"GET /"), (ports.door, trust, begun)):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
            writer.write(sent)
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), 10)
            writer.close()


@needs_mosquitto
async def test_who_is_out_is_shown_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "EVERY", 0.05)
    monkeypatch.setattr(dashboard, "LOOK_AGAIN", 2)
    ports = Ports(free_port(), free_port(), free_port())
    async with Fleet(tmp_path / "f", "127.0.0.1", ports) as fleet:
        fleet.house.accounts.add("anna", "admin", PASSWORD)
        headers = {"cookie": f"fleet={fleet.house.sessions.open('anna')}"}
        page = http.client.HTTPConnection("127.0.0.1", ports.page, timeout=10)
        await asyncio.to_thread(page.request, "GET", "/events", None, headers)
        events = await asyncio.to_thread(page.getresponse)
        assert (await asyncio.to_thread(events.readline)).startswith(b"data: {")
        fleet.house.sessions.end_all("anna")
        # To its end, which comes.
        await asyncio.to_thread(events.read)
        page.close()


@needs_mosquitto
async def test_a_page_that_is_only_looked_at_keeps_no_session_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "EVERY", 0.02)
    monkeypatch.setattr(dashboard, "LOOK_AGAIN", 1)
    monkeypatch.setattr("appliance.access.sessions.NOTED", 0.0)
    ports = Ports(free_port(), free_port(), free_port())
    async with Fleet(tmp_path / "f", "127.0.0.1", ports) as fleet:
        fleet.house.accounts.add("anna", "admin", PASSWORD)
        headers = {
            "cookie": f"fleet={fleet.house.sessions.open('anna')}", "sec-fetch-mode": "cors",
        }  # fmt: skip
        file = sqlite3.connect(fleet.folder / "access.db")
        before = file.execute("select seen from session").fetchall()
        page = http.client.HTTPConnection("127.0.0.1", ports.page, timeout=10)
        await asyncio.to_thread(page.request, "GET", "/events", None, headers)
        events = await asyncio.to_thread(page.getresponse)
        for _ in range(8):
            assert await asyncio.to_thread(events.readline)
        assert file.execute("select seen from session").fetchall() == before
        page.close()
        file.close()


def test_the_first_admin_is_made_by_the_code_that_the_server_prints(tmp_path: Path) -> None:
    store = Store(tmp_path / "fleet.db")
    office = Office(tmp_path, store, claimed=False)
    browser = office.browser()
    code = office.house.pairing.code()
    for given, status in (("0000 0001", 422), (code, 200), (code, 422)):
        asked = {"code": given, "name": "anna", "password": PASSWORD}
        assert browser.post("/access/pair", json=asked).status_code == status
    assert browser.get("/data/overview").status_code == 200
    assert [(entry.who, entry.what) for entry in audit.entries(store)] == [("anna", "account.first")]
    office.close()
    store.close()
