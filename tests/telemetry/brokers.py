"""A real mosquitto on this machine, without TLS, as one may be killed."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.ports import free_port

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
needs_mosquitto = pytest.mark.skipif(
    not Path(MOSQUITTO).exists(), reason="mosquitto is not installed (Debian's package)"
)


class PlainBroker:
    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.socket = folder / "b.sock"
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            # Started by root, it would become a user who may not write here.
            f"user {getpass.getuser()}\n"
            "per_listener_settings true\npersistence false\nlog_dest none\nmax_queued_messages 100000\n"
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
            f"listener 0 {self.socket}\nallow_anonymous true\n"
        )
        self.start()

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._configuration)], stderr=subprocess.DEVNULL
        )
        wait_for(self.answers, 10)

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return self.socket.exists()
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def wait_for(found: object, seconds: float = 30) -> None:
    """Until `found()` is true; what it was last, if it never is."""
    assert callable(found)
    until = time.monotonic() + seconds
    while not (last := found()):
        assert time.monotonic() < until, last
        time.sleep(0.01)
