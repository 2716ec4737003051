"""QEMU's PC behind the same firmware that is acted out, for the amd64 image. It needs qemu-system-x86 and
mtools."""

from __future__ import annotations

import base64
import subprocess
import time
from pathlib import Path

from tests.image.emulator import Firmware, Machine

CONSOLE = "ttyS0"


class Pc(Machine):
    """Debian's kernel for clouds knows no USB: a stick is a disk that is there from the start, and
    `appliance-stick@vdb.service`, which a stick's udev rule would start, is wanted on the command line."""

    stick: Path | None = None

    def plug(self, stick: Path, name: str) -> None:
        """Before the power is on."""
        assert not self.up, f"{name} cannot be plugged into a PC that is on"
        self.stick = stick

    def unplug(self, name: str) -> None:
        self.stick = None

    def power_on(self) -> None:
        firmware = Firmware(self.disk)
        self.partition, self.tryboot = firmware.choose(self.tryboot), False
        kernel, initramfs, line = firmware.load(self.partition, self.work)
        self.console.write_bytes(b"")
        (self.work / "port").write_bytes(b"")
        (self.work / "monitor").unlink(missing_ok=True)
        line = f"{line.replace('quiet', '')} {self._extra} boot_partition={self.partition}"
        disks = [self._drive(), "-device", "virtio-blk-pci,drive=disk"]
        if self.stick:
            line += " systemd.wants=appliance-stick@vdb.service"
            disks += ["-drive", f"file={self.stick},format=raw,if=none,id=stick,readonly=on"]
            disks += ["-device", "virtio-blk-pci,drive=stick"]
        self._qemu = subprocess.Popen(
            [
                *("qemu-system-x86_64", "-machine", "pc", "-cpu", "max", "-smp", "2"),
                *("-m", str(self._memory), "-no-reboot", "-accel", "tcg,thread=multi", "-display", "none"),
                *("-kernel", str(kernel), "-initrd", str(initramfs), "-append", line),
                *("-drive", *disks, "-serial", f"file:{self.console}"),
                *("-device", "virtio-serial-pci", "-chardev", f"file,id=port,path={self.work}/port"),
                *("-device", "virtserialport,chardev=port,name=firmware", "-device", "virtio-rng-pci"),
                *("-nic", "none", *self._told(), "-monitor", f"unix:{self.work}/monitor,server,nowait"),
            ],
            stdin=subprocess.DEVNULL, stdout=(self.work / "qemu.log").open("ab"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.started = time.monotonic()

    def _drive(self) -> str:
        if not self.log:
            return f"file={self.disk},format=raw,if=none,id=disk,cache=writeback"
        self.log.touch()
        return (
            f"driver=blklogwrites,file.driver=raw,file.file.driver=file,file.file.filename={self.disk},"
            f"log.driver=file,log.filename={self.log},log-sector-size=512,if=none,id=disk"
        )

    def _told(self) -> list[str]:
        """A PC's firmware hands texts of any length to systemd."""
        texts = []
        for name, file in self._credentials.items():
            text = self.work / f"{name}.credential"
            said = base64.b64encode(file.read_bytes()).decode()
            text.write_text(f"io.systemd.credential.binary:{name}={said}")
            texts += ["-smbios", f"type=11,path={text}"]
        return texts
