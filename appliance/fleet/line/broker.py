"""Debian's mosquitto, configured and kept alive: boxes come by mutual TLS, each to its own topics; the server
itself by a socket in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import logging
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from appliance.errors import ApplianceError
from appliance.fleet.membership.authority import Authority
from appliance.telemetry.wire import LARGEST_DOWN, VERSION

log = logging.getLogger(__name__)

PROGRAM = shutil.which("mosquitto") or "/usr/sbin/mosquitto"

AGAIN = 0.5
"""Seconds before a broker that died is started again."""

LONGEST_PATH = 100
"""Characters that the path of a socket may have."""

CONFIGURATION = """\
# Written by `appliance fleet serve`; changed at every start.
per_listener_settings true
# What boxes tell is kept in their outboxes until it is stored: the broker need not remember anything.
persistence false
max_queued_messages 100000
max_inflight_messages 1000
max_packet_size {packet}
log_dest stderr
log_type error
log_type warning
{user}
listener 0 {socket}
allow_anonymous true

listener {port} {host}
cafile {ca}
certfile {server}
keyfile {server_key}
crlfile {revoked}
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
# A second session of a name ends the first: so a revoked one is ended.
use_username_as_clientid true
allow_anonymous false
acl_file {acl}
max_connections -1
"""

RIGHTS = f"""\
pattern write va/{VERSION}/%u/state
pattern write va/{VERSION}/%u/up/#
pattern read va/{VERSION}/%u/dn/#
"""
"""What a box may do; %u is the name in its certificate."""


class Broker:
    """`port` 0 is no choice: the boxes must find it."""

    def __init__(self, folder: Path, authority: Authority, host: str = "0.0.0.0", port: int = 8883) -> None:
        self.folder = folder
        self.socket = folder / "broker.sock"
        self._authority = authority
        self._configuration = (folder / "mosquitto.conf").absolute()
        self._pid = folder / "mosquitto.pid"
        self.host, self.port = host, port
        self.process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._over = False

    def start(self) -> None:
        """Start it, and wait until it answers. ApplianceError where it does not, or is stopped already."""
        with self._lock:
            if self._over:
                raise ApplianceError("the broker is stopped, and is not started again")
            self._start()

    def _start(self) -> None:
        if not Path(PROGRAM).exists():
            raise ApplianceError("mosquitto is not installed", "apt install mosquitto")
        if len(str(self.socket.absolute())) > LONGEST_PATH:
            raise ApplianceError(
                f"the path {self.socket} is too long for a socket", "choose a shorter folder"
            )
        self._write()
        self._end_orphan()
        self.socket.unlink(missing_ok=True)
        # In a session of its own: the end of a terminal is ours to hear of, and the broker ends after us.
        self.process = subprocess.Popen([PROGRAM, "-c", str(self._configuration)], start_new_session=True)
        self._pid.write_text(str(self.process.pid))
        # Each box has a file of it, and a program that is started by hand may have 1,024. A service may be
        # kept from changing what it was given.
        with contextlib.suppress(OSError):
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (most, most))
        until = time.monotonic() + 10
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                self._end()
                raise ApplianceError(
                    f"mosquitto did not start on {self.host}:{self.port}",
                    "see what it says above; another program may have the port",
                )
            time.sleep(0.01)

    def stop(self) -> None:
        """For good, also where somebody starts it at this moment. Safe to repeat."""
        with self._lock:
            self._over = True
            self._end()

    def _end(self) -> None:
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    async def watch(self) -> None:
        """Start it again whenever it dies, until cancelled."""
        while True:
            if self.process and self.process.poll() is not None:
                log.error("the broker died (%s); it is started again", self.process.returncode)
                try:
                    await asyncio.to_thread(self.start)
                except ApplianceError as error:
                    log.error("%s", error)
            await asyncio.sleep(AGAIN)

    def reread(self) -> None:
        """Have it take the list of revoked certificates; sessions that are there stay."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGHUP)

    def _end_orphan(self) -> None:
        """A server that was killed has left its broker behind, and that has the port."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._pid.read_text())
            told = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if str(self._configuration).encode() in told:
                os.kill(pid, signal.SIGKILL)
                until = time.monotonic() + 5
                while _alive(pid) and time.monotonic() < until:
                    time.sleep(0.01)

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        rights = self.folder / "rights.acl"
        rights.write_text(RIGHTS)
        rights.chmod(0o600)
        authority = self._authority
        self._configuration.write_text(
            CONFIGURATION.format(
                packet=LARGEST_DOWN + 4096,
                socket=self.socket.absolute(),
                # It gives up root for a user who could not read the keys.
                user=f"user {getpass.getuser()}",
                host=self.host,
                port=self.port,
                ca=authority.ca.absolute(),
                server=authority.server.absolute(),
                server_key=authority.server_key.absolute(),
                revoked=authority.revoked.absolute(),
                acl=rights.absolute(),
            )
        )


def _alive(pid: int) -> bool:
    """Whether it still runs; what nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
