"""A call that rings: RING and the number come in any order, doubled, or one without the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

RINGS_FOR = 7.0
"""Seconds after the last RING for which a caller is taken to be there; networks ring every five or six."""

NUMBER_WITHIN = 0.5
"""Seconds after the first RING in which the number comes, if it comes at all."""


@dataclass(slots=True)
class _Call:
    last: float
    number: str | None = None
    told: bool = False


class Ringer:
    """Tells `hear` of each call once, with its number; empty where it is withheld."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        self._hear = hear
        self._call: _Call | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def rings(self) -> bool:
        call = self._call
        return call is not None and self._loop.time() - call.last < RINGS_FOR

    @property
    def number(self) -> str | None:
        """Of who rings now, once `hear` was told of the call; None while nobody does."""
        return self._call.number or "" if self._call and self._call.told and self.rings else None

    def ring(self, number: str | None = None) -> None:
        """It rings, or its number has come."""
        if not self.rings:
            self._call = None
        call = self._call = self._call or _Call(0.0)
        call.last = self._loop.time()
        call.number = call.number or number
        if not call.told and number is not None:
            self._tell(call)
        elif not call.told:
            self._loop.call_later(NUMBER_WITHIN, self._tell, call)

    def over(self) -> None:
        """The call was answered, or the caller gave up."""
        self._call = None

    def _tell(self, call: _Call) -> None:
        if self._call is call and not call.told:
            call.told = True
            self._hear(call.number or "")
