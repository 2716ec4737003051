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


ABOUT_TO_REMOVE: list[list[Any]] = [
    ["fill", "#enter [name=name]", "ann"],
    ["fill", "#enter [name=password]", PASSWORD],
    ["key", "Enter"],
    ["see", "#me-title", "ann"],
    ["fill", "#token [name=label]", "monitor"],
    ["fill", "#token [name=password]", PASSWORD],
    ["key", "Enter"],
    ["press", "#tokens button"],
]
"""Ann has come in and made a token, and is asked whether to remove it."""

LATE = """
const ask = window.fetch;
const left = Promise.withResolvers();
window.fetch = async (path, sent) => {
  if (path.endsWith("/list")) await left.promise;
  const answer = await ask(path, sent);
  if (path.endsWith("/leave")) {
    left.resolve();
    await new Promise((done) => setTimeout(done, 300));
  }
  return answer;
};
"""
"""What the page still asks for arrives when one has left, and is answered before one sees another page."""


async def test_who_leaves_while_the_page_loads_is_out(tmp_path: Path) -> None:
    async with editing(tmp_path, claimed=True) as page:
        await go(
            page,
            "/access/account.html",
            *ABOUT_TO_REMOVE,
            ["evaluate", "late", LATE],
            ["press", "#asking [value=yes]"],
            ["wait", 0.5],
            ["press", "#leave"],
            ["wait", 1],
            ["see", "#door", "Enter"],
        )


async def test_whose_session_is_over_is_led_to_the_way_in(tmp_path: Path) -> None:
    async with editing(tmp_path, claimed=True) as page:
        await go(
            page,
            "/access/account.html",
            *ABOUT_TO_REMOVE,
            ["evaluate", "over", "fetch('/access/leave', { method: 'POST', body: '{}' }).then(() => 'over')"],
            ["press", "#asking [value=yes]"],
            ["see", "#enter", "Password"],
        )


async def test_whose_session_is_over_while_he_is_at_the_desk_is_led_there_too(tmp_path: Path) -> None:
    over = """(() => {
      const told = {wrong: 'You have not entered', mend: 'Enter', enter: '/access/enter.html'};
      window.fetch = async () => new Response(JSON.stringify(told), {status: 401});
    })()"""
    async with editing(tmp_path, claimed=True) as page:
        await go(
            page, "/", ["see", "h1", "Alder House"], ["evaluate", "over", over], ["see", "#title", "Enter"]
        )


async def test_who_enters_by_a_link_of_somebody_elses_stays_at_this_machine(tmp_path: Path) -> None:
    async with editing(tmp_path, claimed=True) as page:
        seen = await go(
            page,
            "/access/enter.html?to=/.//elsewhere.example/access/account.html",
            *ABOUT_TO_REMOVE[:2],
            ["key", "Enter"],
            ["wait", 0.5],
            ["evaluate", "at", "location.origin"],
        )
        assert seen.readings["at"] == page.console.url


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
