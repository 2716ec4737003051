"""Boot slot, system slot, and the disk that they and the data make up."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from image.boards import IMAGE, SOURCE, Board, Pins
from image.filesystems import ext4, fat, squash
from image.shell import do, step, write
from image.system import IDS


def slots(board: Board, root: Path, work: Path, pins: Pins, level: int) -> None:
    """boot.img, which the firmware reads, and system.img."""
    step("boot slot and system slot")
    boot = work / "boot"
    shutil.rmtree(boot, ignore_errors=True)
    boot.mkdir()
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    (initrd,) = (root / "boot").glob("initrd.img-*")
    shutil.copy(kernel, boot / "vmlinuz")
    shutil.copy(initrd, boot / "initrd.img")
    for dtb in board.dtbs:
        shutil.copy(next((root / "usr/lib").glob(f"linux-image-*/{dtb}")), boot)
    (boot / "config.txt").write_text(board.config)
    (boot / "cmdline.txt").write_text((IMAGE / "cmdline.txt").read_text())
    fat(boot, work / "boot.img", "128M", "BOOT", pins)
    shutil.rmtree(root / "boot")
    # 120 MB, of all boards that there are.
    for trees in [*(root / "usr/lib").glob("linux-image-*"), *(root / "usr/lib/modules").glob("*/dtb")]:
        trees.unlink() if trees.is_symlink() else shutil.rmtree(trees)
    (root / "boot" / "box").mkdir(parents=True)
    squash(root, work / "system.img", pins, level)


def whole(board: Board, work: Path, out: Path, models: Path, pins: Pins) -> None:
    """All partitions in one file, by genimage.cfg."""
    step("the disk")
    box, data = work / "box", work / "data"
    for folder in (box, data):
        shutil.rmtree(folder, ignore_errors=True)
    box.mkdir()
    do("env", f"AUTOBOOT={box}/autoboot.txt", IMAGE / "bootslot", "new")
    shutil.copy(IMAGE / "box-readme.txt", box / "README.txt")
    for name in ("appliance", "config/credentials", "models", "update", "wifi"):
        (data / name).mkdir(parents=True)
    shutil.copy(SOURCE / "appliance/shipped/desk.toml", data / "appliance")
    shutil.copy(models, data / "models")
    text = (SOURCE / "appliance/shipped/box.toml").read_text()
    text = re.sub(r'^data = "var" ', 'data = "/var/lib/appliance" ', text, flags=re.MULTILINE)
    write(data / "config/box.toml", text)
    # The first start writes box.toml, as the desk's user; to the desk it is read-only.
    for path in ("appliance", "appliance/desk.toml", "config", "config/box.toml"):
        os.chown(data / path, IDS["appliance"], IDS["appliance"])
        (data / path).chmod(0o750 if (data / path).is_dir() else 0o600)
    os.chown(data / "wifi", IDS["appliance-wifi"], IDS["appliance-wifi"])
    for path in ("wifi", "config/credentials"):
        (data / path).chmod(0o700)
    fat(box, work / "box.img", "32M", "BOX", pins)
    ext4(data, work / "data.img", "768M", pins)
    scratch = work / "genimage"
    shutil.rmtree(scratch, ignore_errors=True)
    text = (IMAGE / "genimage.cfg").read_text().replace("BOARD", board.name)
    write(work / "genimage.cfg", text)
    places = {"config": work / "genimage.cfg", "inputpath": work, "outputpath": out, "tmppath": scratch}
    do("genimage", f"--rootpath={box}", *(f"--{name}={path}" for name, path in places.items()))
    shutil.rmtree(scratch, ignore_errors=True)
