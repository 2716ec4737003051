"""What the image is made of, read before anything is built from it."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from image import boards, debian, spdx, system, wheels
from tests.image.scripts import IMAGE, load

bootslot = load("bootslot")
BOARDS, PINS = boards.read()
UNITS = sorted((IMAGE / "units").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
RAUC = configparser.ConfigParser()
RAUC.read_string((IMAGE / "rauc.conf").read_text())

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


def partitions() -> list[str]:
    """Of genimage.cfg, by their order on the disk."""
    return re.findall(r"^  partition (\S+) \{", (IMAGE / "genimage.cfg").read_text(), re.MULTILINE)


@needs_systemd
def test_systemd_finds_nothing_wrong_with_any_unit(tmp_path: Path) -> None:
    for path in ("image/update", ".venv/bin/python", "docs/installer.md"):
        there = tmp_path / path
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text("#!/bin/sh\n")
        there.chmod(0o755)
    for unit in [*UNITS, *(IMAGE.parent / "systemd").glob("appliance*.service")]:
        name = unit.name.replace("@.", "@sda1.")
        (tmp_path / name).write_text(unit.read_text().replace("/opt/appliance", str(tmp_path)))
    (tmp_path / "rauc.service").write_text("[Service]\nExecStart=/bin/true\n")
    names = [str(tmp_path / unit.name.replace("@.", "@sda1.")) for unit in UNITS]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", *names],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_none_may_reach_more_than_it_needs(unit: Path) -> None:
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert rated.returncode == 0, rated.stdout[-400:]


def test_the_system_is_tried_within_the_bounds_of_the_desk() -> None:
    def bounds(path: Path) -> str:
        text = path.read_text()
        # The folder in memory is the desk's; whoever ended would take it away.
        text = text.replace(
            "# lgpio writes a pipe into the working directory.\nRuntimeDirectory=appliance\n", ""
        )
        return text[text.index("\nUser=appliance") :].partition("\n[Install]")[0].strip()

    assert bounds(IMAGE / "units/appliance-healthy.service") == bounds(
        IMAGE.parent / "systemd/appliance.service"
    )


def test_whoever_a_unit_runs_as_is_there_by_a_number_that_stays() -> None:
    """The system is read-only: nobody can be added later, and files on the data partition have the number."""
    theirs = [*UNITS, *(IMAGE.parent / "systemd").glob("*.service")]
    texts = [unit.read_text() for unit in theirs if "fleet" not in unit.name]
    needed = {name for text in texts for name in re.findall(r"^(?:User|Group)=(\S+)", text, re.MULTILINE)}
    there = dict(re.findall(r"^u (\S+) (\S+)", system.users(), re.MULTILINE))
    assert there == {name: str(system.IDS[name]) for name in needed}


def test_the_firmware_counts_the_boot_slots_where_the_disk_has_them() -> None:
    for slot, number in bootslot.PARTITIONS.items():
        assert partitions()[number - 1] == f"boot-{slot}"


def test_rauc_writes_to_partitions_that_there_are_and_never_to_the_choice_or_the_data() -> None:
    slots = [RAUC[section] for section in RAUC.sections() if section.startswith("slot.")]
    written = {slot["device"].removeprefix("/dev/disk/by-partlabel/") for slot in slots}
    assert written == {"boot-a", "boot-b", "system-a", "system-b"} <= set(partitions())
    assert {slot["bootname"] for slot in slots if "bootname" in slot} == set(bootslot.PARTITIONS)


def test_rauc_takes_no_bundle_that_is_not_verified_as_it_is_read() -> None:
    assert RAUC["system"]["bundle-formats"] == "verity"


def test_the_data_come_last_for_they_are_to_grow() -> None:
    assert partitions()[-1] == "data"
    fstab = (IMAGE / "root/etc/fstab").read_text()
    assert re.search(r"^PARTLABEL=data .*\bnoatime\b.*\bx-systemd.growfs\b", fstab, re.MULTILINE)


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_a_board_says_what_its_firmware_is_to_load(board: boards.Board) -> None:
    assert "kernel=vmlinuz" in board.config
    assert "initramfs initrd.img" in board.config
    if board.dtbs:  # Which of them, the firmware says: it knows the stepping of its chip.
        assert "upstream_kernel=1" in board.config
        assert "device_tree=" not in board.config


@pytest.mark.parametrize(
    "needed", ["scsi", "usb", "mmc", "nvme", "net/usb", "net/wireless/broadcom", "block"]
)
def test_drivers_that_a_box_needs_are_left_in(needed: str) -> None:
    """A stick is read by way of the kernel's SCSI."""
    assert not [name for name in debian.UNUSED_MODULES if needed == name or needed.startswith(f"{name}/")]


@pytest.mark.parametrize("arch", sorted({board.arch for board in BOARDS.values()}))
def test_every_package_is_pinned_to_a_version(arch: str) -> None:
    lock = dict(line.split()[:2] for line in (IMAGE / f"packages-{arch}.lock").read_text().splitlines())
    kernels = [board.kernel.partition("/")[0] for board in BOARDS.values() if board.arch == arch]
    theirs = [package for board in BOARDS.values() if board.arch == arch for package in board.packages]
    assert {*PINS.packages, *PINS.newer, *theirs, *kernels} <= set(lock)


@pytest.mark.parametrize("arch", sorted({board.arch for board in BOARDS.values()}))
def test_rauc_understands_what_a_kernel_since_6_19_says_of_dm_verity(arch: str) -> None:
    lock = dict(line.split()[:2] for line in (IMAGE / f"packages-{arch}.lock").read_text().splitlines())
    version = tuple(int(part) for part in lock["rauc"].partition("-")[0].split("."))
    assert version >= (1, 15, 2)
    # All that comes of one source must be of one version.
    assert len({version for name, version in lock.items() if name.startswith("libnl-")}) == 1


def test_only_what_is_named_comes_from_a_newer_debian() -> None:
    everything, named = debian.preferences(PINS).split("\n\n")
    assert everything.splitlines()[0] == "Package: *"
    assert everything.endswith("Pin-Priority: -1")
    assert set(named.splitlines()[0].split()[1:]) == set(PINS.newer)


def test_wheels_of_an_older_lock_are_left_out(tmp_path: Path) -> None:
    for name in ("numpy-2.4.6-cp313", "numpy-2.5.5-cp313", "sqlite_vec-0.1.9-py3", "gone-1.0-py3"):
        (tmp_path / f"{name}-none-any.whl").touch()
    wheels.leave_out(tmp_path, "numpy==2.5.5 \\\n    --hash=sha256:0\nsqlite-vec==0.1.9 \\\n")
    left = {wheel.name.split("-")[0]: wheel.name.split("-")[1] for wheel in tmp_path.iterdir()}
    assert left == {"numpy": "2.5.5", "sqlite_vec": "0.1.9"}


def test_no_one_can_log_in_with_a_password() -> None:
    lock = "".join(path.read_text() for path in IMAGE.glob("packages-*.lock"))
    assert not re.search(r"^(openssh-server|dropbear|telnetd)", lock, re.MULTILINE)
    assert "getty@tty1.service" in system.MASKED


def test_nothing_tells_from_where_the_packages_were_installed(tmp_path: Path) -> None:
    record = tmp_path / "idna-3.20.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("../../bin/idna,sha256=rUNqey1o,166\nidna/__init__.py,sha256=1Tt3,868\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "idna").write_text("#!/work/.venv/bin/python\n")
    wheels.drop_scripts(tmp_path)
    assert record.read_text() == "idna/__init__.py,sha256=1Tt3,868\n"
    assert not (tmp_path / "bin").exists()


def test_python_packages_that_are_no_wheels_are_in_the_lock() -> None:
    lock = (IMAGE.parent / "requirements.lock").read_text()
    for name in wheels.BY_HAND:
        assert re.search(rf"^{name}==", lock, re.MULTILINE)


def test_what_is_in_it_is_told_as_spdx(tmp_path: Path) -> None:
    status = tmp_path / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text(
        "Package: rauc\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1.13-1\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: arm64\nVersion: 1\n"
    )
    metadata = tmp_path / "opt/appliance/.venv/lib/python3.13/site-packages/numpy-2.4.6.dist-info/METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Name: numpy\nVersion: 2.4.6\nLicense-Expression: BSD-3-Clause\n\nWords: none\n")
    told = json.loads(spdx.document(tmp_path, "arm64", "0.1.0", 0))
    assert [(one["name"], one["versionInfo"]) for one in told["packages"]] == [
        ("rauc", "1.13-1"),
        ("numpy", "2.4.6"),
    ]
    assert told["packages"][1]["licenseDeclared"] == "BSD-3-Clause"
    assert told["creationInfo"]["created"] == "1970-01-01T00:00:00Z"
    assert (
        told["packages"][0]["externalRefs"][0]["referenceLocator"] == "pkg:deb/debian/rauc@1.13-1?arch=arm64"
    )


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_the_shell_scripts_hold() -> None:
    scripts = [path for path in IMAGE.rglob("*") if path.is_file() and path.read_bytes()[:9] == b"#!/bin/sh"]
    assert len(scripts) >= 4
    done = subprocess.run(
        ["shellcheck", "-e", "SC1091", *scripts], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
