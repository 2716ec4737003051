"""The switch that a handset lies on: who lifts it begins a call, who puts it back ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.errors import DeviceError
from appliance.gpio.button import BOUNCE
from appliance.gpio.pins import Gpio, reached


class Hook:
    """Calls `lifted` and `put_back` on the loop that made it. A handset that is off its hook at the start is
    none that was lifted. Raises `DeviceError` where the pin cannot be reached."""

    def __init__(self, gpio: Gpio, lifted: Callable[[], None], put_back: Callable[[], None]) -> None:
        if gpio.hook is None:
            raise DeviceError("no hook is wired", "name its pin in box.toml, [gpio] hook")
        loop = asyncio.get_running_loop()
        with reached(f"the hook at pin {gpio.hook}", gpio):
            from gpiozero import Button as Switch

            self._switch = Switch(gpio.hook, bounce_time=None if gpio.pins == "mock" else BOUNCE)
        self._open_is_lifted = gpio.hook_open == "lifted"
        opened, closed = (lifted, put_back) if self._open_is_lifted else (put_back, lifted)
        self._switch.when_released = lambda: loop.call_soon_threadsafe(opened)
        self._switch.when_pressed = lambda: loop.call_soon_threadsafe(closed)

    @property
    def is_lifted(self) -> bool:
        return bool(self._switch.is_pressed) != self._open_is_lifted

    def close(self) -> None:
        self._switch.close()
