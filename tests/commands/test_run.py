"""A desk that runs takes a new desk file."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import socket
import time
import urllib.request
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory
from rich.console import Console

from appliance.app import App
from appliance.commands import status
from appliance.commands.run import AGAIN, Running, run
from appliance.config.box import Box, Engine, Engines, Kiosk, Web
from appliance.console.server import Status
from appliance.orders.membership import Restart
from appliance.pulse import Pulse
from appliance.system.notify import Manager
from tests import desk as whole
from tests import test_command
from tests.audio_server import until
from tests.test_command import DESK, start

folder = test_command.folder


def desk(folder: Path) -> dict[str, object]:
    port = (folder / "port").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/desk", timeout=5) as answer:
        return dict(json.loads(answer.read()))


def test_a_hangup_signal_reads_the_desk_file_again_or_says_what_is_wrong(folder: Path) -> None:
    process = start(folder)
    try:
        assert desk(folder)["text"] == DESK
        (folder / "desk.toml").write_text("[broken")
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert desk(folder)["text"] == DESK
        newer = DESK.replace("Alder", "Birch")
        (folder / "desk.toml").write_text(newer)
        by_hand = desk(folder)["by_hand"]
        assert isinstance(by_hand, dict)
        assert by_hand["text"] == newer
        process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while desk(folder)["text"] != newer and time.monotonic() < deadline:
            time.sleep(0.05)
        assert desk(folder)["name"] == "Birch House"
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=10)
    assert "the desk goes on as it was" in output
    assert "line 1" in output


@pytest.mark.parametrize("readable", [True, False])
def test_a_box_whose_versions_cannot_be_kept_answers_all_the_same(folder: Path, readable: bool) -> None:
    (folder / "data").mkdir()
    if not readable:
        (folder / "data" / "desks").write_text("in the way")
    process = start(folder)
    port = (folder / "port").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
        assert json.loads(answer.read())["editor"] is readable
    process.terminate()
    output, _ = process.communicate(timeout=10)
    assert ("cannot be changed by the page" in output) is not readable


@pytest.mark.parametrize("pins", [True, False])
async def test_whether_somebodys_coming_is_noticed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pins: bool
) -> None:
    monkeypatch.setattr(Device, "pin_factory", MockFactory() if pins else None)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    fake = Engine("fake")
    engines = Engines(fake, fake, fake, fake, fake, fake, Engine("none"), fake)
    box = Box(tmp_path, engines=engines, kiosk=Kiosk(wake="presence"), web=Web(enabled=False))
    async with App(box, whole.DESK) as app:
        files = tmp_path / "box.toml", tmp_path / "desk.toml"
        running = Running(app, Console(file=io.StringIO()), files)
        running.join()
        told = {each.name: each for each in running.status()}
        if running._kiosk and running._kiosk._presence:
            running._kiosk._presence.close()
    assert told["presence"].on is pins
    assert ("no pins on this machine" in told["presence"].why) is not pins
    assert told["kiosk"].why == "not started"


async def test_the_service_manager_is_not_told_of_a_stop_by_a_desk_that_starts_anew(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(*_: object) -> None:
        raise Restart

    monkeypatch.setattr(Running, "serve", asked)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(1)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert await run(folder / "box.toml", folder / "desk.toml") == AGAIN
        assert manager.recv(4096) == b"WATCHDOG=1\nSTATUS=starting anew"


async def test_a_desk_that_is_told_to_stop_does_not_start_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(*_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise Restart

    monkeypatch.setattr(Running, "serve", asked)
    monkeypatch.setattr("appliance.commands.run.told_to_stop", lambda: asyncio.create_task(asyncio.sleep(0)))
    assert await run(folder / "box.toml", folder / "desk.toml") == 0


async def test_other_programs_are_told_of_a_desk_only_while_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`appliance health` would take one that never gets ready for one that is up."""
    monkeypatch.setattr("appliance.commands.run.FIRST_LOOK", 0.01)
    fake = Engine("fake")
    engines = Engines(fake, fake, fake, fake, fake, fake, Engine("none"), fake)
    box = Box(tmp_path, engines=engines, kiosk=Kiosk(enabled=False), web=Web(enabled=False))
    status.tell(tmp_path, [Status("of before it was started anew", True)])
    async with App(box, whole.DESK) as app:
        running = Running(app, Console(file=io.StringIO()), (tmp_path / "box.toml", tmp_path / "desk.toml"))
        running.join()
        pulse = Pulse(app, Manager({}))
        announcing = asyncio.create_task(running.announce(pulse, tmp_path))
        await until(lambda: status.told(tmp_path) == [])
        for pulse.answering in (True, False):
            await until(lambda: bool(status.told(tmp_path)) is pulse.answering)
        announcing.cancel()
