"""The arm64 image in an emulator, behind what acts out a Raspberry Pi's firmware: flashed, updated from a
stick, tried with systems that are not healthy, and left without power in the middle of it.

    make image BOARD=arm64, then make test-image; about half an hour
"""

from __future__ import annotations

import os
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

    def bundle(self, version: str, keys: Path = KEYS, broken: bool = False) -> Path:
        """The system that was built, as another version; a broken one cannot find its models."""
        made, contents = self.place / f"{version}.raucb", self.place / "contents"
        if made.exists():
            return made
        contents.mkdir()
        if broken:
            self._break(contents / "system.img")
        else:
            shutil.copy(MADE / "arm64" / "system.img", contents)
        shutil.copy(MADE / "arm64" / "boot.img", contents)
        (contents / "manifest.raucm").write_text(
            f"[update]\ncompatible=appliance-arm64\nversion={version}\n[bundle]\nformat=verity\n"
            "[image.rootfs]\nfilename=system.img\n[image.boot]\nfilename=boot.img\n"
        )
        subprocess.run(
            ["rauc", f"--cert={keys}/sign.cert.pem", f"--key={keys}/sign.key.pem", "bundle", contents, made],
            check=True, capture_output=True,
        )  # fmt: skip
        shutil.rmtree(contents)
        return made

    def _break(self, system: Path) -> None:
        root = self.place / "root"
        subprocess.run(["unsquashfs", "-q", "-n", "-d", root, MADE / "arm64" / "system.img"], check=True)
        fstab = root / "etc/fstab"
        fstab.write_text(fstab.read_text().replace("/data/models/models-", "/data/models/gone-"))
        squash = ["mksquashfs", root, system, "-quiet", "-no-progress", "-comp", "zstd"]
        subprocess.run([*squash, "-Xcompression-level", "3"], check=True)
        shutil.rmtree(root)

    def tampered(self, version: str, place: Path) -> Path:
        """One bit of its signature is another."""
        made = Path(shutil.copy(self.bundle(version), place / f"{version}-tampered.raucb"))
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
    took = machine.until("Started appliance.service", within=900)
    print(f"from power on to 'answers a call': {took:.0f} s, emulated")
    assert machine.partition == 2


def test_the_data_take_all_of_the_card(machine: Machine) -> None:
    size = Firmware(machine.disk).partitions()["data"].size
    assert size > machine.disk.stat().st_size - (3 << 30)


def test_of_what_is_on_a_stick_only_ours_is_installed_tried_and_committed(
    machine: Machine, shelf: Shelf, place: Path
) -> None:
    strange = shelf.bundle("0.1.9-strange", keys=shelf.stranger)
    tampered = shelf.tampered("0.2.0", place)
    tampered = tampered.rename(place / "0.1.8-tampered.raucb")
    machine.plug(stick(place / "stick.img", [tampered, strange, shelf.bundle("0.2.0")], "1500M"), "first")
    began = time.monotonic()
    machine.until(f"{tampered.name}: refused", within=2000)
    machine.until(f"{strange.name}: refused", within=2000)
    machine.until_down(within=1500)
    assert machine.tryboot
    print(f"from the stick to the start of the new system: {time.monotonic() - began:.0f} s, emulated")
    machine.power_on()
    assert machine.partition == 3
    took = machine.until("is healthy, and committed", within=1500)
    print(f"committed {took:.0f} s after its start")
    assert Firmware(machine.disk).choose(tryboot=False) == 3


def test_one_that_is_not_healthy_is_given_up(machine: Machine, shelf: Shelf, place: Path) -> None:
    machine.plug(stick(place / "bad.img", [shelf.bundle("0.3.0", broken=True)]), "bad")
    machine.until_down(within=900)
    assert machine.tryboot
    began = time.monotonic()
    machine.power_on()
    assert machine.partition == 2
    machine.until("is not healthy", within=900)
    machine.until_down(within=300)
    assert not machine.tryboot
    machine.power_on()
    assert machine.partition == 3
    machine.until("Started appliance.service", within=900)
    print(f"from the start of the bad system until the older one answers: {time.monotonic() - began:.0f} s")


def test_a_power_cut_as_a_system_is_tried_brings_the_older_one(
    machine: Machine, shelf: Shelf, place: Path
) -> None:
    machine.plug(stick(place / "again.img", [shelf.bundle("0.4.0")]), "again")
    machine.until_down(within=900)
    machine.power_on()
    assert machine.partition == 2
    machine.until("systemd", within=300)
    machine.cut()
    machine.power_on()
    assert machine.partition == 3
    machine.until("Started appliance.service", within=900)
    machine.cut()


def test_wherever_the_power_goes_a_system_starts_and_what_was_promised_is_there(
    shelf: Shelf, place: Path
) -> None:
    crashes = Crashes(copy(DISK, place / "cut.img", BOX), place / "cut", WATCHED)
    crashes.expect(MADE / "arm64" / "system.img", MADE / "arm64" / "boot.img")
    crashes.record(stick(place / "cut-stick.img", [shelf.bundle("0.2.0")]))
    found = crashes.replay(states=int(os.environ.get("CRASH_STATES", "500")))
    print(found)
    assert found.states >= 500
    assert found.unbootable == 0
    assert found.lost == 0
