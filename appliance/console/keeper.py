"""Who may change the desk file by the page."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from appliance.errors import ApplianceError

TRIES = 5
ALL_TRIES = 30
"""Wrong passphrases a minute, from one address and from all together."""

HOURS = 12
"""How long the page stays open to who knew the passphrase."""

SESSIONS = 32
SHORTEST = 8
"""Letters of a passphrase."""


class Keeper:
    """Without a passphrase file, a page that only this machine can open is open to all who can, and one
    that others can open is closed to all."""

    def __init__(self, only_here: bool, file: Path | None, now: Callable[[], float] = time.monotonic) -> None:
        """`only_here` where no other machine can open the page."""
        self._only_here = only_here
        self._file = file
        self._now = now
        self._sessions: dict[str, tuple[float, bytes]] = {}
        """When each ends, and the passphrase it was opened with, hashed."""
        self._wrong: deque[tuple[float, str]] = deque(maxlen=ALL_TRIES)
        """When a wrong passphrase was tried, and from where."""

    def why_closed(self) -> str:
        """Why nobody can change anything by the page; empty where somebody can."""
        if self._file is None:
            mend = "Other machines can open this page, and box.toml names no password_file under [web]."
            return "" if self._only_here else mend
        return (
            "" if self._expected() else f"{self._file} cannot be read, or holds less than {SHORTEST} letters."
        )

    def may(self, token: str) -> bool:
        """Whether the browser that shows this token may change things."""
        if self.why_closed():
            return False
        if self._file is None:
            return True
        ends, opened_with = self._sessions.get(token, (0.0, b""))
        return self._now() < ends and hmac.compare_digest(opened_with, self._expected())

    def enter(self, address: str, passphrase: str) -> str:
        """A token for who knows the passphrase; ApplianceError for who does not."""
        now = self._now()
        while self._wrong and now - self._wrong[0][0] > 60:
            self._wrong.popleft()
        if len(self._wrong) >= ALL_TRIES or sum(where == address for _, where in self._wrong) >= TRIES:
            raise ApplianceError("That was too often", "Wait a minute, then try again")
        expected = self._expected()
        if not expected or not hmac.compare_digest(_hashed(passphrase), expected):
            self._wrong.append((now, address))
            raise ApplianceError("That is not the passphrase", "It stands in the file that box.toml names")
        while len(self._sessions) >= SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        token = secrets.token_urlsafe(32)
        self._sessions[token] = now + HOURS * 3600, expected
        return token

    def leave(self, token: str) -> None:
        self._sessions.pop(token, None)

    def _expected(self) -> bytes:
        """The passphrase as it stands in the file now, hashed; empty where there is none."""
        assert self._file
        try:
            passphrase = self._file.read_text(encoding="utf-8").partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError):
            return b""
        return _hashed(passphrase) if len(passphrase) >= SHORTEST else b""


def _hashed(passphrase: str) -> bytes:
    return hashlib.sha256(passphrase.strip().encode("utf-8", "replace")).digest()
