"""A Raspberry Pi's firmware, acted out, and QEMU's board `virt` behind it: for tests of the image.

It reads the disk as the firmware does: autoboot.txt of the first partition, and of that `[tryboot]` where the
system before has asked for it (and only for the next start; a power cut forgets it). It loads what config.txt
of the chosen boot slot names, and tells the kernel in the device tree from which partition it came. It needs
qemu-system-aarch64, mtools, and fdtput of device-tree-compiler.
"""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
PATIENT = {
    "appliance.service": "[Service]\nTimeoutStartSec=30min\nWatchdogSec=10min\n",
    "appliance-healthy.service": (
        "[Service]\nTimeoutStartSec=30min\nExecStart=\n"
        "ExecStart=/opt/appliance/.venv/bin/python -m appliance health --within 1200 "
        "--box /etc/appliance/box.toml --desk /var/lib/appliance/desk.toml\n"
    ),
    "rauc.service": "[Service]\nTimeoutStartSec=30min\n",
    "appliance-commit.service": "[Service]\nTimeoutStartSec=40min\n",
    "appliance-back.timer": "[Timer]\nOnBootSec=\nOnBootSec=60min\n",
}
"""What an emulated processor needs more time for, told to systemd as credentials of the machine. On a board
nothing can tell it."""

PARTITIONS = ("box", "boot-a", "boot-b", "system-a", "system-b", "data")


@dataclass(frozen=True)
class Partition:
    start: int
    """Bytes from the disk's beginning."""
    size: int
    """Bytes."""


class Firmware:
    """Reads a disk's image, as it lies in a file."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk

    def partitions(self) -> dict[str, Partition]:
        """By their names in the GPT."""
        told = subprocess.run(
            ["sfdisk", "--json", str(self._disk)], capture_output=True, text=True, check=True
        ).stdout
        return {
            one["name"]: Partition(one["start"] * SECTOR, one["size"] * SECTOR)
            for one in json.loads(told)["partitiontable"]["partitions"]
        }

    def read(self, partition: str, name: str) -> bytes:
        """A file of a FAT partition."""
        start = self.partitions()[partition].start
        return subprocess.run(
            ["mcopy", "-n", "-i", f"{self._disk}@@{start}", f"::{name}", "-"], capture_output=True, check=True
        ).stdout

    def choose(self, tryboot: bool) -> int:
        """The number of the partition that is started."""
        section, chosen = "all", 0
        for line in self.read("box", "autoboot.txt").decode().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line.startswith("boot_partition=") and section in ("all", *(["tryboot"] if tryboot else [])):
                chosen = int(line.partition("=")[2])
        return chosen

    def load(self, number: int, there: Path) -> tuple[Path, Path, str]:
        """Kernel, initramfs and command line, as config.txt of that partition names them."""
        slot = PARTITIONS[number - 1]
        config = self.read(slot, "config.txt").decode()
        names = {
            "kernel": _found(r"^kernel=(\S+)", config),
            "initramfs": _found(r"^initramfs (\S+)", config),
        }
        for kind, name in names.items():
            (there / kind).write_bytes(self.read(slot, name))
        line = self.read(slot, _found(r"^cmdline=(\S+)", config)).decode().strip()
        return there / "kernel", there / "initramfs", line


class Machine:
    """One start of the board, from power to power off or to the next start."""

    def __init__(
        self,
        disk: Path,
        work: Path,
        *,
        memory: int = 2048,
        extra: str = "",
        log: Path | None = None,
        credentials: Mapping[str, Path] | None = None,
    ) -> None:
        """`extra` stands on the kernel's command line; `log` is where every write and flush of the disk is
        noted
        down, by QEMU's blklogwrites; `credentials` are told to systemd, which may make units of them."""
        self.disk = disk
        self.work = work
        self._memory = memory
        self._extra = extra
        self.log = log
        self._credentials = dict(credentials or {})
        for unit in PATIENT:
            self._credentials[f"systemd.unit-dropin.{unit}"] = work / f"{unit}.conf"
        self._qemu: subprocess.Popen[bytes] | None = None
        self.tryboot = False
        """Whether the next start is one that was asked for once."""
        self.started = 0.0
        self.partition = 0
        work.mkdir(parents=True, exist_ok=True)
        for unit, text in PATIENT.items():
            (work / f"{unit}.conf").write_text(text)

    @property
    def up(self) -> bool:
        return bool(self._qemu and self._qemu.poll() is None)

    @property
    def console(self) -> Path:
        return self.work / "console"

    def power_on(self) -> None:
        firmware = Firmware(self.disk)
        self.partition, self.tryboot = firmware.choose(self.tryboot), False
        kernel, initramfs, line = firmware.load(self.partition, self.work)
        board = "virt,gic-version=3"
        tree = self.work / "tree.dtb"
        cores = ["-smp", "2", "-m", str(self._memory), "-cpu", "cortex-a76"]
        subprocess.run(
            ["qemu-system-aarch64", "-machine", f"{board},dumpdtb={tree}", *cores,
             "-display", "none", "-nic", "none"],
            check=True, capture_output=True,
        )  # fmt: skip
        subprocess.run(
            ["fdtput", "-p", "-t", "i", str(tree), "/chosen/bootloader", "partition", str(self.partition)],
            check=True,
        )
        self.console.write_bytes(b"")
        (self.work / "port").write_bytes(b"")
        (self.work / "monitor").unlink(missing_ok=True)
        drive = f"file={self.disk},format=raw,if=none,id=disk,cache=writeback"
        if self.log:
            self.log.touch()
            drive = (
                f"driver=blklogwrites,file.driver=raw,file.file.driver=file,file.file.filename={self.disk},"
                f"log.driver=file,log.filename={self.log},log-sector-size=512,if=none,id=disk"
            )
        self._qemu = subprocess.Popen(
            [
                *("nice", "-n", "10", "qemu-system-aarch64", "-machine", board, *cores, "-no-reboot"),
                *("-accel", "tcg,thread=multi", "-display", "none", "-dtb", str(tree)),
                *("-kernel", str(kernel), "-initrd", str(initramfs)),
                *("-append", f"{line.replace('quiet', '')} {self._extra} {self._told_in_line()}"),
                *("-drive", drive, "-device", "virtio-blk-pci,drive=disk"),
                *("-serial", f"file:{self.console}"),
                *("-device", "virtio-serial-pci", "-chardev", f"file,id=port,path={self.work}/port"),
                *("-device", "virtserialport,chardev=port,name=firmware"),
                *("-device", "qemu-xhci,id=usb", "-device", "virtio-rng-pci"),
                *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
                *self._told(),
                *("-monitor", f"unix:{self.work}/monitor,server,nowait"),
            ],
            stdin=subprocess.DEVNULL, stdout=(self.work / "qemu.log").open("ab"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.started = time.monotonic()

    def _told(self) -> list[str]:
        """QEMU's arguments for what is told to systemd by files; their names may have 55 letters."""
        files = {f"opt/io.systemd.credentials/{name}": file for name, file in self._credentials.items()}
        short = {name: file for name, file in files.items() if len(name) <= 55}
        return [part for name, file in short.items() for part in ("-fw_cfg", f"name={name},file={file}")]

    def _told_in_line(self) -> str:
        """The others, on the kernel's command line."""
        longer = {name: file for name, file in self._credentials.items() if len(name) > 28}
        return " ".join(
            f"systemd.set_credential_binary={name}:{base64.b64encode(file.read_bytes()).decode()}"
            for name, file in longer.items()
        )

    def until(self, said: str, within: float = 600.0) -> float:
        """Seconds since power on until the console has said this."""
        while said.encode() not in self.console.read_bytes():
            assert self._qemu
            if self._qemu.poll() is not None and said.encode() not in self.console.read_bytes():
                raise AssertionError(f"it is down and has not said {said!r}:\n{self.tail()}")
            if time.monotonic() - self.started > within:
                raise AssertionError(f"it has not said {said!r} in {within} s:\n{self.tail()}")
            time.sleep(0.2)
        return time.monotonic() - self.started

    def until_down(self, within: float = 600.0) -> float:
        """It goes down by itself to start anew; whether with the other system, it says to the firmware."""
        assert self._qemu
        try:
            self._qemu.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it is still up:\n{self.tail()}") from None
        self.tryboot = b"tryboot" in (self.work / "port").read_bytes()
        return time.monotonic() - self.started

    def cut(self) -> None:
        """The power goes."""
        if self._qemu:
            self._qemu.send_signal(signal.SIGKILL)
            self._qemu.wait()
        self.tryboot = False

    def plug(self, stick: Path, name: str) -> None:
        self.tell(f"drive_add 0 if=none,id={name},format=raw,readonly=on,file={stick}")
        self.tell(f"device_add usb-storage,bus=usb.0,drive={name},id=usb-{name}")

    def unplug(self, name: str) -> None:
        """What is off has forgotten by its next start what was plugged in."""
        if self.up:
            self.tell(f"device_del usb-{name}")

    def tell(self, command: str) -> None:
        """A command to QEMU's monitor."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.work / "monitor"))
            monitor.settimeout(5)
            monitor.recv(4096)
            monitor.sendall(f"{command}\n".encode())
            time.sleep(0.5)
            monitor.recv(4096)

    def tail(self) -> str:
        return self.console.read_bytes()[-3000:].decode(errors="replace")


def stick(path: Path, bundles: list[Path], size: str = "600M") -> Path:
    """A USB stick with updates on it."""
    path.unlink(missing_ok=True)
    subprocess.run(["truncate", "-s", size, str(path)], check=True)
    subprocess.run(["mkdosfs", "-F", "32", "-n", "STICK", str(path)], check=True, capture_output=True)
    for bundle in bundles:
        subprocess.run(["mcopy", "-i", str(path), str(bundle), "::"], check=True)
    return path


def copy(image: Path, there: Path, box: str, size: str = "4G") -> Path:
    """The image on a card that is larger than it, with a box.toml on the partition that any computer
    reads."""
    subprocess.run(["cp", "--sparse=always", str(image), str(there)], check=True)
    subprocess.run(["truncate", "-s", size, str(there)], check=True)
    start = Firmware(there).partitions()["box"].start
    subprocess.run(
        ["mcopy", "-o", "-i", f"{there}@@{start}", "-", "::box.toml"], input=box.encode(), check=True
    )
    return there


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    assert found, f"{pattern} is not in {text}"
    return found[1]
