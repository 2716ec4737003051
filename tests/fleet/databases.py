"""A real PostgreSQL on this machine, in a folder of its own, as one may be killed."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from tests.ports import free_port
from tests.telemetry.brokers import wait_for

PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/nowhere"))
needs_postgres = pytest.mark.skipif(
    not (PROGRAMS / "postgres").exists(), reason="PostgreSQL is not installed (Debian's postgresql)"
)

# It is killed, and not the machine: what it has given to the system is not lost.
SETTINGS = (
    "fsync=off",
    "max_connections=50",
    "shared_buffers=64MB",
    "log_min_messages=panic",
    "max_wal_size=512MB",
)


class Server:
    def __init__(self) -> None:
        self.port = free_port()
        # Not in a test's folder: it refuses to be root's, and must not be another's who may not come there.
        self._folder = tempfile.TemporaryDirectory(prefix="postgres-")
        self._data = Path(self._folder.name) / "data"
        self._user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        shutil.chown(self._folder.name, self._user)
        self._run("initdb", "-D", self._data, "-U", "fleet", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
        self._count = 0
        self.start()

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [PROGRAMS / program, *map(str, arguments)],
            user=self._user, check=True, stdout=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip

    def start(self) -> None:
        self._spawn()
        wait_for(self._has_started, 60)

    def _spawn(self) -> None:
        settings = [part for each in SETTINGS for part in ("-c", each)]
        where = ("-D", self._data, "-p", str(self.port), "-h", "127.0.0.1", "-k", "")
        self.process = subprocess.Popen(
            [PROGRAMS / "postgres", *where, *settings],
            user=self._user, stderr=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip

    def _has_started(self) -> bool:
        if self.process.poll() is not None:
            # What was killed may not have let go of its memory or its port yet.
            self._spawn()
        return self.answers()

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://fleet@127.0.0.1:{self.port}/{name}"

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.url(), connect_timeout=2):
            return True
        return False

    def database(self) -> str:
        """A new one, by its address."""
        self._count += 1
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute(f"create database fleet_{self._count}")  # type: ignore[call-overload]
        return self.url(f"fleet_{self._count}")

    def close(self) -> None:
        self.kill()
        self._folder.cleanup()

    def kill(self) -> None:
        """All of it, as if the power went."""
        with contextlib.suppress(ProcessLookupError):
            # A child that it makes meanwhile would keep its memory from the next.
            self.process.send_signal(signal.SIGSTOP)
            for child in _children(self.process.pid):
                os.kill(child, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
