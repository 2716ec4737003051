"""The button that is held as the box starts, and for long enough: somebody wants it as it was made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.gpio.button import Button

LONG = 10.0
"""Seconds."""

STUCK = 30.0
"""Seconds after which a button that is still down is not somebody's hand."""

LOOK = 0.1
"""Seconds between two looks."""


async def held(
    button: Button,
    enough: Callable[[], None],
    then: Callable[[], None],
    long: float = LONG,
    stuck: float = STUCK,
) -> None:
    """If it is down from now on for so long, tell who holds it by `enough`, and call `then` once it is let
    go. A visitor who leans on it later does not count, nor does a button that is stuck: each start of the
    box would find it down."""
    if not await _let_go(button, long):
        enough()
        if await _let_go(button, stuck):
            then()


async def _let_go(button: Button, within: float) -> bool:
    """Whether it is, in so many seconds."""
    try:
        async with asyncio.timeout(within):
            while button.is_pressed:  # noqa: ASYNC110
                await asyncio.sleep(LOOK)
    except TimeoutError:
        return False
    return True
