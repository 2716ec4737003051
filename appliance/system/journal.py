"""Log lines as systemd's journal has them, with fields that can be asked for: `journalctl APPLIANCE_CALL=ID`.
What people said is in none of them.

The format is the journal's native one: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")

PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""As syslog has them, by the level from which on."""

MOST = 48_000
"""Bytes of a field: a datagram holds little more."""

FIELDS = {"call": "APPLIANCE_CALL", "turn": "APPLIANCE_TURN"}
"""What a message names by a word before it: "call %s ended"."""


def listens() -> bool:
    """Whether systemd has this process's output, and a journal for it."""
    return "JOURNAL_STREAM" in os.environ and SOCKET.exists()


class JournalHandler(logging.Handler):
    """Where the journal takes nothing, the line goes to stderr, as without."""

    def __init__(self, path: Path = SOCKET) -> None:
        super().__init__(logging.INFO)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._path = str(path)
        self._otherwise = logging.StreamHandler()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._socket.sendto(datagram(record, self.format(record)), self._path)
        except OSError:
            self._otherwise.handle(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self._socket.close()
        super().close()


def datagram(record: logging.LogRecord, message: str) -> bytes:
    """A line with its fields; each as name and value, a value of several lines with its length before it."""
    fields = {
        "MESSAGE": message,
        "PRIORITY": str(next((number for level, number in PRIORITIES if record.levelno >= level), 7)),
        "SYSLOG_IDENTIFIER": "appliance",
        "LOGGER": record.name,
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName,
        "THREAD": record.threadName or "",
        **dict(_named(record)),
    }
    return b"".join(_field(name, value) for name, value in fields.items())


def _named(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    """What the message says by its arguments."""
    if not isinstance(record.args, tuple):
        return
    places = re.finditer(r"(?:\b(\w+) )?%[-+ #0]*[\d.]*[a-z]", str(record.msg).replace("%%", ""))
    for place, value in zip(places, record.args, strict=False):
        if name := FIELDS.get(place[1] or ""):
            yield name, str(value)


def _field(name: str, value: str) -> bytes:
    content = value.encode(errors="replace")[:MOST]
    if b"\n" not in content:
        return name.encode() + b"=" + content + b"\n"
    return name.encode() + b"\n" + len(content).to_bytes(8, "little") + content + b"\n"
