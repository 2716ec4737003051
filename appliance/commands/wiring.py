"""What hangs on the pins, joined to the desk: the button wakes it, the hook begins and ends a call, the light
shows what it does, and actions may open the doors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from appliance.actions.door import DOORS
from appliance.channels.kiosk import Kiosk
from appliance.console.server import Status
from appliance.errors import DeviceError
from appliance.gpio import Button, Door, Gpio, Hook, Light

log = logging.getLogger(__name__)


class Part(Protocol):
    def close(self) -> None: ...


P = TypeVar("P", bound=Part)


class Wiring:
    """From when it is made until it is closed. What cannot be reached is off, and says why; the desk answers
    all the same."""

    def __init__(self, gpio: Gpio, kiosk: Kiosk | None) -> None:
        self.status: list[Status] = []
        self._parts: list[Part] = []
        self.button: Button | None = None
        if kiosk and gpio.button is not None:
            self.button = self._join("button", lambda: Button(gpio, kiosk.wake_now))
        if kiosk and gpio.hook is not None:
            self._join("hook", lambda: Hook(gpio, kiosk.wake_now, kiosk.end_now))
        if kiosk and gpio.light and (light := self._join("light", lambda: Light(gpio))):
            kiosk.show = light.show
        for name in gpio.door:
            if door := self._join(f"door {name}", partial(Door, gpio, name)):
                DOORS[name] = door.open

    def close(self) -> None:
        DOORS.clear()
        for part in reversed(self._parts):
            part.close()

    def _join(self, name: str, make: Callable[[], P]) -> P | None:
        try:
            part = make()
        except DeviceError as error:
            log.warning("%s", error)
            self.status.append(Status(name, False, str(error)))
            return None
        self.status.append(Status(name, True))
        self._parts.append(part)
        return part
