"""The amd64 card after the power went, wherever in an update that was, and in the calls beside it.

make image BOARD=amd64, then make test-image; half an hour
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.image.crash import Crashes
from tests.image.emulator import copy, stick
from tests.image.pc import CONSOLE, Pc
from tests.image.test_emulated import BOX, MADE, WATCHED
from tests.machine import folder

DISK = MADE / "amd64.img"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("qemu-system-x86_64", "mcopy", "e2undo", "debugfs")),
        reason="needs qemu-system-x86, mtools, e2fsprogs",
    ),
    pytest.mark.skipif(not DISK.is_file(), reason=f"{DISK} is not made: make image BOARD=amd64"),
]


def test_wherever_the_power_goes_a_system_starts_and_what_was_promised_is_there() -> None:
    place = folder()
    try:
        watched = WATCHED.replace("ttyAMA0", CONSOLE)
        crashes = Crashes(copy(DISK, place / "card.img", BOX), place / "cut", watched, CONSOLE, Pc)
        crashes.expect(MADE / "amd64" / "system.img", MADE / "amd64" / "boot.img")
        crashes.record(stick(place / "stick.img", [_bundle()]), within=2400)
        found = crashes.replay(states=int(os.environ.get("CRASH_STATES", "500")))
        print(found)
        assert found.states >= 500
        assert found.unbootable == 0
        assert found.lost == 0
        assert found.committed_b, "the new system was never the one to be started"
    finally:
        shutil.rmtree(place)


def _bundle() -> Path:
    [bundle] = [each for each in MADE.glob("amd64-*.raucb") if "-models-" not in each.name]
    return bundle
