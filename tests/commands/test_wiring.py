"""What hangs on the pins is joined to the desk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from appliance.actions.door import DOORS
from appliance.commands.wiring import Wiring
from appliance.gpio import Gpio
from tests.audio_server import until


class Kiosk:
    """Notes down what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.show: Any = None

    def wake_now(self) -> None:
        self.asked.append("wake")

    def end_now(self) -> None:
        self.asked.append("end")


@pytest.fixture(autouse=True)
def pins() -> Iterator[MockFactory]:
    factory = Device.pin_factory = MockFactory()
    yield factory
    factory.reset()
    Device.pin_factory = None


async def test_each_part_does_what_it_is_for(pins: MockFactory) -> None:
    kiosk: Any = Kiosk()
    pins.pin(27).drive_low()
    wired = Gpio(pins="mock", button=17, hook=27, light=(5,), door={"front": 23}, door_open=0.1)
    wiring = Wiring(wired, kiosk)
    assert [(each.name, each.on) for each in wiring.status] == [
        ("button", True), ("hook", True), ("light", True), ("door front", True),
    ]  # fmt: skip
    pins.pin(17).drive_low()
    await until(lambda: kiosk.asked == ["wake"])
    kiosk.show("listening")
    assert pins.pin(5).state == 1
    DOORS["front"]()
    await until(lambda: pins.pin(23).state == 1)
    wiring.close()
    assert DOORS == {}


async def test_what_is_not_there_is_off_and_keeps_nothing_else_from_working(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Device.pin_factory = None
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "lgpio")
    kiosk: Any = Kiosk()
    wiring = Wiring(Gpio(button=17, door={"front": 23}), kiosk)
    assert [each.on for each in wiring.status] == [False, False]
    assert "no pins that can be reached" in wiring.status[0].why
    assert DOORS == {}
    wiring.close()


async def test_without_a_kiosk_the_doors_open_all_the_same() -> None:
    wiring = Wiring(Gpio(pins="mock", button=17, door={"front": 23}), None)
    assert [each.name for each in wiring.status] == ["door front"]
    wiring.close()
