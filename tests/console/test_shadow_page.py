"""The page of a draft that is tried: by night on the calls that were, and by day on some of the callers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.editing import NEWER, digest, editing
from tests.console.test_calls import record
from tests.console.visiting import missing, visit


@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
async def test_a_draft_is_put_aside_to_be_tried_by_night_and_what_came_of_it_is_told(tmp_path: Path) -> None:
    report = {
        "at": "2026-11-27T02:10:00.000+00:00", "desk": "0123456789ab", "candidate": "ba9876543210",
        "by": "sound", "calls": 3, "turns": 7, "better": 1, "worse": 0, "marks": {"understood": [2, 1]},
        "changed": [{
            "call": "looked-at", "said": "where can I leave my car", "heard": "where can I live my car",
            "was": ["hours", "We are open from nine."], "now": ["parking", "Behind the house."],
        }],
    }  # fmt: skip
    async with editing(tmp_path) as page:
        record(page.app.books)
        page.app.books.calls.keep_shadow(report)
        assert (await page.ask("candidate", {"text": "nonsense = ["}))[0] == 422
        assert not page.workshop.candidate_file.exists()
        assert (await page.ask("candidate", {"text": NEWER}))[0] == 200
        assert page.workshop.candidate_file.read_text() == NEWER
        seen = await visit(
            page.console,
            ["see", "#next", "tonight"],
            ["see", "#next", "no calls are recorded on this box"],
            ["see", "#figures", "calls better"],
            ["read", "changed", "#changed li"],
            ["evaluate", "wide", "document.documentElement.scrollWidth"],
            ["press", "#drop"],
            ["see", "#next", "Nothing."],
            ["press", "#changed a"],
            ["see", "#marks", "greeted"],
            url=f"{page.console.url}/shadow.html",
            viewport={"width": 390, "height": 844},
        )
        assert not page.workshop.candidate_file.exists()
        (_, told) = await page.ask("shadow", {})
    assert (told["candidate"], told["recorded"]) == ("", False)
    (changed,) = seen.readings["changed"]
    assert "heard now" in changed
    assert changed.index("We are open from nine.") < changed.index("Behind the house.")
    assert seen.readings["wide"] <= 390


@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
async def test_some_of_the_callers_are_given_to_it_and_how_they_fare_is_seen(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        assert (await page.ask("candidate/share", {"percent": 10}))[0] == 422
        assert (await page.ask("candidate", {"text": NEWER}))[0] == 200
        assert (await page.ask("candidate/share", {"percent": 90}))[0] == 422
        assert (await page.ask("candidate/share", {"percent": "ten"}))[0] == 400
        seen = await visit(
            page.console,
            ["see", "#next", "tonight"],
            ["choose", "#percent", "25"],
            ["press", "#begin"],
            ["see", "#how", "answers 25 % of the callers"],
            ["evaluate", "wide", "document.documentElement.scrollWidth"],
            ["press", "#end"],
            ["see", "#how", "ended by hand"],
            url=f"{page.console.url}/shadow.html",
            viewport={"width": 390, "height": 844},
        )
        assert page.app.candidate is None
        told = (await page.ask("shadow", {}))[1]["shared"]
    assert (told["version"], told["percent"], told["calls"]) == (digest(NEWER), 25, [0, 0])
    assert seen.readings["wide"] <= 390
