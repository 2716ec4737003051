"""A box is invited, and let go, on the page: by an admin, who shows that it is he."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit
from appliance.fleet.serve import Fleet, Ports
from tests.console.visiting import missing
from tests.fleet.offices import PASSWORD, Office
from tests.fleet.page.test_dashboard import fill, visit
from tests.ports import free_port
from tests.telemetry.brokers import needs_mosquitto


def done(store: Store) -> list[tuple[str, str, str]]:
    return [(entry.who, entry.what, entry.about) for entry in audit.entries(store)]


def invited(client: TestClient, **more: Any) -> int:
    asked = {"names": ["lobby-1"], "site": "Site 07", **more}
    return client.post("/api/1/invitations", json=asked).status_code


def revoked(client: TestClient, **proof: str) -> int:
    return client.request("DELETE", "/api/1/boxes/box-00007", json=proof).status_code


def test_a_browser_shows_anew_whose_it_is(office: Office) -> None:
    browser = office.browser()
    browser.post("/access/enter", json={"name": "anna", "password": PASSWORD})
    assert browser.delete("/api/1/boxes/box-00007").status_code == 422
    assert (invited(browser), revoked(browser, password="guess")) == (422, 422)
    assert done(office.store) == [("anna", "session.began", "anna")]
    assert (invited(browser, password=PASSWORD), revoked(browser, password=PASSWORD)) == (201, 204)
    assert done(office.store)[1:] == [
        ("anna", "box.invited", "lobby-1"),
        ("anna", "box.revoked", "box-00007"),
    ]


def test_what_has_no_password_needs_none(office: Office) -> None:
    admin = office.client("admin")
    assert (invited(admin), admin.delete("/api/1/boxes/box-00007").status_code) == (201, 204)


def test_who_is_no_admin_is_refused_before_he_is_asked(office: Office) -> None:
    office.house.accounts.add("ben", "operator", PASSWORD)
    browser = office.browser()
    browser.post("/access/enter", json={"name": "ben", "password": PASSWORD})
    assert (invited(browser, password=PASSWORD), revoked(browser, password=PASSWORD)) == (403, 403)


def test_who_guesses_waits_ever_longer(office: Office) -> None:
    browser = office.browser()
    browser.post("/access/enter", json={"name": "anna", "password": PASSWORD})
    asked = {"names": ["lobby-1"], "password": "guess"}
    answers = [browser.post("/api/1/invitations", json=asked) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {422, 429}
    assert int(answers[-1].headers["retry-after"]) > 0


@needs_mosquitto
@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
async def test_an_admin_invites_a_box_and_revokes_one_on_a_phone(tmp_path: Path) -> None:
    ports = Ports(free_port(), free_port(), free_port())
    async with Fleet(tmp_path / "f", "127.0.0.1", ports) as fleet:
        fill(fleet.store, 8)
        wide = "document.documentElement.scrollWidth <= innerWidth"
        steps: list[list[object]] = [
            ["see", "#title", ""],
            ["fill", "#pair [name=code]", fleet.house.pairing.code()],
            ["fill", "#pair [name=name]", "anna"],
            ["fill", "#pair [name=password]", PASSWORD],
            ["press", "#pair button"],
            ["see", "#boxes", "box-00007"],
            ["fill", "#new-name", "lobby-1"],
            ["fill", "#new-site", "Alder House"],
            ["key", "Enter"],
            ["see", "dialog h2", "Invite lobby-1 to Alder House?"],
            ["fill", "dialog [type=password]", PASSWORD],
            ["key", "Enter"],
            ["see", "#invited", "lobby-1 is invited"],
            ["read", "code", "#claim-code"],
            ["read", "command", "#claim-command"],
            ["evaluate", "invitation fits", wide],
            ["press", "#boxes a:has-text('box-00007')"],
            ["press", "#revoke"],
            ["fill", "dialog label:first-of-type input", "box-00006"],
            ["fill", "dialog [type=password]", PASSWORD],
            ["key", "Enter"],
            [
                "evaluate",
                "another name",
                "document.querySelector('dialog[open]:not(#sure) form').checkValidity()",
            ],
            ["fill", "dialog label:first-of-type input", "box-00007"],
            ["focus", "dialog [type=password]"],
            ["key", "Enter"],
            ["see", "#revoked", "box-00007 is of the fleet no more"],
            ["see", "#verdict", "Revoked"],
            ["evaluate", "box fits", wide],
        ]
        told = await visit(fleet, steps, viewport={"width": 390, "height": 800})
        readings = told["readings"]
        [code] = readings["code"]
        assert readings["command"] == [f"appliance fleet enrol {code} SERVER:8884"]
        assert (readings["invitation fits"], readings["box fits"], readings["another name"]) == (
            True,
            True,
            False,
        )
        assert fleet.store.read("select name, site from claim") == [("lobby-1", "Alder House")]
        assert fleet.store.read("select name from box where state = 'revoked'") == [("box-00007",)]
        found = done(fleet.store)[1:]
    assert found == [("anna", "box.invited", "lobby-1"), ("anna", "box.revoked", "box-00007")]
