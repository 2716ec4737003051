"""A pseudo-terminal that stands in for a modem's serial port."""

from __future__ import annotations

import contextlib
import os
import tty
from pathlib import Path


class Port:
    """Its name is `path`, a link that appears with it and goes with it. Neither end waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.file, self._other = os.openpty()
        for end in (self.file, self._other):
            tty.setraw(end)
        os.set_blocking(self.file, False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(self._other))

    def write(self, data: bytes) -> None:
        """What there is no room for is lost, as on the wire."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self.file, data)

    def read(self, count: int) -> bytes:
        """Up to `count` bytes of what is there."""
        with contextlib.suppress(BlockingIOError, OSError):
            return os.read(self.file, count)
        return b""

    def close(self) -> None:
        os.close(self.file)
        os.close(self._other)
        self._path.unlink(missing_ok=True)
