"""What makes a desk of Debian's system: the program, its units, and that nobody can log in."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from image.boards import IMAGE, SOURCE, Board, Pins
from image.models import default_models
from image.shell import do, replace_link, step, write
from image.wheels import PROGRAM

PARTS = ("appliance", "docs", "image", "systemd", "LICENSE", "README.md", "pyproject.toml")
IDS = {"appliance": 900, "gpio": 901, "appliance-wifi": 902}
"""Users and groups, the same in every version: files on the data partition belong to them."""


def install(board: Board, root: Path, models: str, version: str, keys: Path | None, pins: Pins) -> None:
    """The desk, its units, and what makes a machine of the system that one need not log in to."""
    step("the program")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in PARTS:
        source, there = SOURCE / name, root / PROGRAM / name
        if source.is_dir():
            shutil.copytree(source, there, ignore=ignored)
        else:
            shutil.copy(source, there)
    (root / PROGRAM / "models").mkdir()
    shutil.copy(SOURCE / "models" / "manifest.toml", root / PROGRAM / "models")
    for name in default_models():
        (root / PROGRAM / "models" / name).symlink_to(f"/models/{name}")
    do("cp", "-r", f"{IMAGE}/root/.", root)
    units = root / "usr/lib/systemd/system"
    for unit in [
        *(SOURCE / "systemd").glob("*.service"),
        *(SOURCE / "systemd").glob("*.timer"),
        *(SOURCE / "systemd").glob("*.mount"),
        *(IMAGE / "units").iterdir(),
    ]:
        shutil.copy(unit, units)
    for rules in IMAGE.glob("*.rules"):
        shutil.copy(rules, root / "usr/lib/udev/rules.d")
    shutil.copy(IMAGE / "asound.conf", root / "etc")
    write(
        root / "usr/lib/systemd/journald.conf.d/appliance.conf",
        (SOURCE / "systemd/appliance.journald").read_text(),
    )
    write(root / "usr/lib/sysusers.d/appliance.conf", users())
    do("systemd-sysusers", f"--root={root}", "appliance.conf")
    write(root / "etc/rauc/system.conf", (IMAGE / "rauc.conf").read_text().replace("BOARD", board.name))
    write(root / "etc/rauc/keyring.pem", (keys / "keyring.pem").read_text() if keys else "")
    fstab = root / "etc/fstab"
    fstab.write_text(fstab.read_text().replace("MODELS", models))
    write(root / "etc/appliance-release", f"{version}\n")
    write(root / "etc/hostname", "appliance\n")
    write(root / "etc/machine-id", "")
    replace_link(root / "etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf")
    for folder in (
        "data",
        "models",
        "boot/box",
        "var/lib/appliance",
        "var/lib/appliance-wifi",
        "etc/appliance",
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shadow = root / "etc/shadow"
    shadow.write_text(re.sub(r"^(\w[^:]*):[^:]*:", r"\1:!*:", shadow.read_text(), flags=re.MULTILINE))
    do("systemctl", f"--root={root}", "--quiet", "enable", *ENABLED)
    do("systemctl", f"--root={root}", "--quiet", "mask", *MASKED)
    settle(root, pins.epoch)
    warm(root)


def users() -> str:
    """Who there is, for systemd-sysusers: the desk and the radio."""
    files = [SOURCE / f"systemd/{name}.sysusers" for name in ("appliance", "appliance-wifi")]
    told = "".join(file.read_text() for file in files)
    for name, number in IDS.items():
        told = re.sub(rf"^([ug]) {name} -", rf"\1 {name} {number}", told, flags=re.MULTILINE)
    return told


ENABLED = (
    *("appliance.service", "appliance-before.service", "appliance-commit.service"),
    *(
        "appliance-install.path",
        "appliance-back.timer",
        "appliance-first-boot.service",
        "appliance-wifi.service",
    ),
    *("systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service"),
)
MASKED = (
    *(
        "getty@tty1.service",
        "console-getty.service",
        "serial-getty@.service",
        "systemd-networkd-wait-online.service",
    ),
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "e2scrub_all.timer",
        "fstrim.timer",
    ),
    *("systemd-firstboot.service", "rauc-mark-good.service"),
)


def settle(root: Path, epoch: int) -> None:
    """Python keeps with what it has compiled when the source was written: all is of one time."""
    for folder, _, names in os.walk(root / PROGRAM):
        for name in names:
            os.utime(Path(folder) / name, (epoch, epoch), follow_symlinks=False)


def warm(root: Path) -> None:
    """Import all there is once, so that Python need not compile at each start: the system is read-only by
    then."""
    step("what Python compiles")
    do(
        *("unshare", "--mount", "--pid", "--fork", f"--mount-proc={root}/proc", "chroot", root),
        *("env", "-i", "PYTHONHASHSEED=0", "PATH=/usr/bin:/bin", "HOME=/tmp", f"/{PROGRAM}/.venv/bin/python"),
        f"/{PROGRAM}/image/warm",
    )  # fmt: skip


def strip(root: Path) -> None:
    """What belongs to a system that is put together, not to one that runs."""
    # Of the machine that built it.
    (root / "etc/.resolv.conf.systemd-resolved.bak").unlink(missing_ok=True)
    for path in (
        "var/lib/dbus",  # It has a number that no two boxes may share.
        "var/lib/dpkg",
        "var/lib/apt",
        "var/cache",
        "var/log",
        "usr/share/bash-completion",
        "usr/share/lintian",
    ):
        shutil.rmtree(root / path, ignore_errors=True)
    for path in ("tmp", "run", "var/tmp", "root", "dev/shm"):
        for each in (root / path).iterdir():
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    for backup in [*(root / "etc").glob("*-"), *(root / "etc").rglob("*.dpkg-dist")]:
        backup.unlink()  # As passwd- and shadow-, which tell of a time.
