"""How the first admin comes to be: by a code that only those can know who stand before the box, or at its
terminal."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable

from appliance.errors import ApplianceError

DIGITS = 8
HOLDS = 600.0
"""Seconds for which a code holds."""

TRIES = 5
"""Wrong codes, after which it holds no more and another is made."""


class Pairing:
    """A code at a time, in memory only."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._code = ""
        self._ends = 0.0
        self._wrong = 0

    def code(self) -> str:
        """The one that holds now, made anew where none does: "1234 5678"."""
        if self._now() >= self._ends or self._wrong >= TRIES:
            self._code = "".join(secrets.choice("0123456789") for _ in range(DIGITS))
            self._ends, self._wrong = self._now() + HOLDS, 0
        return f"{self._code[:4]} {self._code[4:]}"

    @property
    def left(self) -> float:
        """Seconds that the code still holds."""
        return max(0.0, self._ends - self._now()) if self._wrong < TRIES else 0.0

    def use(self, code: str) -> None:
        """ApplianceError where it is not the code, which counts as a try; a code counts once."""
        typed = "".join(code.split()).replace("-", "")
        if not self.left:
            raise ApplianceError("no code holds any more", "look at the new one")
        self._wrong += 1
        if not hmac.compare_digest(typed.encode("utf-8", "replace"), self._code.encode()):
            raise ApplianceError(
                "that is not the code", "look at it again; after a few tries there is another"
            )
        self._ends = 0.0
