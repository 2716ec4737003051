"""The arm64 image in an emulator, behind what acts out a Raspberry Pi's firmware: flashed, updated from a
stick, tried with systems that are not healthy, and left without power in the middle of it.

    make image BOARD=arm64, then make test-image; about half an hour
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.crash import Crashes
from tests.image.emulator import Firmware, Machine, copy, stick
from tests.image.scripts import IMAGE
from tests.machine import folder

MADE = Path(os.environ.get("APPLIANCE_IMAGE", Path(__file__).parents[2] / "build" / "image"))
DISK = MADE / "arm64.img"
KEYS = Path(os.environ.get("APPLIANCE_KEYS", Path.home() / ".config/appliance/update-keys"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(
            shutil.which(tool) for tool in ("qemu-system-aarch64", "fdtput", "mcopy", "rauc", "unsquashfs")
        ),
        reason="needs qemu-system-arm, device-tree-compiler, mtools, rauc, squashfs-tools",
    ),
    pytest.mark.skipif(not DISK.is_file(), reason=f"{DISK} is not made: make image BOARD=arm64"),
]

BOX = """\
data = "/var/lib/appliance"
[kiosk]
enabled = false
[engines]
asr = {engine = "none"}
tts = {engine = "none"}
llm = {engine = "none"}
embed = {engine = "words"}
vad = {engine = "none"}
eot = {engine = "none"}
"""
"""An emulator has no sound card, and is some thirty times too slow to speak with; its engines are tried by
test_arm64.py."""

ANSWERS = "Started appliance.service"
PATIENCE = 5400.0
"""Seconds since power on. It takes a few minutes where nobody else computes."""

WATCHED = (
    "console=ttyAMA0 systemd.journald.forward_to_console=1 systemd.journald.max_level_console=info "
    "systemd.default_device_timeout_sec=900"
)


class Shelf:
    """Bundles made of the system that was built."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.place.mkdir(parents=True, exist_ok=True)
        self.stranger = place / "stranger"
        if not self.stranger.exists():
            subprocess.run([IMAGE / "keys", self.stranger], check=True)

    def bundle(self, version: str, keys: Path = KEYS, *, broken: bool = False, small: bool = False) -> Path:
        """The system that was built, as another version. A broken one cannot reach its models; a small one
        has nothing in it, for who is refused is not read further."""
        made, contents = self.place / f"{version}.raucb", self.place / "contents"
        if made.exists():
            return made
        contents.mkdir()
        for name in ("system.img", "boot.img"):
            if small:
                (contents / name).write_bytes(os.urandom(1 << 20))
            else:
                shutil.copy(MADE / "arm64" / name, contents)
        if broken:
            self._break(contents / "boot.img")
        (contents / "manifest.raucm").write_text(
            f"[update]\ncompatible=appliance-arm64\nversion={version}\n[bundle]\nformat=verity\n"
            "[image.rootfs]\nfilename=system.img\n[image.boot]\nfilename=boot.img\n"
        )
        subprocess.run(
            ["rauc", f"--cert={keys}/sign.cert.pem", f"--key={keys}/sign.key.pem", "bundle",
             "--mksquashfs-args=-comp zstd -Xcompression-level 1", contents, made],
            check=True, capture_output=True,
        )  # fmt: skip
        shutil.rmtree(contents)
        return made

    def _break(self, boot: Path) -> None:
        line = (IMAGE / "cmdline.txt").read_text().strip() + " systemd.mask=models.mount\n"
        subprocess.run(["mcopy", "-o", "-i", boot, "-", "::cmdline.txt"], input=line.encode(), check=True)

    def tampered(self, version: str) -> Path:
        """One bit of its signature is another."""
        made = self.bundle(version, small=True)
        with made.open("r+b") as file:
            file.seek(-600, os.SEEK_END)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        return made


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    there = folder()
    yield there
    shutil.rmtree(there, ignore_errors=True)


@pytest.fixture(scope="module")
def shelf(place: Path) -> Shelf:
    return Shelf(place / "shelf")


@pytest.fixture(scope="module")
def machine(place: Path) -> Iterator[Machine]:
    machine = Machine(copy(DISK, place / "card.img", BOX), place / "machine", extra=WATCHED)
    yield machine
    machine.cut()


def test_a_card_that_was_flashed_comes_up_and_its_desk_answers(machine: Machine) -> None:
    machine.power_on()
    took = machine.until(ANSWERS, within=PATIENCE)
    print(f"from power on to 'answers a call': {took:.0f} s, emulated")
    assert machine.partition == 2


def test_the_data_take_all_of_the_card(machine: Machine) -> None:
    size = Firmware(machine.disk).partitions()["data"].size
    assert size > machine.disk.stat().st_size - (3 << 30)


def test_of_what_is_on_a_stick_only_ours_is_installed_tried_and_committed(
    machine: Machine, shelf: Shelf, place: Path
) -> None:
    strange = shelf.bundle("0.1.9-strange", keys=shelf.stranger, small=True)
    tampered = shelf.tampered("0.1.8-tampered")
    machine.plug(stick(place / "stick.img", [tampered, strange, shelf.bundle("0.2.0")]), "first")
    began = time.monotonic()
    machine.until(f"{tampered.name}: refused", within=PATIENCE)
    machine.until(f"{strange.name}: refused", within=PATIENCE)
    machine.until_down(within=PATIENCE)
    assert machine.tryboot
    print(f"from the stick to the start of the new system: {time.monotonic() - began:.0f} s, emulated")
    machine.power_on()
    assert machine.partition == 3
    took = machine.until("is healthy, and committed", within=PATIENCE)
    print(f"committed {took:.0f} s after its start, emulated")
    assert Firmware(machine.disk).choose(tryboot=False) == 3


def test_one_that_is_not_healthy_is_given_up(machine: Machine, shelf: Shelf, place: Path) -> None:
    machine.plug(stick(place / "bad.img", [shelf.bundle("0.3.0", broken=True)]), "bad")
    machine.until_down(within=PATIENCE)
    assert machine.tryboot
    began = time.monotonic()
    machine.power_on()
    assert machine.partition == 2
    machine.until("is not healthy", within=PATIENCE)
    machine.until_down(within=PATIENCE)
    assert not machine.tryboot
    machine.power_on()
    assert machine.partition == 3
    machine.until(ANSWERS, within=PATIENCE)
    took = time.monotonic() - began
    print(f"from the start of the bad system until the older one answers: {took:.0f} s, emulated")


def test_a_power_cut_as_a_system_is_written_or_tried_leaves_the_one_that_runs(
    machine: Machine, shelf: Shelf, place: Path
) -> None:
    machine.plug(stick(place / "again.img", [shelf.bundle("0.4.0")]), "again")
    machine.until("0.4.0.raucb: the desk says goodbye", within=PATIENCE)
    time.sleep(random.uniform(1, 30))
    machine.cut()
    machine.power_on()
    assert machine.partition == 3
    machine.until("Linux version", within=PATIENCE)
    # What was cut off is taken up again.
    machine.plug(place / "again.img", "again")
    machine.until_down(within=PATIENCE)
    assert machine.tryboot
    machine.power_on()
    assert machine.partition == 2
    machine.until("systemd", within=PATIENCE)
    machine.cut()
    machine.power_on()
    assert machine.partition == 3
    machine.until(ANSWERS, within=PATIENCE)
    machine.cut()


def test_wherever_the_power_goes_a_system_starts_and_what_was_promised_is_there(
    shelf: Shelf, place: Path
) -> None:
    crashes = Crashes(copy(DISK, place / "cut.img", BOX), place / "cut", WATCHED)
    crashes.expect(MADE / "arm64" / "system.img", MADE / "arm64" / "boot.img")
    crashes.record(stick(place / "cut-stick.img", [shelf.bundle("0.2.0")]), within=PATIENCE)
    found = crashes.replay(states=int(os.environ.get("CRASH_STATES", "500")))
    print(found)
    assert found.states >= 500
    assert found.unbootable == 0
    assert found.lost == 0
