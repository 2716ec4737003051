"""The way in, one's account, and the visitors' screen, in a real browser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.console.editing import PASSWORD, Page, editing
from tests.console.visiting import Visit, missing, visit

pytestmark = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@dataclass
class Place:
    url: str


async def go(page: Page, path: str, *steps: list[Any], **options: Any) -> Visit:
    return await visit(Place(page.console.url + path), *steps, **options)  # type: ignore[arg-type]


async def test_the_first_account_is_made_at_the_machine_with_the_keyboard_alone(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        seen = await go(
            page,
            "/",
            ["see", "#unclaimed", "Whoever is at this machine"],
            ["focus", "#unclaimed a"],
            ["key", "Enter"],
            ["see", "#title", "The first account"],
            ["wait", 0.3],
            ["evaluate", "code", "document.querySelector('#pair [name=code]').value"],
            ["evaluate", "focused", "document.activeElement.name"],
            ["fill", "#pair [name=name]", "ann"],
            ["fill", "#pair [name=password]", "password1234"],
            ["key", "Enter"],
            ["see", "#pair .wrong", "easy to guess"],
            ["fill", "#pair [name=password]", PASSWORD],
            ["key", "Enter"],
            ["see", "#editor", "Accounts"],
            ["press", "#editor a:last-child"],
            ["see", "#me-title", "ann"],
            ["fill", "#token [name=label]", "monitor"],
            ["fill", "#token [name=password]", PASSWORD],
            ["key", "Enter"],
            ["see", "#made", "tok_"],
            ["fill", "#add [name=name]", "bob"],
            ["fill", "#add [name=new]", f"{PASSWORD}!"],
            ["fill", "#add [name=password]", PASSWORD],
            ["key", "Enter"],
            ["see", "#accounts", "bob"],
            ["press", "#accounts li:has-text('bob') button"],
            ["fill", "#asking [name=new]", f"{PASSWORD}?"],
            ["fill", "#asking [name=password]", PASSWORD],
            ["key", "Enter"],
            ["see", "#notice", "bob has another password now"],
            ["press", "#leave"],
            ["see", "#door", "Enter"],
        )
    assert len(seen.readings["code"]) == 9
    assert seen.readings["focused"] == "name"


@pytest.mark.parametrize("claimed", [True, False])
async def test_the_visitors_screen_leads_nowhere_else(tmp_path: Path, claimed: bool) -> None:
    async with editing(tmp_path, claimed=claimed) as page:
        seen = await go(
            page,
            "/kiosk",
            ["see", "#desk", "Alder House"],
            ["fill", "#text", "when are you open"],
            ["key", "Enter"],
            ["see", "#transcript .desk", "We are open"],
            ["evaluate", "ways out", "document.querySelectorAll('a, .status, #wake').length"],
        )
    assert seen.readings["ways out"] == 0
