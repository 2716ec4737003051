"""A lamp, or a ring of them, that shows what the desk is doing."""

from __future__ import annotations

from typing import Literal

from appliance.errors import DeviceError
from appliance.gpio.pins import Gpio, reached

State = Literal["idle", "listening", "thinking", "speaking"]

THINKS = 0.1
SPEAKS = 0.4
"""Seconds of light, and as many of dark."""


class Light:
    """Dark while the desk is idle, steady while it listens, quick while it thinks, slow while it speaks.
    Raises `DeviceError` where a pin cannot be reached."""

    def __init__(self, gpio: Gpio) -> None:
        if not gpio.light:
            raise DeviceError("no light is wired", "name its pins in box.toml, [gpio] light")
        with reached(f"the light at pins {', '.join(map(str, gpio.light))}", gpio):
            from gpiozero import LEDBoard

            self._lamps = LEDBoard(*gpio.light)
        self._state: State = "idle"

    def show(self, state: State) -> None:
        if state == self._state:
            return
        self._state = state
        match state:
            case "idle":
                self._lamps.off()
            case "listening":
                self._lamps.on()
            case "thinking":
                self._lamps.blink(THINKS, THINKS)
            case "speaking":
                self._lamps.blink(SPEAKS, SPEAKS)

    def close(self) -> None:
        self._lamps.close()
