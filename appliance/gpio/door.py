"""A relay that opens a door for a moment."""

from __future__ import annotations

from appliance.errors import DeviceError
from appliance.gpio.pins import Gpio, reached


class Door:
    """Closed from the start. Raises `DeviceError` where the pin cannot be reached."""

    def __init__(self, gpio: Gpio, name: str) -> None:
        if name not in gpio.door:
            raise DeviceError(f'no door is called "{name}"', "name its pin in box.toml, [gpio] door")
        with reached(f"the door {name} at pin {gpio.door[name]}", gpio):
            from gpiozero import DigitalOutputDevice

            self._relay = DigitalOutputDevice(gpio.door[name])
        self.opens_for = gpio.door_open

    def open(self) -> None:
        """Returns at once; the relay goes off by itself. Opened again meanwhile, the time begins anew."""
        self._relay.blink(on_time=self.opens_for, off_time=0, n=1, background=True)

    @property
    def is_open(self) -> bool:
        return bool(self._relay.is_active)

    def close(self) -> None:
        """Let go of the pin."""
        self._relay.close()
