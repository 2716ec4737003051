"""What hangs on the pins, by the pins: they are driven, and what happens is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from appliance.errors import DeviceError
from appliance.gpio import Button, Door, Gpio, Hook, Light
from appliance.gpio.held import held
from tests.audio_server import until


@pytest.fixture(autouse=True)
def pins() -> Iterator[MockFactory]:
    factory = Device.pin_factory = MockFactory()
    yield factory
    factory.reset()
    Device.pin_factory = None


def pin(number: int) -> MockPin:
    assert Device.pin_factory
    found: MockPin = Device.pin_factory.pin(number)
    return found


async def test_a_button_that_is_pressed_wakes_once() -> None:
    presses: list[bool] = []
    button = Button(Gpio(pins="mock", button=17), lambda: presses.append(True))
    pin(17).drive_low()
    await until(lambda: presses)
    pin(17).drive_high()
    await asyncio.sleep(0.05)
    assert presses == [True]
    button.close()


@pytest.mark.parametrize("when", ["lifted", "down"])
async def test_a_handset_that_is_lifted_begins_and_put_back_ends(when: str) -> None:
    happened: list[str] = []
    wired = Gpio(pins="mock", hook=27, hook_open=when)  # type: ignore[arg-type]
    lies = pin(27).drive_low if when == "lifted" else pin(27).drive_high
    lift = pin(27).drive_high if when == "lifted" else pin(27).drive_low
    hook = Hook(wired, lambda: happened.append("lifted"), lambda: happened.append("put back"))
    lies()
    await asyncio.sleep(0.05)
    happened.clear()
    assert not hook.is_lifted
    lift()
    await until(lambda: happened == ["lifted"])
    assert hook.is_lifted
    lies()
    await until(lambda: happened == ["lifted", "put back"])
    hook.close()


async def test_a_handset_that_lies_aside_at_the_start_begins_no_call() -> None:
    happened: list[str] = []
    hook = Hook(Gpio(pins="mock", hook=27), lambda: happened.append("lifted"), lambda: None)
    await asyncio.sleep(0.05)
    assert hook.is_lifted
    assert happened == []
    hook.close()


async def test_the_light_shows_what_the_desk_is_doing() -> None:
    light = Light(Gpio(pins="mock", light=(5, 6)))
    assert [pin(5).state, pin(6).state] == [0, 0]
    light.show("listening")
    assert [pin(5).state, pin(6).state] == [1, 1]
    light.show("thinking")
    await until(lambda: len(pin(5).states) > 5)  # On and off by itself.
    light.show("listening")
    assert pin(5).state == 1
    light.show("idle")
    assert [pin(5).state, pin(6).state] == [0, 0]
    light.close()


async def test_a_door_opens_for_a_moment_and_not_before() -> None:
    door = Door(Gpio(pins="mock", door={"front": 23}, door_open=0.15), "front")
    assert pin(23).state == 0
    door.open()
    await until(lambda: pin(23).state == 1)
    await until(lambda: pin(23).state == 0, within=10)
    door.close()


async def test_what_opens_a_door_twice_keeps_it_open_longer() -> None:
    door = Door(Gpio(pins="mock", door={"front": 23}, door_open=0.3), "front")
    door.open()
    await asyncio.sleep(0.2)
    door.open()
    await asyncio.sleep(0.2)
    assert pin(23).state == 1
    await until(lambda: pin(23).state == 0, within=10)
    door.close()


@pytest.mark.parametrize(
    ("wired", "wrong"),
    [
        ({"button": 28}, "has pin 28"),
        ({"button": 5, "light": (4, 5)}, "has pin 5 twice"),
        ({"door": {"front": 5, "back": 5}}, "has pin 5 twice"),
        ({"door_open": 0.0}, "has door_open = 0.0"),
    ],
)
def test_wiring_of_no_sense_is_refused(wired: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Gpio(**wired)  # type: ignore[arg-type]


async def test_a_pin_that_something_else_holds_is_told_in_plain_words() -> None:
    taken = Door(Gpio(pins="mock", door={"front": 23}), "front")
    with pytest.raises(DeviceError, match="the button at pin 23 does not work"):
        Button(Gpio(pins="mock", button=23), lambda: None)
    taken.close()


async def test_a_machine_without_pins_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    Device.pin_factory = None
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "lgpio")
    with pytest.raises(DeviceError, match="no pins that can be reached"):
        Light(Gpio(light=(5,)))


async def test_what_the_library_for_the_pins_raises_is_told_in_plain_words(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy(Exception):
        """As lgpio's, where the kernel has the pin."""

    def claim(_: MockPin, function: str) -> None:
        if function == "output":
            raise Busy("GPIO busy")

    monkeypatch.setattr(MockPin, "_set_function", claim)
    with pytest.raises(DeviceError, match="the door front at pin 15 does not work"):
        Door(Gpio(pins="mock", door={"front": 15}), "front")


async def test_a_button_that_is_held_as_the_box_starts_asks_for_something_once_it_is_let_go() -> None:
    told: list[str] = []
    button = Button(Gpio(pins="mock", button=17), lambda: None)
    pin(17).drive_low()

    def enough() -> None:
        told.append("enough")
        asyncio.get_running_loop().call_later(0.1, pin(17).drive_high)

    await held(button, enough, lambda: told.append("asked"), 0.3, 5.0)
    button.close()
    assert told == ["enough", "asked"]


async def test_a_button_that_is_stuck_asks_for_nothing() -> None:
    told: list[str] = []
    button = Button(Gpio(pins="mock", button=17), lambda: None)
    pin(17).drive_low()
    await held(button, lambda: told.append("enough"), lambda: told.append("asked"), 0.2, 0.3)
    button.close()
    assert told == ["enough"]


async def test_one_that_is_let_go_too_early_or_pressed_later_does_not() -> None:
    asked: list[bool] = []
    button = Button(Gpio(pins="mock", button=17), lambda: None)
    pin(17).drive_low()
    holding = asyncio.create_task(held(button, lambda: None, lambda: asked.append(True), 0.5))
    await asyncio.sleep(0.1)
    pin(17).drive_high()
    await holding
    pin(17).drive_low()
    await asyncio.sleep(0.6)
    button.close()
    assert asked == []
