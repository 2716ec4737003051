"""The page of a box that is nobody's yet."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import ApplianceError
from appliance.firstboot import page as pages
from appliance.firstboot.page import Page, Told, read
from tests.console.visiting import missing, visit

GOOD = {"network": "Home", "password": "long enough", "code": "AAAA", "server": "fleet.example.org:8884"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOMENT", 0.0)


def posted(
    page: Page, body: bytes, kind: str = "application/json", **headers: str
) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"{page.url}/pair", body, {"content-type": kind, **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


async def test_what_is_told_to_it_is_taken_once() -> None:
    async with Page("127.0.0.1", 0, []) as page:
        for told in (GOOD, GOOD | {"network": "Another"}):
            assert await asyncio.to_thread(posted, page, json.dumps(told).encode()) == (202, {})
        assert asdict(await page.told()) == GOOD


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"network": "x" * 33}, "32 letters"),
        ({"password": "short"}, "8 to 63"),
        ({"password": "x" * 64}, "8 to 63"),
        ({"network": ""}, "no network"),
        ({"network": "a\nb"}, "line break"),
        ({"server": ""}, "go together"),
        ({"server": "no port"}, "is written like"),
        ({"more": "x"}, "otherwise"),
        ({"code": 7}, "otherwise"),
    ],
)
async def test_what_cannot_be_so_is_refused_with_the_reason(wrong: dict[str, Any], why: str) -> None:
    async with Page("127.0.0.1", 0, []) as page:
        status, told = await asyncio.to_thread(posted, page, json.dumps(GOOD | wrong).encode())
        assert status == 400
        assert why in told["wrong"]


async def test_a_form_of_another_page_is_not_heard_and_a_flood_is_cut_short() -> None:
    async with Page("127.0.0.1", 0, []) as page:
        body = json.dumps(GOOD).encode()
        assert (await asyncio.to_thread(posted, page, body, "text/plain"))[0] == 415
        assert (await asyncio.to_thread(posted, page, b"x" * 10_000))[0] == 400
        assert (await asyncio.to_thread(posted, page, b"[" * 4_000))[0] == 400


async def test_a_name_that_was_bent_to_this_address_is_not_heard() -> None:
    async with Page("127.0.0.1", 0, []) as page:
        bent = partial(posted, page, json.dumps(GOOD).encode(), host="evil.example")
        assert (await asyncio.to_thread(bent))[0] == 421


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    try:
        told = read(body)
    except ApplianceError:
        return
    assert isinstance(told, Told)


@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
@pytest.mark.parametrize("picture", [{"width": 1280, "height": 800}, {"width": 360, "height": 640}])
async def test_it_is_filled_in_by_keyboard_in_a_browser_and_on_a_telephone(
    picture: dict[str, int], tmp_path: Path
) -> None:
    async with Page("127.0.0.1", 0, ["Home", "Office"], "the network Home is not joined") as page:
        seen = await visit(
            page,  # type: ignore[arg-type]
            ["see", "#trouble", "the network Home is not joined"],
            [
                "evaluate",
                "networks",
                "[...document.querySelectorAll('#networks option')].map((one) => one.value)",
            ],
            ["evaluate", "fits", "document.documentElement.scrollWidth <= innerWidth"],
            ["focus", "input[name=network]"],
            ["fill", "input[name=network]", "Home"],
            ["key", "Tab"],
            ["fill", "input[name=password]", "long enough"],
            ["fill", "input[name=code]", "AAAA"],
            ["fill", "input[name=server]", "fleet.example.org:8884"],
            ["key", "Enter"],
            ["see", "#done", "goes over to its network"],
            viewport=picture,
        )
        assert seen.readings == {"networks": ["Home", "Office"], "fits": True}
        assert asdict(await page.told()) == GOOD
