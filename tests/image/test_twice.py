"""Same inputs, same bits: the amd64 image built once more, from Debian's packages on, by another checkout of
the same commit.

make image BOARD=amd64, then make test-image
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.image.test_emulated import KEYS, MADE
from tests.image.test_made import digest
from tests.machine import SOURCE, folder

FIRST = MADE / "amd64.img"
COMPARED = ("amd64/boot.img", "amd64/system.img", "amd64/data.img", "amd64.img", "amd64.spdx.json")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="an image has files of many users: needs root"),
    pytest.mark.skipif(not FIRST.is_file(), reason=f"{FIRST} is not made: make image BOARD=amd64"),
]


def test_a_second_build_is_the_same_to_the_bit() -> None:
    there = folder()
    try:
        # What was downloaded is lent to it; every archive is checked against its hash all the same.
        shutil.copytree(MADE / "archives-amd64", there / "archives-amd64")
        other = there / "checkout"
        subprocess.run(["git", "clone", "-q", SOURCE, other], check=True)
        (other / ".venv").symlink_to(SOURCE / ".venv")
        for model in (each for each in (SOURCE / "models").iterdir() if each.is_dir()):
            (other / "models" / model.name).symlink_to(model)
        make = [other / ".venv/bin/python", other / "image/make", "amd64", "--out", there, "--keys", KEYS]
        subprocess.run(make, check=True)
        differ = [name for name in COMPARED if whole(MADE / name) != whole(there / name)]
    finally:
        shutil.rmtree(there)
    assert not differ, f"{differ} differ from {MADE}: was that built from this source?"


def whole(path: Path) -> str:
    return digest(path, 0, path.stat().st_size)
