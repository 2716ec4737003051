"""Whether somebody stands before the kiosk, by a motion or a distance sensor on the box's pins."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from appliance.config.box import Sensor
from appliance.errors import DeviceError


class Presence:
    """`on_come` is told each time that somebody comes, from a thread of gpiozero's. DeviceError where there
    are no pins, or another program holds these."""

    def __init__(self, sensor: Sensor, on_come: Callable[[], object] = lambda: None) -> None:
        self.on_come = on_come
        try:
            self._device: Any = _open(sensor)
        except ImportError as error:  # BadPinFactory is one too: no library reaches any pin.
            raise DeviceError(
                f"there are no pins on this machine ({error})", "take a Raspberry Pi, or another kiosk.wake"
            ) from error
        except Exception as error:
            raise DeviceError(
                f"the presence sensor on pin {sensor.pin} does not open ({error})",
                "look at its pins in box.toml, and end what else holds them",
            ) from error
        self._near = sensor.kind == "distance"
        if self._near:
            self._device.when_in_range = self._come
        else:
            self._device.when_motion = self._come

    @property
    def there(self) -> bool:
        """Whether somebody is there now."""
        # gpiozero calls a distance sensor active while nothing is near.
        return bool(self._device.is_active) is not self._near

    def close(self) -> None:
        self._device.close()

    def _come(self) -> None:
        self.on_come()


def _open(sensor: Sensor) -> Any:
    import gpiozero

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # About each library for pins that is not there.
        if sensor.kind == "motion":
            return gpiozero.MotionSensor(sensor.pin)
        return gpiozero.DistanceSensor(
            sensor.pin, sensor.trigger, max_distance=2 * sensor.within, threshold_distance=sensor.within
        )
