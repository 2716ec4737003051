"""The amd64 system as it was made, read-only, booted in a container: it comes up and answers.

make image BOARD=amd64, then make test-image
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.test_emulated import MADE
from tests.machine import Machine, folder, needs_container
from tests.ports import free_port
from tests.test_service import Service

ROOT = MADE / "amd64" / "root"

pytestmark = [
    pytest.mark.slow,
    needs_container,
    pytest.mark.skipif(not ROOT.is_dir(), reason=f"{ROOT} is not made: make image BOARD=amd64"),
]


class Flashed(Service):
    """The system of the image, and a data partition that is a folder."""

    def __init__(self, place: Path) -> None:
        Machine.__init__(self, place)
        self.page, self.sip = free_port(), free_port()
        self.root = ROOT
        self.data = place / "data"
        self.models = place / "models"
        self.started = 0.0
        self.options = [
            "--read-only", f"--bind={self.data}:/data", f"--bind-ro={self.models}:/models",
            "--tmpfs=/var:mode=0755", "--tmpfs=/tmp",
        ]  # fmt: skip

    def lent(self) -> set[str]:
        return set()  # It has all it needs.

    def make(self) -> None:
        subprocess.run(["cp", "-a", MADE / "amd64" / "data", self.data], check=True)
        self.models.mkdir()
        (payload,) = (self.data / "models").iterdir()
        subprocess.run(["mount", "-o", "loop,ro", payload, self.models], check=True)
        box = self.data / "config" / "box.toml"
        text = box.read_text().replace("127.0.0.1:8080", f"127.0.0.1:{self.page}")
        text = text.replace("[kiosk]", "[kiosk]\nenabled = false")  # A container has no sound card.
        box.write_text(text)


@pytest.fixture(scope="module")
def flashed() -> Iterator[Flashed]:
    place = folder()
    machine = Flashed(place)
    machine.make()
    machine.started = time.monotonic()
    machine.boot()
    try:
        yield machine
    finally:
        machine.halt()
        subprocess.run(["umount", machine.models], check=True)
        shutil.rmtree(place)


def test_it_comes_up_and_answers(flashed: Flashed) -> None:
    flashed.until(flashed.answers, within=90)
    print(f"answers {time.monotonic() - flashed.started:.1f} s after its start")
    flashed.until(lambda: flashed.property("appliance.service", "ActiveState") == "active")
    assert flashed.property("appliance.service", "StatusText").startswith("answering")


def test_nothing_of_the_system_can_be_written_and_the_data_can(flashed: Flashed) -> None:
    assert flashed.run("touch", "/opt/appliance/x").returncode != 0
    assert flashed.run("touch", "/etc/x").returncode != 0
    assert flashed.run("stat", "-c", "%U", "/var/lib/appliance/desk.db").stdout.strip() == "appliance"


def test_nobody_has_a_password(flashed: Flashed) -> None:
    shadow = flashed.run("cat", "/etc/shadow").stdout.splitlines()
    assert shadow
    assert all(line.split(":")[1].startswith(("!", "*")) for line in shadow)


def test_units_that_failed_are_those_for_which_a_container_has_no_hardware(flashed: Flashed) -> None:
    failed = flashed.run("systemctl", "list-units", "--failed", "--plain", "--no-legend").stdout
    names = {line.split()[0] for line in failed.splitlines()}
    assert names <= {"systemd-modules-load.service", "models.mount", "systemd-networkd.service"}, failed


def test_it_is_found_well(flashed: Flashed) -> None:
    asked = flashed.run("systemctl", "start", "appliance-healthy.service", within=120)
    assert asked.returncode == 0, flashed.journal("appliance-healthy.service")
