"""The button that is held as the box starts, and for long enough: somebody wants it as it was made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from appliance.gpio.button import Button

LONG = 10.0
"""Seconds."""

LOOK = 0.1
"""Seconds between two looks."""


async def held(button: Button, then: Callable[[], None], long: float = LONG) -> None:
    """Call `then` if it is down from now on for so long; never if it is not. A visitor who leans on it later
    does not count."""
    with suppress(TimeoutError):
        async with asyncio.timeout(long):
            while button.is_pressed:  # noqa: ASYNC110
                await asyncio.sleep(LOOK)
        return
    then()
