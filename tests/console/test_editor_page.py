"""The manager at the editor, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.console.editing import NEWER, PASSWORD, TEXT, Page, editing
from tests.console.visiting import Visit, missing, visit
from tests.workshop.test_workshop import calling

pytestmark = pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")

NAMELESS = """[...document.querySelectorAll("button, input, textarea, select")].filter((each) =>
  each.checkVisibility() && !(each.ariaLabel || each.labels?.length || each.textContent.trim())
).map((each) => each.id)"""
"""What has no name that a screen reader could say."""

HELD = """(() => {
  const whole = window.fetch;
  const held = new Promise((go) => (window.go = go));
  window.fetch = async (where, how) => {
    if (where === PATH) await held;
    return whole(where, how);
  };
})()"""
"""Answers to what is asked at a path wait for `go()`."""

WELL = ["see", "#verdict", "All is well"]


async def edit(page: Page, *steps: list[Any], **options: Any) -> Visit:
    return await visit(page.console, *steps, url=f"{page.console.url}/editor.html", **options)


def typing(before: str, after: str) -> list[str]:
    """The step of putting other words in the file."""
    script = """(() => {
      const field = document.querySelector('#source');
      field.value = field.value.replace(BEFORE, AFTER);
      field.dispatchEvent(new Event('input'));
    })()"""
    return ["evaluate", "typed", script.replace("BEFORE", repr(before)).replace("AFTER", repr(after))]


async def test_a_fact_is_changed_tried_out_and_put_live_while_somebody_calls(tmp_path: Path) -> None:
    async with editing(tmp_path) as page, calling(page.app) as guest:
        seen = await edit(
            page,
            WELL,
            ["see", "#live", "This is what is live"],
            ["press", ".fact:first-child .head button"],
            ["fill", ".fact-form textarea >> nth=1", "We are open from ten."],
            ["press", ".fact-form .main"],
            ["see", ".fact .say", "from ten"],
            ["see", "#live", "not live yet"],
            ["fill", "#text", "when are you open"],
            ["key", "Enter"],
            ["see", "#transcript .desk", "from ten"],
            ["read", "reason", ".reason"],
            WELL,
            ["press", "#publish"],
            ["see", "#pending .added", "from ten"],
            ["see", "#pending .gone", "from nine"],
            ["fill", "#why", "Later from now on"],
            ["fill", "#by", "Ann"],
            ["press", "#go-live"],
            ["see", "#toast", "It is live"],
            ["see", "#live", "This is what is live"],
        )
        assert seen.readings["reason"][0].startswith("hours · phrase")
        assert await guest.ask("when are you open") == "We are open from nine."
        async with calling(page.app, "next") as other:
            assert await other.ask("when are you open") == "We are open from ten."
        version = page.workshop.versions()[0]
        assert (version.by, version.why) == ("Ann", "Later from now on")
    assert (tmp_path / "desk.toml").read_text() == NEWER


async def test_a_mistake_is_shown_at_its_line_as_one_types_and_cannot_go_live(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        seen = await edit(
            page,
            WELL,
            ["press", "#tab-file"],
            typing('say = "Park', 'sai = "Park'),
            ["see", "#verdict", "1 to mend"],
            ["see", "#lines li.error", "sai"],
            ["see", "#findings", "did you mean say?"],
            ["evaluate", "live", "document.querySelector('#publish').disabled"],
            ["press", "#findings button"],
            ["evaluate", "line", "document.querySelector('#source').selectionStart"],
            typing('sai = "Park', 'say = "Park'),
            WELL,
            ["evaluate", "marks", "document.querySelectorAll('.flag').length"],
        )
        assert seen.readings["live"] is True
        assert TEXT[: seen.readings["line"]].count("\n") == 11
        assert seen.readings["marks"] == 0


@pytest.mark.parametrize("width", [380, 1280])
async def test_the_lines_lie_under_their_letters_at_any_width(tmp_path: Path, width: int) -> None:
    long = TEXT + f"\n# {'a long remark, ' * 40}\n# {'x' * 700}\n\n"
    async with editing(tmp_path, long) as page:
        seen = await edit(
            page,
            WELL,
            ["press", "#tab-file"],
            ["evaluate", "field", "document.querySelector('#source').scrollHeight"],
            ["evaluate", "lines", "document.querySelector('#lines').scrollHeight"],
            ["evaluate", "count", "document.querySelectorAll('#lines li').length"],
            ["evaluate", "wide", "document.documentElement.scrollWidth"],
            viewport={"width": width, "height": 700},
        )
        assert seen.readings["count"] == long.count("\n") + 1
        assert abs(seen.readings["field"] - seen.readings["lines"]) <= 1
        assert seen.readings["wide"] == width


async def test_what_callers_asked_becomes_a_fact(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        async with calling(page.app) as guest:
            await guest.ask("do you sell stamps")
        await edit(
            page,
            WELL,
            ["press", "#asked summary"],
            ["see", "#questions", "do you sell stamps"],
            ["press", "#questions button >> nth=1"],
            ["press", "#adding .main"],
            ["fill", ".fact-form input >> nth=0", "stamps"],
            ["fill", ".fact-form textarea >> nth=1", "No, but the library does."],
            ["press", ".fact-form .main"],
            ["see", ".fact.fresh", "No, but the library does."],
            ["press", "#questions button >> nth=0"],
            ["see", "#transcript .desk", "No, but the library does."],
            ["see", "#questions .answered", "Your draft answers it: stamps"],
        )
        assert page.workshop.text == TEXT


async def test_one_click_goes_back_and_another_undoes_that(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        await page.publish(NEWER)
        await edit(
            page,
            WELL,
            ["press", "#tab-versions"],
            ["press", "#version-list li:first-child button"],
            ["see", "#changes .added", "from ten"],
            ["press", "#version-list li:last-child button"],
            ["see", "#toast", "The desk is back"],
        )
        assert page.workshop.text == TEXT
        await edit(
            page,
            WELL,
            ["press", "#tab-versions"],
            ["press", "#version-list li:nth-child(2) button >> nth=1"],
            ["see", "#version-list li:nth-child(4)", ""],
            ["press", "#toast button"],
            ["see", "#version-list li:nth-child(5)", ""],
        )
        assert page.workshop.text == TEXT
        assert len(page.workshop.versions()) == 5


async def test_a_file_changed_by_hand_is_told_of_and_brought_together(tmp_path: Path) -> None:
    by_hand = TEXT.replace("behind the house", "in the yard")
    async with editing(tmp_path) as page:
        (tmp_path / "desk.toml").write_text(by_hand)
        await edit(
            page,
            ["see", "#notice", "changed by hand"],
            WELL,
            typing("from nine", "from ten"),
            WELL,
            ["press", "#notice button"],
            ["see", ".fact .say", "in the yard"],
            ["press", "#toast button"],
            ["see", ".fact .say", "from ten"],
            WELL,
            ["evaluate", "held", HELD.replace("PATH", "'desk/compare'")],
            ["press", "#publish:enabled"],
            ["press", "#go-live"],
            ["see", "#meanwhile", "bring both together"],
            ["evaluate", "on", "window.go()"],
            ["wait", 0.3],
            ["see", "#pending .added", "in the yard"],
            ["press", "#publishing [value='']"],
            ["press", "#publish:enabled"],
            ["see", "#pending .added", "from ten"],
            ["press", "#go-live"],
            ["see", "#meanwhile", "bring both together"],
            ["press", "#take-both"],
            ["see", "#pending .added", "from ten"],
            ["press", "#go-live"],
            ["see", "#toast", "It is live"],
        )
        assert page.workshop.text == NEWER.replace("behind the house", "in the yard")


async def test_a_draft_outlives_the_page(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        seen = await edit(
            page,
            WELL,
            typing("from nine", "from ten"),
            ["see", "#live", "not live yet"],
            ["evaluate", "away", "location.reload()"],
            ["see", "#live", "not live yet"],
            ["see", ".fact .say", "from ten"],
            ["press", "#discard"],
            ["see", "#live", "This is what is live"],
            ["see", ".fact .say", "from nine"],
            ["press", "#toast button"],
            ["see", ".fact .say", "from ten"],
            ["evaluate", "kept", "localStorage.length"],
        )
        assert seen.readings["kept"] == 1
        assert page.workshop.text == TEXT


async def test_who_has_not_entered_is_shown_the_way_in_and_comes_back(tmp_path: Path) -> None:
    async with editing(tmp_path, claimed=True) as page:
        seen = await edit(
            page,
            ["see", "#title", "Enter"],
            ["fill", "[name=name]:visible", "ann"],
            ["fill", "[name=password]:visible", "a brass spoon"],
            ["key", "Enter"],
            ["see", "#enter .wrong", "is wrong"],
            ["fill", "[name=password]:visible", PASSWORD],
            ["key", "Enter"],
            WELL,
            ["evaluate", "by", "document.querySelector('#by').value"],
        )
        assert seen.readings["by"] == "ann"


async def test_the_keyboard_is_enough(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        seen = await edit(
            page,
            WELL,
            ["focus", "#tab-facts"],
            ["key", "ArrowRight"],
            ["see", "#tab-file[aria-selected=true]:focus", ""],
            ["key", "Tab"],
            ["see", "#source:focus", ""],
            ["key", "Control+End"],
            ["key", "#"],
            ["see", "#live", "not live yet"],
            WELL,
            ["see", "#publish:enabled", ""],
            ["key", "Control+s"],
            ["see", "#why:focus", ""],
            ["key", "n"],
            ["key", "Enter"],
            ["see", "#toast", "It is live"],
            ["evaluate", "names", NAMELESS],
        )
        assert seen.readings["names"] == []
        assert page.workshop.text == TEXT + "#"


async def test_the_page_leads_to_it(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        await visit(page.console, ["press", "#editor a"], WELL)


async def test_what_is_sent_twice_while_the_draft_is_made_ready_is_asked_once(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        seen = await edit(
            page,
            WELL,
            ["evaluate", "held", HELD.replace("PATH", "'desk/try'")],
            ["fill", "#text", "when are you open"],
            ["key", "Enter"],
            ["key", "Enter"],
            ["press", "#speak"],
            ["press", "#speak"],
            ["evaluate", "on", "window.go()"],
            ["see", "#transcript .desk", "from nine"],
            ["wait", 0.5],
            ["read", "asked", "#transcript .caller"],
            ["evaluate", "trials", "performance.getEntriesByName(new URL('desk/try', location)).length"],
        )
    assert len(seen.readings["asked"]) == seen.readings["trials"] == 1
    assert not any(url.endswith("/talk") for url in seen.asked)


async def test_a_try_out_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    script = """(() => {
      const Original = window.WebSocket;
      window.WebSocket = class extends Original {
        constructor(...where) { super(...where); window.socket = this; }
      };
    })()"""
    gone = """(async () => {
      window.socket.close(4000);
      const text = document.querySelector('#source').value;
      for (let n = 0; n < 3; n++) {
        await fetch('desk/try', {method: 'POST', body: JSON.stringify({text, questions: []})});
      }
    })()"""
    async with editing(tmp_path) as page:
        seen = await edit(
            page,
            WELL,
            ["evaluate", "listening", script],
            ["fill", "#text", "when are you open"],
            ["key", "Enter"],
            ["see", "#transcript .desk", "from nine"],
            ["evaluate", "gone", gone],
            ["see", "#problem", "broke off"],
            ["fill", "#text", "where can I park"],
            ["key", "Enter"],
            ["see", "#transcript .desk:last-child", "Park"],
            ["read", "said", "#transcript .words"],
        )
    assert len(seen.readings["said"]) == 4


async def test_a_check_that_the_network_swallowed_is_made_again(tmp_path: Path) -> None:
    failing = """(() => {
      const whole = window.fetch;
      let failures = 1;
      window.fetch = async (where, how) => {
        if (String(where) === 'desk/check' && failures-- > 0) throw new TypeError('Failed to fetch');
        return whole(where, how);
      };
    })()"""
    async with editing(tmp_path) as page:
        await edit(
            page,
            WELL,
            ["press", "#tab-file"],
            ["evaluate", "away", failing],
            typing("from nine", "from ten"),
            ["see", "#verdict.error", "does not answer"],
            WELL,
            ["press", "#publish"],
        )


async def test_what_is_typed_in_a_fact_is_lost_to_no_other_and_to_nobody_else(
    tmp_path: Path,
) -> None:
    publish = """fetch('desk').then((it) => it.json()).then(({digest}) => fetch('desk/publish', {
      method: 'POST', body: JSON.stringify({text: NEWER, base: digest, by: 'Bob', why: ''})
    })).then(() => 0)"""
    async with editing(tmp_path) as page:
        await edit(
            page,
            WELL,
            ["press", ".fact:first-child .head button"],
            ["fill", ".fact-form textarea >> nth=1", "We are open from eleven."],
            ["press", ".fact:nth-child(2) .head button"],
            ["see", "#toast", "Keep what you have written here"],
            ["see", ".fact-form textarea:focus", ""],
            ["evaluate", "bob", publish.replace("NEWER", json.dumps(NEWER))],
            ["see", "#live", "This is what is live"],
            ["wait", 5.5],
            WELL,
            ["wait", 0.5],
            ["press", ".fact-form .main"],
            ["see", "#toast", "Somebody else changed this meanwhile: it says We are open from ten."],
            ["press", ".fact-form .main"],
            ["see", ".fact.fresh .say", "from eleven"],
        )
