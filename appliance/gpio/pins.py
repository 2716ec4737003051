"""What is wired to which pin, as box.toml has it, and how pins are reached."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from appliance.errors import DeviceError


@dataclass(frozen=True, slots=True)
class Gpio:
    """[gpio] of box.toml. Pins are numbered as Broadcom's, GPIO 0 to 27. Nothing is wired by default."""

    pins: Literal["board", "mock"] = "board"
    """`board` are this machine's; `mock` are none, to try a desk without hardware."""
    button: int | None = None
    """Between the pin and ground; pressed, it wakes the kiosk."""
    hook: int | None = None
    """The switch that a handset lies on, between the pin and ground. Lifted, a call begins; put back, it
    ends."""
    hook_open: Literal["lifted", "down"] = "lifted"
    """When the switch is open."""
    light: tuple[int, ...] = ()
    """Lamps that show what the desk is doing; several make a ring."""
    door: dict[str, int] = field(default_factory=dict)
    """Relays that open doors, by the name that a flow calls each by."""
    door_open: float = 3.0
    """Seconds for which a relay is on."""

    def __post_init__(self) -> None:
        single = [pin for pin in (self.button, self.hook) if pin is not None]
        used = Counter([*single, *self.light, *self.door.values()])
        for pin, times in used.items():
            if not 0 <= pin <= 27:
                raise ValueError(f"has pin {pin}", "GPIO 0 to 27, as Broadcom numbers them")
            if times > 1:
                raise ValueError(f"has pin {pin} twice", "each pin has one thing wired to it")
        if not 0.1 <= self.door_open <= 60:
            raise ValueError(f"has door_open = {self.door_open}", "0.1 to 60 seconds")


@contextmanager
def reached(what: str, gpio: Gpio) -> Iterator[None]:
    """Within it a device of gpiozero's is made; its errors come out as ours."""
    try:
        import gpiozero
    except ImportError as error:
        raise DeviceError(f"{what}: the library gpiozero is not installed", "run `make run`") from error
    try:
        if gpio.pins == "mock" and gpiozero.Device.pin_factory is None:
            from gpiozero.pins.mock import MockFactory

            gpiozero.Device.pin_factory = MockFactory()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # About each library for pins that is not there.
            yield
    except ImportError as error:  # BadPinFactory is one: no library reaches any pin.
        raise DeviceError(
            f"{what}: this machine has no pins that can be reached", "apt install python3-lgpio, or unwire it"
        ) from error
    except Exception as error:  # Debian's lgpio has a family of its own, of no other.
        raise DeviceError(f"{what} does not work ({error})", "look at its pin in box.toml, [gpio]") from error
