"""Updates as RAUC itself takes them: signed by whom, written to which slot, and what the bootloader is
told."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.scripts import IMAGE, load

pytestmark = [
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("rauc", "dbus-daemon", "mksquashfs", "openssl")),
        reason="rauc, dbus-daemon, mksquashfs or openssl is not installed",
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="RAUC mounts the bundle: needs root"),
]

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy></busconfig>"""


class Box:
    """Slots that are files, the real system.conf pointed at them, the real bootslot, and RAUC's service.

    The box takes bundles of the older format `plain`: this kernel may lack what the other needs, dm-verity.
    Who may sign is checked in the same way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.autoboot = folder / "autoboot.txt"
        for slot in ("system-a", "system-b", "boot-a", "boot-b"):
            (folder / slot).write_bytes(bytes(1 << 20))
        keys(folder / "keys")
        keys(folder / "stranger")
        backend = folder / "backend"
        backend.write_text(
            f"#!/bin/sh\nexport AUTOBOOT={self.autoboot} TRY={folder}/try BOOT_PARTITION=2\n"
            f'exec {IMAGE}/bootslot "$@"\n'
        )
        backend.chmod(0o755)
        subprocess.run([backend, "new"], check=True)
        conf = (IMAGE / "rauc.conf").read_text().replace("BOARD", "test")
        conf = conf.replace("/dev/disk/by-partlabel", str(folder)).replace(
            "/opt/appliance/image/bootslot", str(backend)
        )
        conf = conf.replace("/etc/rauc/keyring.pem", f"{folder}/keys/keyring.pem").replace(
            "=verity", "=plain"
        )
        conf = conf.replace("/data/update", str(folder)).replace("/run/rauc", str(folder / "mnt"))
        if version() < (1, 9):
            conf = "\n".join(line for line in conf.splitlines() if not line.startswith("data-directory"))
        (folder / "system.conf").write_text(conf)
        self.environment = os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/bus"}
        (folder / "bus.conf").write_text(BUS.format(path=folder / "bus"))
        self.running = [
            self._start("dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork"),
        ]
        until((folder / "bus").exists)
        self.serve("a")

    def serve(self, slot: str) -> None:
        """RAUC's service, in the system of this slot."""
        self.running.append(
            self._start(
                "rauc", f"--conf={self.folder}/system.conf", f"--override-boot-slot={slot}", "service"
            )
        )
        until(lambda: self.rauc("status").returncode == 0)

    def start_the_other(self) -> None:
        service = self.running.pop()
        service.terminate()
        service.wait(10)
        backend = self.folder / "backend"
        backend.write_text(backend.read_text().replace("BOOT_PARTITION=2", "BOOT_PARTITION=3"))
        self.serve("b")

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{command[0]}.log").open("wb")
        return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def close(self) -> None:
        for process in reversed(self.running):
            process.terminate()
            process.wait(10)

    def rauc(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self.run("rauc", *arguments)

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [str(word) for word in words]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def bundle(self, name: str, signed_by: str = "keys", board: str = "test") -> Path:
        contents, made = self.folder / f"{name}.contents", self.folder / f"{name}.raucb"
        contents.mkdir()
        (contents / "system.img").write_bytes(name.encode() * 1000)
        (contents / "boot.img").write_bytes(b"boot of " + name.encode())
        manifest = f"[update]\ncompatible=appliance-{board}\nversion={name}\n[bundle]\nformat=plain\n"
        manifest += "[image.rootfs]\nfilename=system.img\n[image.boot]\nfilename=boot.img\n"
        (contents / "manifest.raucm").write_text(manifest)
        by = self.folder / signed_by
        subprocess.run(
            ["rauc", f"--cert={by}/sign.cert.pem", f"--key={by}/sign.key.pem", "bundle", contents, made],
            check=True, capture_output=True,
        )  # fmt: skip
        return made

    def content(self, slot: str, length: int) -> bytes:
        return (self.folder / slot).read_bytes()[:length]


def version() -> tuple[int, ...]:
    said = subprocess.run(["rauc", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in said.split()[1].split(".")[:2])


def keys(folder: Path) -> None:
    subprocess.run([IMAGE / "keys", folder], check=True, capture_output=True)


def until(done: object) -> None:
    began = time.monotonic()
    while not done():  # type: ignore[operator]
        assert time.monotonic() - began < 20, "it did not come about"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("box"))
    try:
        yield box
    finally:
        box.close()


def untouched(box: Box) -> bool:
    written = any(box.content(slot, 16) != bytes(16) for slot in ("system-a", "system-b", "boot-a", "boot-b"))
    return not written and b"boot_partition=2\n[tryboot]" in box.autoboot.read_bytes()


def test_one_that_a_stranger_signed_is_refused(box: Box) -> None:
    refused = box.rauc("install", box.bundle("strange", signed_by="stranger"))
    assert refused.returncode != 0
    assert "signature verification failed" in (refused.stderr + refused.stdout).lower()
    assert untouched(box)


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_one_that_was_tampered_with_is_refused(box: Box, where: float) -> None:
    bundle = box.bundle(f"tampered-{where}")
    content = bytearray(bundle.read_bytes())
    content[int(len(content) * where)] ^= 1
    bundle.write_bytes(content)
    assert box.rauc("install", bundle).returncode != 0
    assert untouched(box)


def test_one_for_another_board_is_refused(box: Box) -> None:
    refused = box.rauc("install", box.bundle("other", board="toaster"))
    assert refused.returncode != 0
    assert untouched(box)


def test_a_good_one_is_written_to_the_system_that_does_not_run_and_tried(box: Box) -> None:
    installed = box.rauc("install", box.bundle("v2"))
    assert installed.returncode == 0, installed.stderr + installed.stdout
    assert box.content("system-b", 4) == b"v2v2"
    assert box.content("boot-b", 10) == b"boot of v2"
    assert box.content("system-a", 4) == bytes(4)
    assert (box.folder / "try").read_text() == "b"
    assert b"boot_partition=2\n[tryboot]" in box.autoboot.read_bytes()


def test_one_that_was_tried_and_is_good_is_committed(box: Box) -> None:
    box.start_the_other()
    committed = box.run(*load("update").MARK_GOOD)
    assert committed.returncode == 0, committed.stderr + committed.stdout
    assert b"boot_partition=3\n[tryboot]" in box.autoboot.read_bytes()


def test_keys_are_made_once_and_are_nobody_elses(box: Box) -> None:
    folder = box.folder / "keys"
    assert (folder / "sign.key.pem").stat().st_mode & 0o077 == 0
    assert subprocess.run([IMAGE / "keys", folder], capture_output=True, check=False).returncode == 1
