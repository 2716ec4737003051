"""The radio, by wpa_supplicant itself: what it takes, what it refuses, what it keeps."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.errors import DeviceError
from appliance.firstboot import radio as radios
from appliance.firstboot.radio import Radio, heard
from tests.firstboot.conftest import needs_radio

PASSWORD = "1234567812345678"


@needs_radio
async def test_an_access_point_is_protected_and_is_not_kept(radio: Path, tmp_path: Path) -> None:
    air = Radio(radio)
    before = (tmp_path / "wifi.conf").read_text()
    air.open_point("Desk 4711", PASSWORD)
    status = air._ask("STATUS").splitlines()
    assert {"mode=AP", "ssid=Desk 4711", "key_mgmt=WPA2-PSK", "pairwise_cipher=CCMP"} <= set(status)
    assert (tmp_path / "wifi.conf").read_text() == before
    air.close()


@needs_radio
async def test_a_network_that_was_joined_is_kept_and_may_have_any_name(radio: Path, tmp_path: Path) -> None:
    air = Radio(radio)
    air.open_point("Desk 4711", PASSWORD)
    name = 'Näh"s } haus'
    air.join(name, "")
    kept = (tmp_path / "wifi.conf").read_text()
    assert f"ssid={name.encode().hex()}" in kept
    assert "mode=2" not in kept
    air.forget()
    assert "network=" not in (tmp_path / "wifi.conf").read_text()
    air.close()


@needs_radio
async def test_a_network_that_is_not_joined_is_told_of_and_not_kept(radio: Path, tmp_path: Path) -> None:
    air = Radio(radio)
    waited: list[float] = []
    with pytest.raises(DeviceError, match="Home is not joined"):
        air.join("Home", "long enough", waited.append)
    assert sum(waited) == radios.JOINED
    assert "network=" not in (tmp_path / "wifi.conf").read_text()
    air.close()


@needs_radio
@pytest.mark.parametrize("password", ["short", "x" * 64, "line\nSAVE_CONFIG", "zero\0byte"])
async def test_a_password_that_cannot_be_one_is_refused_and_not_shown(radio: Path, password: str) -> None:
    air = Radio(radio)
    with pytest.raises(DeviceError) as told:
        air.join("Home", password)
    assert password not in str(told.value)
    air.close()


def test_without_a_radio_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="does not answer"):
        Radio(tmp_path / "none")


def test_one_that_was_only_just_started_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "radio" / "wlan0"
    waited: list[float] = []
    with pytest.raises(DeviceError):
        Radio.up(path, waited.append)
    assert not waited, "there is none"
    path.parent.mkdir()
    with answering(tmp_path / "later", "PONG"):

        def wait(seconds: float) -> None:
            waited.append(seconds)
            (tmp_path / "later").rename(path)

        Radio.up(path, wait).close()
    assert waited == [1.0]


def test_an_answer_that_came_too_late_is_none_to_the_next_question(tmp_path: Path) -> None:
    with answering(tmp_path / "wlan0", "PONG", "OK") as wire:
        air = Radio(tmp_path / "wlan0")
        wire.sendto(b"late", air._wire.getsockname())
        assert air._ask("SAVE_CONFIG") == "OK"
        air.close()


@contextmanager
def answering(path: Path, *answers: str) -> Iterator[socket.socket]:
    """A radio that gives these answers."""
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    wire.bind(str(path))

    def answer() -> None:
        for said in answers:
            _, asker = wire.recvfrom(4096)
            wire.sendto(said.encode(), asker)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield wire
    thread.join(5)
    wire.close()


def test_networks_are_told_once_and_the_strongest_first() -> None:
    said = (
        "bssid / frequency / signal level / flags / ssid\n"
        "aa:aa\t2437\t-70\t[WPA2-PSK-CCMP][ESS]\tHome\n"
        "bb:bb\t5180\t-40\t[ESS]\tOffice\n"
        "cc:cc\t2437\t-50\t[ESS]\tHome\n"
        "dd:dd\t2437\t-30\t[ESS]\t\n"
        "torn"
    )
    assert heard(said) == ["Office", "Home"]
    assert heard("") == []
