"""What a candidate would have changed in yesterday's calls, before anybody hears it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.app import App
from appliance.commands import shadow as command
from appliance.config import Box, read_desk
from appliance.observe.calls import Calls
from appliance.workshop.shadow import shadow
from tests.observe.test_erasing import NUMBER, lived, opened
from tests.test_app import ENGINES


async def test_a_candidate_is_tried_by_recorded_calls_and_nobody_hears_it(tmp_path: Path) -> None:
    desk = await lived(tmp_path)
    var = tmp_path / "var"
    fewer = replace(desk, flow={}, digest="candidate")
    store, calls, eraser = opened(var)
    before = store.read("select count(*) from event")
    async with App(Box(tmp_path / "alone", engines=ENGINES), desk) as app:
        same = await shadow((app, desk), (app, desk), calls)
        other = await shadow((app, desk), (app, fewer), calls)
    assert (same["calls"], same["changed"], same["better"], same["worse"]) == (3, [], 0, 0)
    assert other["changed"][0]["was"][0] == "book"
    assert other["changed"][0]["now"][0] != "book"
    assert other["worse"] + other["better"] > 0
    assert store.read("select count(*) from event") == before
    # It holds what callers said: it goes with whoever is erased.
    calls.keep_shadow(other)
    assert calls.shadow() == other
    eraser.erase(eraser.find(NUMBER))
    assert calls.shadow() is None
    calls.close()
    store.close()


async def test_calls_without_a_recording_are_not_replayed(tmp_path: Path) -> None:
    desk = await lived(tmp_path)
    calls = Calls(tmp_path / "var")
    calls.unrecord([1, 2, 3])
    async with App(Box(tmp_path / "alone", engines=ENGINES), desk) as app:
        assert (await shadow((app, desk), (app, desk), calls))["calls"] == 0
    calls.close()


def test_the_command_wants_something_to_try(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="nothing to try"):
        command.run(None, None, None, None, 1)
    assert read_desk(None)
