"""A new system is handed to the units of the image; what became of it is asked for, after a start too."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from appliance.bench.turns.clock import run_scripted
from appliance.errors import ApplianceError
from appliance.orders import installer

NAME = "ab" * 32


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box that runs from the image, and the bundle that came to it."""
    for folder in ("update", "data/pieces"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data/pieces" / NAME).write_bytes(b"a system")
    monkeypatch.setattr(installer, "TRIED", tmp_path / "update/tried.json")
    return tmp_path


def became(box: Path, word: str) -> None:
    (box / "update/tried.json").write_text(json.dumps({NAME: word}))


def offered(box: Path) -> Path:
    return box / "data/updates" / f"{NAME}.raucb"


async def install(box: Path) -> None:
    await installer.install(box / "data/pieces" / NAME, box / "data")


def test_a_system_is_offered_whole_and_waited_for_until_it_is_kept(box: Path) -> None:
    async def handed() -> None:
        installing = asyncio.create_task(install(box))
        await asyncio.sleep(10)
        assert offered(box).read_bytes() == b"a system"
        became(box, "trying")
        offered(box).unlink()
        await asyncio.sleep(10)
        assert not installing.done()
        assert not offered(box).exists(), "it is offered once"
        became(box, "committed")
        await installing

    run_scripted(handed())


def test_after_the_start_that_tried_it_who_asks_again_learns_what_became_of_it(box: Path) -> None:
    became(box, "committed")
    run_scripted(install(box))
    became(box, "failed")
    with pytest.raises(ApplianceError, match="the box was not well with it"):
        run_scripted(install(box))
    assert not offered(box).exists()


def test_what_was_offered_when_the_power_went_is_offered_still(box: Path) -> None:
    async def twice() -> None:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(install(box), 5)
        assert offered(box).read_bytes() == b"a system"

    became(box, "installing")
    run_scripted(twice())


def test_a_box_on_which_nothing_comes_of_it_says_so_in_the_end(box: Path) -> None:
    with pytest.raises(ApplianceError, match="not installed in time"):
        run_scripted(install(box))
