"""What the service manager is told: that the desk is up, that it still answers, that it stops."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


class Manager:
    """systemd, where it started this process; else nobody, and whatever is told is lost.

    The protocol is sd_notify's: lines of NAME=value in one datagram to the socket in $NOTIFY_SOCKET.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog = int(environment.get("WATCHDOG_USEC", 0)) / 1e6 if ours else 0.0
        """Seconds without a word of WATCHDOG after which this process is killed; 0 where it never is."""
        self.state = _folder(environment, "STATE_DIRECTORY")
        """The service's own folder on the disk."""
        self.runtime = _folder(environment, "RUNTIME_DIRECTORY")
        """The one in memory, which is gone when the service is."""

    def tell(self, **what: str | int) -> None:
        """Such as `tell(READY=1, STATUS="answering")`. Never raises and never waits: a manager that does not
        listen is no reason not to answer the telephone."""
        if not self._address:
            return
        # An address that begins with @ is in Linux's abstract name space, which has a zero byte there.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        said = "\n".join(f"{name}={value}" for name, value in what.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
            wire.setblocking(False)
            wire.sendto(said.encode(), address)


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    first = environment.get(name, "").split(":")[0]
    return Path(first) if first else None
