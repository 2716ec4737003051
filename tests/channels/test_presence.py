"""Somebody comes to the kiosk: gpiozero's devices, on pins that are none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockTriggerPin

from appliance.channels import kiosk
from appliance.channels.presence import Presence
from appliance.channels.soundcard import SoundCard
from appliance.config.box import Box, Kiosk, Sensor
from appliance.config.strict import TomlFile
from appliance.engines.fake import FakeVad
from appliance.errors import ConfigError, DeviceError
from tests.audio_server import AudioServer, person, until
from tests.channels.test_kiosk import PHRASE, Desk


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    factory = MockFactory()
    monkeypatch.setattr(Device, "pin_factory", factory)
    yield factory
    factory.reset()


def test_a_motion_sensor_tells_who_comes_once_for_each_time(pins: MockFactory) -> None:
    came = threading.Semaphore(0)
    presence = Presence(Sensor(), came.release)
    assert not presence.there
    for _ in range(2):
        pins.pin(17).drive_high()
        assert came.acquire(timeout=10)
        assert presence.there
        pins.pin(17).drive_low()
        presence._device.wait_for_no_motion(10)
        assert not presence.there
    assert not came.acquire(timeout=0.2)
    presence.close()


def test_a_distance_sensor_tells_who_is_near(pins: MockFactory) -> None:
    came = threading.Event()
    echo = pins.pin(24)
    trigger = pins.pin(23, pin_class=MockTriggerPin, echo_pin=echo, echo_time=0.012)  # 2 m away.
    presence = Presence(Sensor("distance", 24, 23, within=1.0), came.set)
    assert not presence.there
    trigger.echo_time = 0.003  # Half a metre.
    assert came.wait(5)
    assert presence.there
    presence.close()


def test_where_there_are_no_pins_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    with pytest.raises(DeviceError, match=r"no pins on this machine.*another kiosk\.wake"):
        Presence(Sensor())


def test_a_pin_that_is_in_use_is_said_to_be(pins: MockFactory) -> None:
    first = Presence(Sensor())
    with pytest.raises(DeviceError, match="pin 17 does not open"):
        Presence(Sensor())
    first.close()


@pytest.mark.parametrize(
    "wrong",
    ['{kind = "distance", pin = 24}', "{pin = 17, trigger = 23}", "{pin = 40}", '{kind = "smell"}'],
)
def test_a_sensor_that_cannot_be_is_an_error_of_box_toml(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "box.toml"
    path.write_text(f'[kiosk]\nwake = "presence"\nsensor = {wrong}\n')
    with pytest.raises(ConfigError, match=r"kiosk\.sensor"):
        TomlFile(path).into(Box)
    path.write_text('[kiosk]\nwake = "presence"\nsensor = {kind = "distance", pin = 24, trigger = 23}\n')
    assert TomlFile(path).into(Box).kiosk == Kiosk(wake="presence", sensor=Sensor("distance", 24, 23))


async def test_who_comes_is_greeted_and_who_only_speaks_from_afar_is_not(
    audio_server: AudioServer, pins: MockFactory
) -> None:
    audio_server.plug()
    desk, said = Desk(listens=1.0), person(*PHRASE)
    made = kiosk.Kiosk(SoundCard(), FakeVad(), mode="presence", presence=Presence(Sensor()))
    serving = asyncio.create_task(made.serve(desk))
    await until(lambda: made.state[0])
    audio_server.speak(said)
    await asyncio.sleep(1.5)
    assert not desk.calls
    pins.pin(17).drive_high()
    await until(lambda: desk.ended == 1)
    assert desk.calls[0].desk_begins
    await asyncio.sleep(0.5)
    assert len(desk.calls) == 1, "who stands there still is greeted once"
    audio_server.speak(said)
    await until(lambda: desk.ended == 2)
    assert not desk.calls[1].desk_begins
    serving.cancel()
    await asyncio.wait([serving])
    assert pins.pin(17)._when_changed is None
