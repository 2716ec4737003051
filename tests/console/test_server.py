"""The page's server: who may come in, how many, and how it ends."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from appliance.channels.web import WebVoice
from appliance.console.server import CHATS, VOICES, Console, Status
from appliance.errors import ConfigError, DeviceError
from tests.channels.browser import Receptionist, calling, opened, socket

EDITOR = ["box", "chat", "diff", "draft", "editor", "facts", "history", "publishing", "sheet", "trying"]

HELLO = '{"type": "hello", "rate": 48000}'


async def get(url: str, host: str = "") -> tuple[int, dict[str, str], str]:
    def fetch() -> tuple[int, dict[str, str], str]:
        request = urllib.request.Request(url, headers={"Host": host} if host else {})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status, dict(response.headers.items()), response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers.items()), error.read().decode()

    return await asyncio.to_thread(fetch)


async def test_health_tells_what_is_on_and_off_and_why() -> None:
    status = [Status("page", True), Status("kiosk", False, "no microphone; plug one in")]
    async with (
        opened(Receptionist(), title=lambda: "Harbour Street", status=lambda: status) as console,
        calling(console),
    ):
        code, _, body = await get(f"{console.url}/health")
    assert code == 200
    health = json.loads(body)
    assert health["ok"]
    assert health["desk"] == "Harbour Street"
    assert health["calls"] == {"voice": 1, "chat": 0}
    assert health["status"][1] == {"name": "kiosk", "on": False, "why": "no microphone; plug one in"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/app.js", "javascript"),
        ("/voice.js", "javascript"),
        ("/transcript.js", "javascript"),
        ("/worklet.js", "javascript"),
        ("/style.css", "text/css"),
        ("/icon.svg", "image/svg+xml"),
        ("/kiosk", "text/html"),
        ("/kiosk.js", "javascript"),
        ("/editor.css", "text/css"),
        ("/calls.css", "text/css"),
        *((f"/{name}.js", "javascript") for name in ("calls", "strip", "words")),
        *((f"/{name}.js", "javascript") for name in EDITOR),
    ],
)
async def test_the_page_comes_whole_and_asks_for_nothing_from_outside(path: str, kind: str) -> None:
    async with opened(Receptionist()) as console:
        code, headers, body = await get(console.url + path)
    assert code == 200
    assert kind in headers["content-type"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "https://" not in body
    assert "style=" not in body
    assert "server" not in headers


async def test_there_is_nothing_else() -> None:
    async with opened(Receptionist()) as console:
        for path in (
            "/nothing", "/../server.py", "/%2e%2e/server.py", "/talk", "//etc/passwd",
            "/..%2f..%2fetc/passwd", "/%252e%252e/server.py", "/..%5cserver.py", "/access/../server.py",
            "/.%00/app.js", "/static/app.js",
        ):  # fmt: skip
            code, _, _ = await get(console.url + path)
            assert code == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.5:8080", "[", "", "a@b"]
)
async def test_a_name_bent_to_this_address_is_turned_away(host: str) -> None:
    async with opened(Receptionist()) as console:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(console.url.rpartition(":")[2]))
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert answer.startswith((b"HTTP/1.1 421", b"HTTP/1.1 400"))
    assert b"own name" in answer or b"400" in answer


async def test_the_box_may_be_called_localhost() -> None:
    async with opened(Receptionist()) as console:
        code, _, _ = await get(console.url.replace("127.0.0.1", "localhost"))
    assert code == 200


@pytest.mark.parametrize("path", ["/talk", "/chat"])
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:1", "null", "", None, "http://["]
)
async def test_other_pages_reach_neither_microphone_nor_chat(path: str, origin: Any) -> None:
    async with opened(Receptionist()) as console:
        with pytest.raises(InvalidStatus) as refused:
            async with socket(console, path, origin=origin):
                pass
    assert refused.value.response.status_code == 403


async def post(console: Console, path: str, origin: str | None) -> int:
    def send() -> int:
        headers = {} if origin is None else {"Origin": origin}
        request = urllib.request.Request(console.url + path, headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    return await asyncio.to_thread(send)


async def test_the_page_wakes_the_kiosk() -> None:
    woken: list[bool] = []
    async with opened(Receptionist(), wake=lambda: woken.append(True)) as console:
        assert (await get(f"{console.url}/wake"))[0] == 404
        assert not woken
        assert await post(console, "/wake", console.url) == 200
    assert woken == [True]


async def test_where_there_is_no_kiosk_there_is_none_to_wake() -> None:
    async with opened(Receptionist()) as console:
        assert await post(console, "/wake", console.url) == 404


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null", "", None])
async def test_other_pages_do_not_wake_the_kiosk(origin: str | None) -> None:
    woken: list[bool] = []
    async with opened(Receptionist(), wake=lambda: woken.append(True)) as console:
        assert await post(console, "/wake", origin) == 403
    assert not woken


async def test_one_too_many_is_refused_politely_and_room_is_made_again() -> None:
    async with opened(Receptionist()) as console:
        busy = [socket(console, "/talk") for _ in range(VOICES)]
        lines = [await line for line in busy]
        for line in lines:
            await line.send(HELLO)
            await line.recv()
        async with socket(console, "/talk") as late:
            assert json.loads(await late.recv())["type"] == "refused"
            await late.wait_closed()
            assert late.close_code == 1013
        await lines.pop().close()
        await asyncio.sleep(0.1)
        async with calling(console):
            pass
        for line in lines:
            await line.close()


async def test_many_chats_are_refused_too() -> None:
    async with opened(Receptionist()) as console:
        lines = [await socket(console, "/chat") for _ in range(CHATS)]
        async with socket(console, "/chat") as late:
            assert json.loads(await late.recv())["type"] == "refused"
        for line in lines:
            await line.close()


async def test_an_address_in_use_is_an_error_that_names_the_mend() -> None:
    async with opened(Receptionist()) as first:
        second = Console(first.url.removeprefix("http://"))
        with pytest.raises(DeviceError) as refused:
            await second.serve(Receptionist())
    assert "in use" in str(refused.value)
    assert refused.value.mend


@pytest.mark.parametrize(
    "listen", ["", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:99999"]
)
async def test_an_address_that_is_none_is_an_error(listen: str) -> None:
    with pytest.raises(ConfigError, match="host:port"):
        Console(listen)


async def test_it_closes_within_a_second_with_calls_open() -> None:
    stubborn = asyncio.Event()

    async def talk(voice: WebVoice) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stubborn.set()

    console = Console("127.0.0.1:0")
    before = asyncio.all_tasks()
    serving = asyncio.create_task(console.serve(Receptionist(talk)))
    await console.opened.wait()
    chat = await socket(console, "/chat")
    call = await socket(console, "/talk")
    deaf = await socket(console, "/chat", max_queue=1)
    deaf.transport.pause_reading()
    idle = await asyncio.open_connection("127.0.0.1", int(console.url.rpartition(":")[2]))
    await call.send(HELLO)
    await call.recv()
    serving.cancel()
    await asyncio.wait({serving}, timeout=5)
    assert serving.cancelled()
    assert stubborn.is_set()
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", int(console.url.rpartition(":")[2]))
    await call.wait_closed()
    assert call.close_code == 1001
    for line in (chat, deaf):
        line.transport.abort()
        await line.wait_closed()
    idle[1].close()
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() <= before


async def test_the_same_address_can_be_opened_again_at_once() -> None:
    async with opened(Receptionist()) as console, calling(console):
        address = console.url.removeprefix("http://")
    again = Console(address)
    serving = asyncio.create_task(again.serve(Receptionist()))
    await asyncio.wait_for(again.opened.wait(), 2)
    serving.cancel()
    await asyncio.wait({serving})
    assert serving.cancelled()
