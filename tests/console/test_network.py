"""The page where other machines can open it: by TLS, and with an account."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from appliance.access import certificates
from appliance.access.house import House
from appliance.console.listening import MESSAGE_BYTES, OF_ONE, Network
from appliance.console.server import CHATS, EACH, ROLES, Console, Status
from appliance.errors import ApplianceError
from tests.audio_server import until
from tests.channels.browser import Receptionist, opened

PASSWORD = "a brass bell by the door"


@dataclass
class Outside:
    console: Console
    house: House
    tls: ssl.SSLContext

    @property
    def url(self) -> str:
        return "https://127.0.0.1:" + self.console.network_url.rpartition(":")[2]

    def browser(self) -> httpx2.AsyncClient:
        origin = {"origin": self.url}
        return httpx2.AsyncClient(base_url=self.url, verify=self.tls, headers=origin, timeout=20)

    def line(self, path: str, **headers: str) -> connect:
        return connect(
            self.url.replace("http", "ws") + path, ssl=self.tls, origin=self.url, proxy=None,  # type: ignore[arg-type]
            additional_headers=headers,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def outside(
    folder: Path, visitors: bool = False, claimed: bool = True, **options: Any
) -> AsyncIterator[Outside]:
    own = certificates.own(folder / "tls")
    house = House(folder / "access.db", ROLES)
    if claimed:
        for name, role in (("root", "admin"), ("ann", "manager"), ("vic", "visitor")):
            house.accounts.add(name, role, PASSWORD)
    network = Network("127.0.0.1:0", own, visitors=visitors)
    async with opened(Receptionist(), house=house, network=network, **options) as console:
        yield Outside(console, house, ssl.create_default_context(cafile=str(own.certificate)))
    house.close()


async def enter(browser: httpx2.AsyncClient, name: str, password: str = PASSWORD) -> int:
    answer = await browser.post("/access/enter", json={"name": name, "password": password})
    return int(answer.status_code)


async def test_others_come_in_by_tls_and_with_an_account_only(tmp_path: Path) -> None:
    async with outside(tmp_path, status=lambda: [Status("kiosk", True)]) as page, page.browser() as browser:
        assert (await browser.get("/health")).status_code == 401
        shown = await browser.get("/", headers={"accept": "text/html"})
        assert shown.headers["location"] == "/access/enter.html?to=/"
        assert (await browser.get("/access/enter.html")).status_code == 200
        with pytest.raises(InvalidStatus):
            async with page.line("/chat"):
                pass
        assert await enter(browser, "vic") == 200
        told = (await browser.get("/health")).json()
        assert (told["name"], "status" in told) == ("vic", False)
        assert (await browser.get("/editor.html")).status_code == 403
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        async with page.line("/chat", cookie=cookie) as line:
            await line.send('{"text": "hello"}')
            assert "You wrote: hello" in str(await line.recv())
        assert await enter(browser, "ann") == 200
        assert "status" in (await browser.get("/health")).json()


async def test_plain_http_is_no_way_in(tmp_path: Path) -> None:
    async with outside(tmp_path) as page, httpx2.AsyncClient() as plain:
        with pytest.raises(httpx2.TransportError):
            await plain.get(page.url.replace("https", "http"))


async def test_visitors_may_be_let_in_without_an_account_and_see_nothing_else(tmp_path: Path) -> None:
    async with outside(tmp_path, visitors=True) as page, page.browser() as browser:
        assert (await browser.get("/")).status_code == 200
        assert "status" not in (await browser.get("/health")).json()
        for path in ("/editor.html", "/calls.html", "/access/code"):
            assert (await browser.get(path)).status_code in (401, 403)
        async with page.line("/chat") as line:
            await line.send('{"text": "hello"}')
            assert "hello" in str(await line.recv())


async def test_the_first_admin_is_made_from_outside_with_the_code_that_is_shown_here(tmp_path: Path) -> None:
    async with outside(tmp_path, claimed=False) as page, page.browser() as browser:
        assert (await browser.get("/health")).status_code == 401
        assert (await browser.get("/access/code")).status_code == 403
        async with httpx2.AsyncClient(base_url=page.console.url) as here:
            code = (await here.get("/access/code")).json()["code"]
            assert (await here.get("/editor.html")).status_code == 200
        sent = {"code": "0000 0000", "name": "root", "password": PASSWORD}
        assert (await browser.post("/access/pair", json=sent)).status_code == 422
        assert (await browser.post("/access/pair", json={**sent, "code": code})).status_code == 200
        assert (await browser.get("/access/me")).json()["role"] == "admin"
        async with httpx2.AsyncClient(base_url=page.console.url) as here:
            assert (await here.get("/access/code")).status_code == 403
            assert (await here.get("/editor.html")).status_code == 401
            assert (await here.get("/")).status_code == 200


async def test_without_accounts_it_is_not_opened_to_the_network(tmp_path: Path) -> None:
    with pytest.raises(ApplianceError, match="without accounts"):
        Console(network=Network("127.0.0.1:0", certificates.own(tmp_path)))


async def test_guessing_a_password_comes_to_nothing(tmp_path: Path) -> None:
    async with outside(tmp_path) as page, page.browser() as browser:
        told = [await enter(browser, "ann", f"guess {number}") for number in range(12)]
        assert told[:5] == [422] * 5
        assert set(told[5:]) == {429}
        assert await enter(browser, "ann") == 429
        assert (await browser.get("/health")).status_code == 401


async def test_a_flood_of_conversations_leaves_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.console.server.is_here", lambda address: False)
    async with outside(tmp_path, visitors=True) as page, contextlib.AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(page.line("/chat")) for _ in range(2 * EACH)]
        refused = 0
        for line in lines[EACH:]:
            refused += json.loads(await line.recv())["type"] == "refused"
        assert refused == EACH < CHATS - EACH
        await lines[0].send('{"text": "still here"}')
        assert "still here" in str(await lines[0].recv())


@pytest.mark.parametrize("sent", ["x" * (2 * MESSAGE_BYTES), b"\0" * 1000, "no json", '["a"]', '{"text": 3}'])
async def test_a_message_that_is_none_ends_its_call_and_no_other(tmp_path: Path, sent: str | bytes) -> None:
    async with outside(tmp_path, visitors=True) as page, page.line("/chat") as other:
        async with page.line("/chat") as line:
            with contextlib.suppress(ConnectionClosed):
                await line.send(sent)
            with contextlib.suppress(ConnectionClosed):
                async for _ in line:
                    pass
            assert line.close_code in (1007, 1009)
        await other.send('{"text": "still here"}')
        assert "still here" in str(await other.recv())


async def test_a_flood_of_messages_is_answered_in_order_or_turned_down(tmp_path: Path) -> None:
    async with outside(tmp_path, visitors=True) as page, page.line("/chat") as line:
        for number in range(200):
            await line.send(json.dumps({"text": str(number)}))
        told = json.loads(await line.recv())
        assert told["type"] in ("say", "problem")
        async with page.browser() as browser:
            assert (await browser.get("/health")).status_code == 200


@pytest.mark.parametrize("before", [b"", b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"])
async def test_who_connects_and_asks_for_nothing_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    """Or for nothing more."""
    monkeypatch.setattr("appliance.access.impatient.SILENT", 0.2)
    async with outside(tmp_path) as page:
        port = int(page.console.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if before:
            writer.write(before)
            await reader.readuntil(b"}")
        writer.write(b"GET / HTTP/1.1\r\nHost: 127")
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 10)
        assert time.monotonic() - began < 5
        writer.close()


async def test_a_flood_of_sockets_that_agree_on_nothing_takes_no_file_from_the_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.console.listening.is_here", lambda address: False)
    before = files()
    async with outside(tmp_path) as page:
        port = int(page.url.rpartition(":")[2])
        flood = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4 * OF_ONE)]
        gone = [asyncio.create_task(closed(reader)) for reader, _ in flood]
        await until(lambda: sum(each.done() for each in gone) >= 3 * OF_ONE)
        assert sum(each.done() for each in gone) == 3 * OF_ONE
        # Ours, and theirs that were taken.
        assert files() < before + len(flood) + OF_ONE + 20
        async with httpx2.AsyncClient(base_url=page.console.url, timeout=20) as here:
            assert (await here.get("/health")).status_code == 200
        for _, writer in flood:
            writer.close()
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(httpx2.TransportError):
                    async with page.browser() as browser:
                        assert (await browser.get("/health")).status_code == 401
                        break
                await asyncio.sleep(0.05)


def files() -> int:
    """That this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def closed(reader: asyncio.StreamReader) -> None:
    """Wait until the other side has let go."""
    with contextlib.suppress(ConnectionError):
        await reader.read(1)


def test_the_kiosk_listens_nowhere_else(tmp_path: Path) -> None:
    """By default no socket is open to others."""
    from appliance.config import read_box

    (tmp_path / "box.toml").write_text("")
    box, _ = read_box(tmp_path / "box.toml")
    assert box.web.network == ""
    host = box.web.listen.rpartition(":")[0]
    assert {info[4][0] for info in socket.getaddrinfo(host, None)} <= {"127.0.0.1", "::1"}


async def test_a_call_ends_with_the_session_that_it_was_opened_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.console.server.LOOK_AGAIN", 0.05)
    async with outside(tmp_path) as page:
        kept, gone = (f"__Host-desk={page.house.sessions.open(name)}" for name in ("ann", "vic"))
        async with page.line("/chat", cookie=kept) as other, page.line("/chat", cookie=gone) as line:
            await line.send('{"text": "hello"}')
            assert "hello" in str(await line.recv())
            page.house.accounts.remove("vic")
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(line.recv(), 10)
            assert line.close_code == 1008
            await other.send('{"text": "still here"}')
            assert "still here" in str(await other.recv())
