"""The door of a page: who is let in, and who is turned away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pyotp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from appliance.access.asking import needs, told, who
from appliance.access.doorman import Doorman
from appliance.access.house import House
from appliance.access.routes import routes
from appliance.access.sessions import IDLE
from tests.access.conftest import BETTER, GOOD, Clock


async def secret(request: Request) -> Response:
    found = who(request)
    assert found
    return JSONResponse({"name": found.name})


async def echo(request: Request, sent: dict[str, object]) -> dict[str, object]:
    return sent


async def line(socket: WebSocket) -> None:
    found = who(socket)
    await socket.accept()
    await socket.send_text(found.name if found else "nobody")
    await socket.close()


@dataclass
class Page:
    house: House
    here: TestClient
    outside: TestClient

    def enter(self, name: str = "ada", password: str = GOOD, **more: str) -> TestClient:
        sent = {"name": name, "password": password, **more}
        answer = self.outside.post("/access/enter", json=sent)
        assert answer.status_code == 200, answer.text
        return self.outside


OUTSIDE = "https://desk.test:8443"


@pytest.fixture
def page(house: House) -> Iterator[Page]:
    app = Starlette(
        routes=[
            Route("/secret", needs("manager", secret)),
            Route("/echo", told(echo), methods=["POST"]),
            WebSocketRoute("/line", line),
            *routes(),
        ]
    )
    house.accounts.add("ada", "admin", GOOD)
    house.accounts.add("vic", "visitor", GOOD)
    here = Doorman(app, house, largest=2000, stranger=lambda: house.who("here", "visitor", by="place"))
    outside = Doorman(app, house, ["Desk.test"], only_here=False, largest=2000)
    with (
        TestClient(
            here,
            "http://127.0.0.1:8080",
            client=("127.0.0.1", 9),
            headers={"origin": "http://127.0.0.1:8080"},
        ) as a,
        TestClient(outside, OUTSIDE, client=("10.0.0.9", 9), headers={"origin": OUTSIDE}) as b,
    ):
        yield Page(house, a, b)


def test_who_has_entered_is_known_until_he_leaves(page: Page) -> None:
    assert page.outside.get("/secret").status_code == 401
    browser = page.enter()
    assert browser.get("/secret").json() == {"name": "ada"}
    assert browser.get("/access/me").json()["role"] == "admin"
    kept = browser.cookies["__Host-desk"]
    browser.post("/access/leave")
    assert "__Host-desk" not in browser.cookies
    assert page.outside.get("/secret", headers={"cookie": f"__Host-desk={kept}"}).status_code == 401


def test_who_enters_anew_leaves_no_session_behind(page: Page) -> None:
    old = page.enter().cookies["__Host-desk"]
    assert page.enter("vic").get("/access/me").json()["name"] == "vic"
    assert page.house.sessions.find(old) is None


def test_the_cookie_is_for_this_host_over_tls_and_no_script(page: Page) -> None:
    answer = page.outside.post("/access/enter", json={"name": "ada", "password": GOOD})
    told = answer.headers["set-cookie"].lower()
    for wanted in ("__host-desk=", "httponly", "secure", "samesite=strict", "path=/"):
        assert wanted in told
    assert "domain" not in told
    here = page.here.post("/access/enter", json={"name": "ada", "password": GOOD})
    assert "secure" not in here.headers["set-cookie"].lower()


def test_a_role_that_is_too_low_is_told_so_and_a_person_is_shown_the_way_in(page: Page) -> None:
    assert page.here.get("/secret").status_code == 401
    shown = page.here.get("/secret", headers={"accept": "text/html"}, follow_redirects=False)
    assert (shown.status_code, shown.headers["location"]) == (303, "/access/enter.html?to=/secret")
    refused = page.enter("vic").get("/secret")
    assert refused.status_code == 403
    assert "manager" in refused.json()["wrong"]


@pytest.mark.parametrize(
    "host", ["evil.example", "desk.test.evil.example", "", "127.0.0.1.evil.example", "[::1"]
)
def test_a_name_that_was_bent_to_this_address_is_not_let_in(page: Page, host: str) -> None:
    for browser in (page.here, page.outside):
        assert browser.get("/access/me", headers={"host": host}).status_code == 421


def test_the_page_for_this_machine_is_for_nobody_else(page: Page) -> None:
    assert page.here.get("/access/me", headers={"host": "10.0.0.1"}).status_code == 421
    app = Doorman(Starlette(), page.house)
    with TestClient(app, "http://127.0.0.1", client=("10.0.0.9", 9)) as far:
        assert far.get("/").status_code == 403
    assert page.outside.get("/access/me", headers={"host": "10.0.0.1:8443"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://desk.test:8443"},
        {"origin": "https://desk.test"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_another_page_changes_nothing_with_the_cookie_of_who_has_entered(
    page: Page, headers: dict[str, str]
) -> None:
    browser = page.enter()
    assert browser.post("/echo", json={}, headers={"sec-fetch-site": "same-origin"}).status_code == 200
    assert browser.post("/echo", json={}, headers=headers).status_code == 403


def test_what_tells_no_origin_changes_nothing_unless_it_shows_a_token(page: Page) -> None:
    page.enter()
    token = page.house.tokens.make("ada", "", "manager")
    with TestClient(page.outside.app, OUTSIDE, client=("10.0.0.9", 9)) as program:
        assert program.post("/echo", json={}).status_code == 403
        shown = {"authorization": f"Bearer {token}"}
        assert program.post("/echo", json={"a": 1}, headers=shown).json() == {"a": 1}
        assert program.get("/secret", headers=shown).json() == {"name": "ada"}
        assert program.post("/echo", json={}, headers={**shown, "cookie": "a=b"}).status_code == 403
        wrong = {"authorization": "Bearer tok_nothing"}
        assert program.get("/secret", headers=wrong).status_code == 401


def test_a_call_from_another_page_is_refused(page: Page) -> None:
    with page.here.websocket_connect("ws://127.0.0.1:8080/line") as socket:
        assert socket.receive_text() == "here"
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        with (
            pytest.raises(WebSocketDisconnect),
            page.here.websocket_connect("ws://127.0.0.1:8080/line", headers=headers) as socket,
        ):
            socket.receive_text()


def test_what_is_too_large_is_not_read(page: Page) -> None:
    assert page.here.post("/echo", content=b"x" * 2001).status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    assert page.here.post("/echo", content=pieces()).status_code == 413
    assert page.here.post("/echo", content=b"[]").status_code == 400
    assert page.here.post("/echo", content=b"{" * 2000).status_code == 400
    assert page.here.post("/echo", content=b"\xff\xfe").status_code == 400
    assert page.here.post("/echo", headers={"content-length": "-1"}).status_code == 400


def test_every_answer_tells_the_browser_what_it_may(page: Page) -> None:
    for answer in (
        page.here.get("/access/me"),
        page.here.get("/nothing"),
        page.here.get("/", headers={"host": "evil.example"}),
        page.outside.get("/secret"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_who_guesses_waits(page: Page) -> None:
    for _ in range(5):
        assert (
            page.outside.post("/access/enter", json={"name": "ada", "password": "wrong"}).status_code == 422
        )
    answer = page.outside.post("/access/enter", json={"name": "ada", "password": GOOD})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 30


def test_ones_own_account(page: Page, clock: Clock) -> None:
    browser = page.enter()
    old = browser.cookies["__Host-desk"]
    assert browser.post("/access/password", json={"password": "wrong", "new": BETTER}).status_code == 422
    assert browser.post("/access/password", json={"password": GOOD, "new": BETTER}).status_code == 200
    assert browser.cookies["__Host-desk"] != old
    assert browser.get("/secret").status_code == 200
    proposed = browser.post("/access/second/propose", json={"password": BETTER}).json()
    assert proposed["address"].startswith("otpauth://totp/desk:ada?")
    codes = pyotp.TOTP(proposed["secret"])
    assert browser.post("/access/second/confirm", json={"code": codes.at(int(clock()))}).status_code == 200
    assert browser.get("/access/me").json()["second"]
    clock.time += 30
    page.enter(password=BETTER, code=codes.at(int(clock())))
    clock.time += 30
    proof = {"password": BETTER, "code": codes.at(int(clock()))}
    asked = {"label": "x", "role": "visitor", "days": 3}
    assert browser.post("/access/tokens/make", json={**asked, "password": BETTER}).status_code == 422
    made = browser.post("/access/tokens/make", json={**asked, **proof}).json()
    [token] = browser.post("/access/tokens/list").json()["tokens"]
    assert made["token"] not in str(token)
    assert browser.post("/access/tokens/remove", json={"id": token["id"]}).status_code == 200


def test_an_admin_makes_accounts_and_nobody_else_does(page: Page) -> None:
    bob = {"name": "bob", "role": "manager", "new": BETTER, "password": GOOD}
    assert page.here.post("/access/accounts/add", json=bob).status_code == 401
    assert page.enter("vic").post("/access/accounts/add", json=bob).status_code == 403
    browser = page.enter()
    assert browser.post("/access/accounts/add", json=bob).status_code == 200
    assert browser.post("/access/accounts/change", json={**bob, "role": "admin"}).status_code == 200
    assert browser.post("/access/accounts/password", json={**bob, "new": GOOD}).status_code == 200
    names = [each["name"] for each in browser.post("/access/accounts/list").json()["accounts"]]
    assert names == ["ada", "bob", "vic"]
    assert browser.post("/access/accounts/remove", json={"name": "bob"}).status_code == 200
    assert browser.post("/access/accounts/remove", json={"name": "ada"}).status_code == 422


def test_an_admin_of_some_groups_reaches_no_others(page: Page) -> None:
    page.house.accounts.add("ned", "admin", GOOD, ["north"])
    page.house.accounts.add("sue", "visitor", GOOD, ["south"])
    browser = page.enter("ned")
    new = {"name": "bob", "role": "admin", "new": BETTER, "password": GOOD}
    for beyond in (None, ["north", "south"], ["south"]):
        assert browser.post("/access/accounts/add", json={**new, "scope": beyond}).status_code == 422
    assert browser.post("/access/accounts/add", json={**new, "scope": ["north"]}).status_code == 200
    for name in ("sue", "ada"):
        sent = {"name": name, "new": BETTER, "password": GOOD}
        assert browser.post("/access/accounts/password", json=sent).status_code == 422
        assert browser.post("/access/accounts/remove", json=sent).status_code == 422
    widened = {**new, "scope": ["north", "south"]}
    assert browser.post("/access/accounts/change", json=widened).status_code == 422
    names = [each["name"] for each in browser.post("/access/accounts/list").json()["accounts"]]
    assert names == ["bob", "ned"]


LASTING = (
    *("tokens/make", "second/propose"),
    *("accounts/add", "accounts/change", "accounts/password", "accounts/second"),
)


@pytest.mark.parametrize("deed", LASTING)
def test_who_has_but_the_session_makes_no_way_in_that_stays(page: Page, deed: str) -> None:
    """A cookie that was stolen is good for hours; what it makes would be for good."""
    sent = {"name": "vic", "role": "admin", "new": BETTER, "label": "x", "days": 300}
    stolen = page.enter()
    assert stolen.post(f"/access/{deed}", json=sent).status_code == 400
    answer = stolen.post(f"/access/{deed}", json={**sent, "password": "a guess of somebody"})
    assert (answer.status_code, "password" in answer.json()["wrong"]) == (422, True)
    assert page.house.tokens.all() == []
    assert [(each.name, each.role) for each in page.house.accounts.all()] == [
        ("ada", "admin"), ("vic", "visitor"),
    ]  # fmt: skip


def test_a_token_changes_nobodys_rights(page: Page) -> None:
    token = page.house.tokens.make("ada", "", "admin")
    with TestClient(page.outside.app, OUTSIDE, client=("10.0.0.9", 9)) as program:
        shown = {"authorization": f"Bearer {token}"}
        for path in ("accounts/list", "tokens/make", "password", "second/propose"):
            assert program.post(f"/access/{path}", json={}, headers=shown).status_code == 401


@pytest.mark.parametrize(("mode", "status"), [("cors", 401), ("navigate", 200)])
def test_a_page_that_looks_for_news_by_itself_keeps_no_session_open(
    page: Page, clock: Clock, mode: str, status: int
) -> None:
    browser = page.enter()
    for _ in range(5):
        clock.time += IDLE / 4 + 1
        answer = browser.get("/secret", headers={"sec-fetch-mode": mode})
    assert answer.status_code == status


def test_who_a_stranger_is_is_found_out_beside_the_loop(house: House) -> None:
    """It may wait for the disk, and the loop hears and speaks."""
    on_the_loop: list[bool] = []

    def stranger() -> None:
        try:
            asyncio.get_running_loop()
            on_the_loop.append(True)
        except RuntimeError:
            on_the_loop.append(False)

    app = Doorman(Starlette(), house, stranger=stranger)
    with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 9)) as browser:
        browser.get("/")
    assert on_the_loop == [False]
