"""The power goes, again and again, while people talk: nothing that was acknowledged is lost."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from appliance.observe.encrypting import encrypt
from tests.observe.power import cut, found_whole

CUTS = int(os.environ.get("POWER_CUTS", "1000"))
SEED = int(os.environ.get("POWER_SEED", "100"))


async def cuts(folder: Path, count: int, seed: int) -> int:
    """How many recordings there were after all of them."""
    chance = random.Random(seed)
    recordings = 0
    for round in range(count):
        told = cut(folder, round, chance)
        assert told.events
        recordings += await found_whole(folder, told)
    return recordings


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_box_that_the_power_was_cut_from_opens_whole(tmp_path: Path, encrypted: bool) -> None:
    if encrypted:
        encrypt(tmp_path / "var", tmp_path / "key")
    assert await cuts(tmp_path / "var", 8, seed=encrypted) > 4


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_thousand_power_cuts(tmp_path: Path, encrypted: bool) -> None:
    if encrypted:
        encrypt(tmp_path / "var", tmp_path / "key")
    recordings = await cuts(tmp_path / "var", CUTS // 2, seed=SEED + encrypted)
    print(f"{CUTS // 2} power cuts, {recordings} recordings, all of them played")
