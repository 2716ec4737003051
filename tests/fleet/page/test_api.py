"""The REST API: what it answers, what it refuses, and that it keeps to its own description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from appliance.fleet.alerts import notices
from appliance.fleet.alerts.watch import Watch
from appliance.fleet.keeping.store import Store, Told
from appliance.fleet.page.api import AT
from appliance.fleet.page.dashboard import ROLES
from appliance.fleet.page.operations import OPERATIONS
from appliance.fleet.people import audit, scope
from appliance.telemetry.wire import Message
from tests.fleet.offices import HOST, Office

BOOT = "0123456789abcdef"

EXCLUDED = [
    # Rights have a test of their own; and what has the right form may be refused for what it means.
    schemathesis.checks.ignored_auth,
    positive_data_acceptance,
]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("fleet")
    store = Store(folder / "fleet.db")
    now = store.now()
    with store.write() as db:
        db.executemany(
            "insert into box (name, site, since, online, seen) values (?, ?, 0, 1, ?)",
            [(f"box-{n}", f"Site {n % 3}", now) for n in range(120)],
        )
    told = [
        Message(BOOT, 1, now, "turn", {"call": "a", "n": 1, "intent": "hours", "heard": 900, "wait": 700}),
        Message(BOOT, 2, now, "call", {"call": "a", "channel": "gsm", "outcome": "failed", "seconds": 9.0}),
        Message(BOOT, 3, now, "fault", {"what": "gsm", "on": False, "why": "no modem"}),
        Message(BOOT, 4, now, "unanswered", {"text": "Do you sell stamps?"}),
    ]
    store.commit([Told("box-7", message, now) for message in told])
    Watch(store).turn()
    scope.assign(store, ["Site 0"], "north")
    notices.add(store, "ops", "webhook", "https://example.org/hook")
    made = Office(folder, store)
    yield made
    made.close()
    store.close()


@pytest.fixture(scope="module")
def api(office: Office) -> TestClient:
    made = office.client("admin")
    made.base_url = made.base_url.join("/api/1/")
    return made


def test_every_list_is_a_page(api: TestClient) -> None:
    names: list[str] = []
    for page in range(3):
        found = api.get("boxes", params={"page": page, "size": 50}).json()
        names += [box["name"] for box in found["items"]]
        assert (found["page"], found["size"], found["more"]) == (page, 50, page < 2)
    assert len(set(names)) == 120
    for operation in OPERATIONS:
        if operation.method == "GET" and "page" in operation.query:
            path = operation.path.format(box="box-7").lstrip("/")
            found = api.get(path, params={"size": 1}).json()
            assert len(found["items"]) <= 1, path


def test_what_boxes_told_and_were_told(api: TestClient) -> None:
    assert api.get("state").json()["boxes"] == 120
    assert api.get("boxes/box-7").json()["faults"][0]["why"] == "no modem"
    assert api.get("boxes?site=Site 1&size=1").json()["items"][0]["site"] == "Site 1"
    assert api.get("calls").json()["items"][0]["outcome"] == "failed"
    assert api.get("boxes/box-7/calls").json()["items"][0]["box"] == "box-7"
    assert api.get("boxes/box-7/calls/a/turns").json()["turns"][0]["wait"] == 700
    assert api.get("unanswered").json()["items"][0]["text"] == "Do you sell stamps?"
    assert api.get("faults").json()["items"][0]["cause"] == "gsm is off"
    [alert] = api.get("alerts?open=true").json()["items"]
    assert (alert["cause"], alert["site"]) == ("gsm is off", "Site 1")


def test_commands_and_desk_files_go_out_and_are_written_down(api: TestClient, office: Office) -> None:
    asked = api.post("boxes/box-3/commands", json={"do": "doctor"})
    assert asked.status_code == 202
    assert api.get("boxes/box-3/commands").json()["items"][0]["id"] == asked.json()["id"]
    sent = api.put("boxes/box-3/desired", json={"desk": "[desk]"})
    assert (sent.status_code, sent.json()["digest"]) == (202, audit.digest("[desk]"))
    assert api.get("boxes/box-3").json()["wanted"] == audit.digest("[desk]")
    found = api.get("audit?about=box-3").json()["items"]
    assert [(each["who"], each["what"]) for each in found] == [
        ("anna by a token", "bundle.sent"),
        ("anna by a token", "command.queued"),
    ]
    assert api.get("audit/verdict").json()["whole"] is True
    lines = office.client("admin").get("/audit.jsonl").text.splitlines()
    signer = office.authority.bundle_key.public_key()
    assert audit.read_export(iter(lines), signer).wrong == ""


def test_what_is_wrong_is_told_in_one_form(api: TestClient, office: Office) -> None:
    for method, path, body, status in (
        ("get", "boxes/nobody", None, 404),
        ("get", "nothing", None, 404),
        ("get", "boxes?size=0", None, 400),
        ("get", "boxes?size=501", None, 400),
        ("get", "boxes?page=1&page=2", None, 400),
        ("get", "boxes?page=-1", None, 400),
        ("get", "boxes/%00", None, 400),
        ("post", "boxes/box-3/commands", {"do": "rm"}, 400),
        ("post", "boxes/box-3/commands", {}, 400),
        ("post", "boxes/box-3/commands", [], 400),
        ("put", "boxes/box-3/desired", {"desk": "\ud800"}, 400),
        ("put", "boxes/box-3/desired", {"desk": "\x00"}, 400),
        ("post", "invitations", {"names": ["box-3"]}, 422),
        ("patch", "rules/disk", {"clears": 99}, 422),
        ("post", "routes", {"name": "x", "kind": "webhook", "target": "file:///etc/passwd"}, 422),
        ("delete", "state", None, 405),
        ("trace", "state", None, 405),
    ):
        content = None if body is None else json.dumps(body)
        answer = api.request(method, path, content=content)
        assert answer.status_code == status, (method, path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        assert (told["status"], set(told)) == (status, {"type", "title", "status", "detail"})
    assert api.put("boxes/box-3/desired", content=b"x" * 700_000).status_code == 413
    assert api.post("boxes/box-3/commands", content=b"[" * 100_000).status_code == 400
    assert office.client().get("/api/1/boxes").status_code == 401


def test_every_deed_needs_its_role(office: Office) -> None:
    clients = {role: office.client(role) for role in ("", "viewer", "operator")}
    for operation in OPERATIONS:
        path = AT + operation.path.replace("{", "").replace("}", "")
        for role, client in clients.items():
            may = role and ROLES.index(role) >= ROLES.index(operation.role)
            if may:
                continue
            answer = client.request(operation.method, path)
            # From who has no token, what changes something has to come from the page itself.
            wanted = 401 if not role and operation.method == "GET" else 403
            assert answer.status_code == wanted, operation.id


def test_secrets_are_shown_once(api: TestClient) -> None:
    mail = {"name": "mail", "kind": "mail", "target": "smtps://me:word@mail.example.org/ops@example.org"}
    assert api.post("routes", json=mail).json()["target"] == "smtps://me:…@mail.example.org/ops@example.org"
    asked = {"name": "hook", "kind": "webhook", "target": "https://example.org/hook", "groups": ["north"]}
    made = api.post("routes", json=asked).json()
    assert len(made["secret"]) > 30
    found = api.get("routes").text
    assert made["secret"] not in found
    assert "word" not in found
    assert api.post("routes/hook/trial").status_code == 202
    assert api.delete("routes/hook").status_code == 204


def test_silences_and_rules(api: TestClient) -> None:
    made = api.post("silences", json={"minutes": 60, "rule": "disk"}).json()
    assert api.get("silences").json()["items"][0]["id"] == made["id"]
    assert api.delete(f"silences/{made['id']}").status_code == 204
    assert api.delete(f"silences/{made['id']}").status_code == 404
    assert api.patch("rules/disk", json={"fires": 95, "clears": 91}).json()["fires"] == 95
    assert api.patch("rules/disk", json={"fires": 90, "clears": 85}).status_code == 200
    [alert] = api.get("alerts?open=true").json()["items"]
    assert api.post(f"alerts/{alert['id']}/acknowledgement", json={"note": "seen"}).status_code == 204
    assert api.get("alerts").json()["items"][0]["acked_by"] == "anna by a token"


@pytest.mark.parametrize("examples", [2, pytest.param(100, marks=pytest.mark.slow)])
def test_it_keeps_to_its_own_description(office: Office, examples: int) -> None:
    """Requests that are right and wrong, made from the document: none breaks the server, and each answer is
    one that the document has."""
    token = office.token("admin")
    headers = {"authorization": f"Bearer {token}", "host": HOST.removeprefix("http://")}

    async def app(asgi: Any, receive: Any, send: Any) -> None:
        await office.app({**asgi, "client": ("127.0.0.1", 1)}, receive, send)

    described = office.client("viewer").get(f"{AT}/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described)
    schema.app = app
    tried = []
    for found in schema.get_all_operations():
        operation = found.ok()
        strategy = operation.as_strategy()

        @settings(
            max_examples=examples, database=None, deadline=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=strategy)
        def check(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=headers, excluded_checks=EXCLUDED)

        check()
        tried.append(operation.label)
    assert len(tried) == len(OPERATIONS)
    assert audit.verify(office.store).wrong == ""
