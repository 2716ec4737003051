"""The page's API: each part of it is described, is for who it should be for, and refuses cleanly what it does
not understand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi import checks
from starlette.routing import Mount, Route, WebSocketRoute

from appliance.console.description import LOOKED_AT, SENT
from appliance.console.server import PAGES
from tests.console.editing import Page, editing

OPEN = {"/access/me", "/access/enter", "/access/pair", "/access/leave"}
"""What anybody may ask."""

VISITORS = {"/health", "/wake", "/", "/kiosk", "/metrics", "/openapi.json"}
"""What a visitor at the machine itself may."""

STATELESS = {"/access/leave"}

CHECKS = [
    checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance,
]  # fmt: skip


async def test_every_part_is_described_and_nothing_else_is_there(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        routes = page.console._app().routes
        there = {route.path for route in routes if isinstance(route, Route)}
        assert there == {*LOOKED_AT, *SENT, *PAGES}
        others = {route.path for route in routes if isinstance(route, WebSocketRoute | Mount)}
        assert others == {"/talk", "/chat", "/desk/trials/{id}/talk", "/desk/trials/{id}/chat", "/access", ""}


async def test_who_has_not_entered_gets_nothing_but_what_is_for_visitors(tmp_path: Path) -> None:
    async with editing(tmp_path, claimed=True) as page:
        origin = {"origin": page.console.url}
        async with httpx2.AsyncClient(base_url=page.console.url, headers=origin, timeout=30) as browser:
            for path in {*LOOKED_AT, *PAGES} - OPEN - VISITORS:
                assert (await browser.get(path)).status_code in (401, 403), path
            for path in {*SENT} - OPEN - VISITORS:
                assert (await browser.post(path, json={})).status_code == 401, path
                assert (await browser.get(path)).status_code in (404, 405), path


@pytest.mark.parametrize("entered", [True, False])
async def test_whatever_is_sent_is_answered_as_described(tmp_path: Path, entered: bool) -> None:
    async with editing(tmp_path, claimed=True) as page:
        if entered:
            await page.enter("root")
        await asyncio.to_thread(_send_anything, page, 3 if entered else 1)
        assert (await page.ask("/health"))[0] == 200


def _send_anything(page: Page, times: int) -> None:
    described = httpx2.get(f"{page.console.url}/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described)
    headers = {"Origin": page.console.url, "Cookie": page.cookie}

    def sends(operation: Any) -> None:
        @settings(max_examples=times, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            case.call_and_validate(base_url=page.console.url, headers=headers, checks=CHECKS)

        send()

    for result in schema.get_all_operations():
        if (operation := result.ok()).path not in STATELESS:
            sends(operation)
