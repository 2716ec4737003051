"""What was made, read out of the image as the board's firmware reads it, and no board at hand.

make image BOARD=rpi5, then make test-image
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from image import boards
from tests.image.emulator import Firmware
from tests.image.scripts import load
from tests.image.test_emulated import MADE

bootslot = load("bootslot")
BOARDS = boards.read()[0]
ARM64 = [board for board in BOARDS.values() if board.arch == "arm64"]
SLOTS = ("boot-a", "boot-b")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("mcopy", "sfdisk", "unsquashfs", "lsinitramfs")),
        reason="needs mtools, fdisk, squashfs-tools, initramfs-tools-core",
    ),
]


def disk(board: boards.Board) -> Path:
    made = MADE / f"{board.name}.img"
    if not made.is_file():
        pytest.skip(f"{made} is not made: make image BOARD={board.name}")
    return made


every_board = pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
every_arm64 = pytest.mark.parametrize("board", ARM64, ids=lambda board: board.name)


@every_board
def test_the_firmware_starts_the_first_system_and_the_second_when_it_is_asked_to(board: boards.Board) -> None:
    firmware = Firmware(disk(board))
    choice = firmware.read("box", "autoboot.txt")
    assert choice == bootslot.Autoboot().text()
    assert len(choice) < 512  # One sector, which is why it can be rewritten in place.
    assert (firmware.choose(tryboot=False), firmware.choose(tryboot=True)) == (2, 3)


@every_board
def test_it_finds_in_either_slot_what_config_txt_names(board: boards.Board, tmp_path: Path) -> None:
    firmware = Firmware(disk(board))
    for number, slot in enumerate(SLOTS, 2):
        assert firmware.read(slot, "config.txt").decode() == board.config
        kernel, initramfs, line = firmware.load(number, tmp_path)
        assert kernel.stat().st_size > 5e6
        assert "rootfstype=squashfs" in line
        early = subprocess.run(["lsinitramfs", initramfs], capture_output=True, text=True, check=True).stdout
        assert "scripts/local-top/slot" in early.splitlines()
        assert not [driver for driver in board.early if f"/{driver}.ko" not in early]
        for tree in board.dtbs:
            assert firmware.read(slot, Path(tree).name)[:4] == b"\xd0\x0d\xfe\xed"


@every_arm64
def test_the_kernel_is_one_that_a_raspberry_pi_can_load(board: boards.Board, tmp_path: Path) -> None:
    """Uncompressed: its firmware knows no kernel that unpacks itself, as EFI's do."""
    kernel, _, _ = Firmware(disk(board)).load(2, tmp_path)
    with kernel.open("rb") as file:
        assert file.read(64)[56:60] == b"ARM\x64"


RASPBERRY_PI_5 = "raspberrypi,5-model-b pci1de4,1 snps,dwc3 raspberrypi,rp1-gem raspberrypi,rp1-gpio".split()
"""The board; what its RP1 is on its bus; USB, network and pins in that."""


@pytest.mark.parametrize(("tree", "later"), [("bcm2712-rpi-5-b.dtb", False), ("bcm2712-d-rpi-5-b.dtb", True)])
def test_a_raspberry_pi_5_has_the_device_tree_of_its_stepping(tree: str, later: bool) -> None:
    content = Firmware(disk(BOARDS["rpi5"])).read("boot-a", tree)
    assert not [part for part in RASPBERRY_PI_5 if f"{part}\0".encode() not in content]
    assert (b"brcm,bcm2712d0-pinctrl\0" in content) == later


NEEDED = """
rp1_pci clk-rp1 pinctrl-rp1 pinctrl-brcmstb-bcm2712 sdhci-brcmstb macb brcmfmac bcm2835_wdt snd-usb-audio
usb-storage cdc-acm option qmi_wwan cdc_mbim dm-verity squashfs loop
""".split()


@every_arm64
def test_the_system_has_the_drivers_that_a_box_needs_and_no_other_boards_trees(board: boards.Board) -> None:
    disk(board)
    system = MADE / board.name / "system.img"
    listed = subprocess.run(["unsquashfs", "-l", system], capture_output=True, text=True, check=True).stdout
    assert not [name for name in NEEDED if f"/{name}.ko" not in listed]
    assert not [line for line in listed.splitlines() if line.endswith(".dtb")]


@every_board
def test_both_slots_hold_the_same(board: boards.Board) -> None:
    made = disk(board)
    partitions = Firmware(made).partitions()
    for one, other, file in (("boot-a", "boot-b", "boot.img"), ("system-a", "system-b", "system.img")):
        size = (MADE / board.name / file).stat().st_size
        digests = {digest(made, partitions[name].start, size) for name in (one, other)}
        assert digests == {digest(MADE / board.name / file, 0, size)}


def digest(path: Path, start: int, size: int) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        while size and (part := file.read(min(size, 1 << 20))):
            found.update(part)
            size -= len(part)
    return found.hexdigest()
