"""The body of a request as it comes: no larger and no slower than a page takes."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Send

PATIENCE = 30.0
"""Seconds in which a body has come."""

LINGER, DISCARDED = 2.0, 16 << 20
"""Seconds, and bytes of a body, that are taken in and thrown away from who has been answered already."""


class Body:
    def __init__(self, receive: Receive, largest: int, whole: bool = False) -> None:
        """`largest` in bytes; `whole`: nothing of a body is awaited, as before a WebSocket."""
        self._receive = receive
        self._largest = largest
        self._whole = whole
        self._came = 0
        self._until = asyncio.get_running_loop().time() + PATIENCE

    async def receive(self) -> Message:
        """Raises HTTPException for what is too much or too slow."""
        try:
            async with asyncio.timeout_at(None if self._whole else self._until):
                message = await self._next()
        except TimeoutError:
            raise HTTPException(408, "That took too long.") from None
        if self._came > self._largest:
            raise HTTPException(413, "That is too much.")
        return message

    async def discard(self) -> None:
        """Take in what still comes. A connection that is closed with bytes unread is reset, and who was still
        sending never reads why he was refused (RFC 9112, 9.6)."""
        try:
            async with asyncio.timeout(LINGER):
                while not self._whole and self._came < DISCARDED:
                    await self._next()
        except TimeoutError:
            pass

    def answering(self, send: Send) -> Send:
        """An answer that is over when nothing of the body comes any more."""

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await self.discard()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        return answering

    async def _next(self) -> Message:
        message = await self._receive()
        self._came += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        return message
