"""A Debian machine of its own, booted in a container: its own systemd, this one's kernel and network."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "udev", "procps", "ca-certificates"),
    *("python3", "python3-venv", "libportaudio2", "libatomic1"),
)
SUITE = "bookworm"
LENT = ["/etc/ssl/certs", "/etc/pip.conf", "/opt/wheels", "/opt/pypi"]
"""What of this machine pip may need, where it is there."""

ANEW = 133
"""How systemd-nspawn ends where the machine wants to be started anew."""

UP = ("running", "degraded")

needs_container = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mmdebstrap") or not shutil.which("systemd-nspawn"),
    reason="needs root, mmdebstrap and systemd-nspawn (Debian's package systemd-container)",
)


def mirror() -> str:
    """Where this machine itself has Debian from."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    return next(uri.rstrip("/") for uri in told if "security" not in uri)


class Machine:
    """From `boot` to `halt`. It shares this machine's network; `SOURCE` is where it is here, read-only."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.options: list[str] = []
        """More arguments for systemd-nspawn."""
        self._nspawn: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Some 50 s; or a copy of one that was made before, where $APPLIANCE_ROOT says so."""
        made = os.environ.get("APPLIANCE_ROOT")
        include = f"--include={','.join(PACKAGES)}"
        fresh = ["mmdebstrap", "--quiet", "--variant=apt", include, SUITE, str(self.root), mirror()]
        subprocess.run(["cp", "-a", made, str(self.root)] if made else fresh, check=True)
        shutil.copy("/etc/resolv.conf", self.root / "etc" / "resolv.conf")

    def boot(self) -> None:
        # systemd-nspawn locks here, which is no place for locks where /run is of an image.
        state = Path("/run/systemd/nspawn")
        state.mkdir(parents=True, exist_ok=True)
        if not state.is_mount():
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(state)], check=True)
        self._start()
        self.until(lambda: self.run("systemctl", "is-system-running").stdout.strip() in UP)

    def lent(self) -> set[str]:
        """What it sees of this machine's files, in the same place."""
        lent = {str(SOURCE), *(path for path in LENT if Path(path).exists())}
        return lent | {
            str(path.resolve().parent) for path in (SOURCE / "models").iterdir() if path.is_symlink()
        }

    def _start(self) -> None:
        ours, theirs = pty.openpty()
        self._nspawn = subprocess.Popen(
            [
                *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"),
                *("--machine=appliance-test", f"--directory={self.root}"),
                *(f"--bind-ro={path}" for path in sorted(self.lent())),
                *self.options,
            ],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        # Whoever reads nothing from a screen stops in the end what writes to it.
        threading.Thread(target=_watch, args=(ours,), daemon=True).start()

    def halt(self) -> None:
        if self._nspawn:
            self._nspawn.terminate()  # The machine's systemd takes it for an order to shut down.
            try:
                self._nspawn.wait(30)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()

    def run(self, *command: str, within: float = 60.0) -> subprocess.CompletedProcess[str]:
        """A command inside, as root. A machine that is going down answers none."""
        if self._nspawn and self._nspawn.poll() == ANEW:
            self._start()
        leader = self.leader()
        if not leader:
            return subprocess.CompletedProcess(command, 255, "", "it is down")
        inside = [
            *("nsenter", "-t", leader, "-m", "-u", "-i", "-p", "-C", "-r", "-w"),
            *("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"),
            *(f"{name}={value}" for name, value in os.environ.items() if name.startswith("PIP_")),
        ]
        try:
            return subprocess.run(
                [*inside, *command], capture_output=True, text=True, check=False, timeout=within
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 255, "", "it does not answer")

    def until(self, done: Callable[[], object], within: float = 60.0) -> float:
        """Seconds until something is so."""
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < within, "it did not come about"
            time.sleep(0.05)
        return time.monotonic() - began

    def property(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", "-p", name, unit, within=10).stdout.strip()

    def journal(self, unit: str = "appliance.service") -> str:
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit).stdout

    def leader(self) -> str:
        """The container's first process, by its number here."""
        assert self._nspawn
        found = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        return (found.read_text().split() or [""])[0] if found.exists() else ""


def _watch(screen: int) -> None:
    with contextlib.suppress(OSError):  # It is gone when the machine is.
        while os.read(screen, 65_536):
            pass
    os.close(screen)


def folder() -> Path:
    """Where a machine of some gigabytes fits."""
    place = os.environ.get("TMPDIR", "/var/tmp")
    return Path(tempfile.mkdtemp(prefix="appliance-machine-", dir=place))
