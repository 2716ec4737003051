"""HTTP for whoever asks for something. Who connects and does not, or begins to and does not go on, keeps
nobody else out: a server has only so many connections."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

SILENT = 10.0
"""Seconds in which a connection has asked for something; and for something more, once or twice as long."""


class Impatient(H11Protocol):
    _last: Any = None
    """The request that was the latest when it was looked at before."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(SILENT, self._look)

    def _look(self) -> None:
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        latest = self.cycle
        if latest is self._last and (latest is None or latest.response_complete):
            self.transport.abort()
            return
        self._last = latest
        self.loop.call_later(SILENT, self._look)
