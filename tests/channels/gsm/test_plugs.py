"""A modem is found by what it is, and each desk line keeps its own."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.channels.gsm.plugs import Found, Plugs, plugged_in, simulated, socket_for
from appliance.channels.gsm.profiles import Family, families, udev_rules
from appliance.channels.gsm.simulator import Simulator
from appliance.config.trunks import Gsm

RULES = Path(__file__).parents[3] / "image" / "60-modem.rules"
KINDS = list(families().items())


@dataclass
class Usb:
    """What is plugged in: family by socket."""

    there: dict[str, str]

    def comports(self) -> list[SimpleNamespace]:
        """As pyserial lists them: the ttyUSB numbers in no order that means anything."""
        ports = []
        for socket, name in self.there.items():
            vendor, product = families()[name].usb[0].split(":")
            for number in (4, 0, 3, 1, 2):
                ports.append(
                    SimpleNamespace(
                        vid=int(vendor, 16), pid=int(product, 16), location=f"{socket}:1.{number}",
                        device=f"/dev/ttyUSB{len(ports)}", serial_number="0123456789ABCDEF",
                    )
                )  # fmt: skip
        return ports


@pytest.fixture
def usb(monkeypatch: pytest.MonkeyPatch) -> Usb:
    there = Usb({})
    monkeypatch.setattr("serial.tools.list_ports.comports", there.comports)
    return there


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_the_ports_are_told_by_the_number_of_their_interface(usb: Usb, name: str, kind: Family) -> None:
    usb.there = {"1-1.3": name}
    order = [4, 0, 3, 1, 2]
    [found] = plugged_in()
    at, sound = (f"/dev/ttyUSB{order.index(number)}" for number in (kind.at, kind.sound))
    assert found == Found(name, at, sound, "1-1.3")


def test_two_modems_of_a_kind_are_told_apart_by_their_sockets(usb: Usb) -> None:
    usb.there = {"1-1.2": "simcom", "1-1.3": "simcom"}
    plugs = Plugs([Gsm(), Gsm(usb="1-1.2")], Path())
    assert [found and found.usb for found in (plugs.find(0), plugs.find(1))] == ["1-1.3", "1-1.2"]


def test_one_that_vanishes_as_it_is_looked_at_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: str | None = None
    # As pyserial takes the number of a device whose file is gone.
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [int(nothing, 16)])  # type: ignore[arg-type]
    assert plugged_in() == []


def test_each_has_its_own_again_in_whatever_order_they_come_back(usb: Usb) -> None:
    usb.there = {"1-1.2": "simcom", "1-1.3": "quectel"}
    plugs = Plugs([Gsm(), Gsm()], Path())
    first, second = plugs.find(0), plugs.find(1)
    assert first
    assert second
    assert {first.usb, second.usb} == {"1-1.2", "1-1.3"}
    usb.there = {}
    assert plugs.find(0) is None
    usb.there = {"1-1.3": "quectel"}
    assert plugs.find(0) is None
    assert plugs.find(1) == Found("quectel", "/dev/ttyUSB4", "/dev/ttyUSB3", "1-1.3")


def test_a_modem_whose_ports_are_named_is_there_when_they_are(tmp_path: Path) -> None:
    at = tmp_path / "at"
    plugs = Plugs([Gsm(modem="huawei", at=str(at), sound="/dev/null")], tmp_path)
    assert plugs.find(0) is None
    at.touch()
    assert plugs.find(0) == Found("huawei", str(at), "/dev/null")


async def test_simulated_modems_are_told_apart_and_dead_ones_are_not_there(tmp_path: Path) -> None:
    (one, held), (two, also) = socket_for(tmp_path, "simcom"), socket_for(tmp_path, "simcom")
    assert (one.name, two.name) == ("simcom-1", "simcom-2")
    simulators = [Simulator(folder=folder) for folder in (one, two)]
    for simulator in simulators:
        simulator.plug_in()
    try:
        plugs = Plugs([Gsm(modem="simulator")] * 2, tmp_path)
        found = [plugs.find(number) for number in (0, 1)]
        assert found == [Found("simcom", str(at / "at"), str(at / "sound"), at.name) for at in (one, two)]
        # Killed, it leaves its link, which may lead to anybody's terminal soon.
        import os

        os.close(held)
        assert [each.usb for each in simulated(tmp_path)] == ["simcom-2"]
        os.close(also)
    finally:
        for simulator in simulators:
            simulator.close()


def test_the_rules_that_an_image_installs_are_those_of_the_families() -> None:
    assert RULES.read_text() == udev_rules()


DEVICE = """\
P: /devices/pci0000:00/0000:00:14.0
E: SUBSYSTEM=pci

P: {usb}
E: DEVTYPE=usb_device
E: SUBSYSTEM=usb
E: DEVNAME=bus/usb/001/005
A: idVendor={vendor}\\n
A: idProduct={product}\\n

P: {usb}/1-1.3:1.{number}
E: DEVTYPE=usb_interface
E: SUBSYSTEM=usb
A: bInterfaceNumber={number:02x}\\n
A: bInterfaceClass=ff\\n
A: bInterfaceSubClass=00\\n
A: bInterfaceProtocol=00\\n

P: {usb}/1-1.3:1.{number}/ttyUSB7/tty/ttyUSB7
N: ttyUSB7
E: DEVNAME=/dev/ttyUSB7
E: SUBSYSTEM=tty
E: MAJOR=188
E: MINOR=7
A: dev=188:7\\n
"""
SOCKET = "/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.3"


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_udev_itself_names_the_ports(tmp_path: Path, name: str, kind: Family) -> None:
    if not shutil.which("umockdev-run") or not shutil.which("udevadm"):
        pytest.skip("udev and umockdev are not installed")
    rules = Path("/run/udev/rules.d/60-modem-under-test.rules")
    try:
        rules.parent.mkdir(parents=True, exist_ok=True)
        rules.write_text(RULES.read_text())
    except OSError:
        pytest.skip("only root may try rules of udev")
    try:
        for usb in (kind.usb[0], kind.usb[-1]):
            vendor, product = usb.split(":")
            for number in (kind.at, kind.sound, 3):
                (tmp_path / "device").write_text(
                    DEVICE.format(usb=SOCKET, vendor=vendor, product=product, number=number)
                )
                told = udev(tmp_path / "device", f"{SOCKET}/1-1.3:1.{number}/ttyUSB7/tty/ttyUSB7")
                links = {link for link in told.get("DEVLINKS", "").split() if "/dev/modem" in link}
                what = {kind.at: "at", kind.sound: "sound"}.get(number)
                path = f"pci-0000:00:14.0-usb-0:1.3:1.{number}"
                expected = {f"/dev/modem-{what}", f"/dev/modem/{name}-{path}-{what}"} if what else set()
                assert links == expected
            assert udev(tmp_path / "device", SOCKET)["ID_MM_DEVICE_IGNORE"] == "1"
    finally:
        rules.unlink()


def udev(device: Path, path: str) -> dict[str, str]:
    """What udev makes of a device that is none."""
    run = subprocess.run(
        ["umockdev-run", "-d", device, "--", "udevadm", "test", "--action=add", f"/sys{path}"],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert "Invalid" not in run.stderr
    return dict(line.split("=", 1) for line in run.stdout.splitlines() if "=" in line)
