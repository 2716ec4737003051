"""A fuse for what is outside: who has not answered five times running is left alone for a while."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

FAILURES = 5
"""In a row, before it opens."""

REST = timedelta(seconds=30)
"""Before one more try is let through."""


class Breaker:
    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._until: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def closed(self, target: str, now: datetime) -> bool:
        """Whether to try. Once it has rested, one try is let through; the next must wait for how it went."""
        with self._lock:
            if target not in self._until:
                return True
            if now < self._until[target]:
                return False
            self._until[target] = now + REST
            return True

    def note(self, target: str, reached: bool, now: datetime) -> None:
        """How a try went."""
        with self._lock:
            if reached:
                self._failures.pop(target, None)
                self._until.pop(target, None)
                return
            self._failures[target] = self._failures.get(target, 0) + 1
            if self._failures[target] >= FAILURES:
                self._until[target] = now + REST
