"""The amd64 card after the power went, wherever in an update that was, and in the calls beside it.

make image BOARD=amd64, then make test-image; half an hour
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.crash import Crashes
from tests.image.emulator import Firmware, copy, stick
from tests.image.pc import CONSOLE, Pc
from tests.image.test_emulated import ANSWERS, BOX, MADE, WATCHED
from tests.machine import folder

DISK = MADE / "amd64.img"
WATCHED_HERE = WATCHED.replace("ttyAMA0", CONSOLE)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("qemu-system-x86_64", "mcopy", "e2fsck", "debugfs")),
        reason="needs qemu-system-x86, mtools, e2fsprogs",
    ),
    pytest.mark.skipif(not DISK.is_file(), reason=f"{DISK} is not made: make image BOARD=amd64"),
]


@pytest.fixture
def place() -> Iterator[Path]:
    there = folder()
    yield there
    shutil.rmtree(there)


def test_what_a_start_may_not_mend_by_itself_keeps_no_box_from_coming_up(place: Path) -> None:
    machine = Pc(copy(DISK, place / "card.img", BOX), place / "machine", extra=WATCHED_HERE)
    try:
        hurt(machine.disk)
        machine.power_on()
        machine.until_down(within=1200)
        machine.power_on()
        machine.until(ANSWERS, within=1200)
    finally:
        machine.cut()


def hurt(card: Path) -> None:
    """A file of the data partition that is in no folder: which one is for a person to say."""
    data = f"{card}?offset={Firmware(card).partitions()['data'].start}"
    for change in ("write /etc/hostname lost", "unlink lost", "set_super_value state 2"):
        subprocess.run(["debugfs", "-w", "-R", change, data], check=True, capture_output=True)


def test_wherever_the_power_goes_a_system_starts_and_what_was_promised_is_there(place: Path) -> None:
    crashes = Crashes(copy(DISK, place / "card.img", BOX), place / "cut", WATCHED_HERE, CONSOLE, Pc)
    crashes.expect(MADE / "amd64" / "system.img", MADE / "amd64" / "boot.img")
    crashes.record(stick(place / "stick.img", [_bundle()]), within=2400)
    found = crashes.replay(states=int(os.environ.get("CRASH_STATES", "500")))
    print(found)
    assert found.states >= 500
    assert found.unbootable == 0
    assert found.lost == 0
    assert found.committed_b, "the new system was never the one to be started"


def _bundle() -> Path:
    [bundle] = [each for each in MADE.glob("amd64-*.raucb") if "-models-" not in each.name]
    return bundle
