"""A button that wakes the kiosk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.errors import DeviceError
from appliance.gpio.pins import Gpio, reached

BOUNCE = 0.02
"""Seconds in which a contact may bounce."""


class Button:
    """Calls `pressed` on the loop that made it. Raises `DeviceError` where the pin cannot be reached."""

    def __init__(self, gpio: Gpio, pressed: Callable[[], None]) -> None:
        if gpio.button is None:
            raise DeviceError("no button is wired", "name its pin in box.toml, [gpio] button")
        loop = asyncio.get_running_loop()
        with reached(f"the button at pin {gpio.button}", gpio):
            from gpiozero import Button as Switch

            self._switch = Switch(gpio.button, bounce_time=None if gpio.pins == "mock" else BOUNCE)
        self._switch.when_pressed = lambda: loop.call_soon_threadsafe(pressed)

    @property
    def is_pressed(self) -> bool:
        return bool(self._switch.is_pressed)

    def close(self) -> None:
        self._switch.close()
