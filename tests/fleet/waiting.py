"""Waiting for what comes over a wire."""

from __future__ import annotations

import asyncio
from typing import Any


async def until(found: Any, seconds: float = 30) -> None:
    """Wait until `found()` is true."""
    ends = asyncio.get_running_loop().time() + seconds
    while not (last := found()):
        assert asyncio.get_running_loop().time() < ends, last
        await asyncio.sleep(0.01)
