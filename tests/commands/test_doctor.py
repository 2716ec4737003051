"""What `appliance doctor` tries, and what it says where that fails."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from appliance.channels.gsm.plugs import socket_for
from appliance.channels.gsm.simulator import Simulator
from appliance.commands.doctor import Finding, doctor, examine
from appliance.config import read_box
from appliance.engines import registry
from tests.audio_server import AudioServer, audio_server  # noqa: F401
from tests.channels.gsm.test_modem import delivered
from tests.test_command import BOX, DESK


@pytest.fixture
def found(tmp_path: Path) -> Any:
    """What is found, by what was tried."""
    (tmp_path / "box.toml").write_text(BOX.format(port=0))
    (tmp_path / "desk.toml").write_text(DESK)

    def look() -> dict[str, Finding]:
        return {
            finding.what.split()[0]: finding
            for finding in examine(tmp_path / "box.toml", tmp_path / "desk.toml")
        }

    look.folder = tmp_path  # type: ignore[attr-defined]
    return look


async def test_whatever_an_engine_raises_is_one_finding(
    found: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make = registry.make

    def fail(kind: str, *rest: Any) -> Any:
        if kind == "asr":
            raise MemoryError("no [bold] room")
        return make(kind, *rest)

    monkeypatch.setattr(registry, "make", fail)
    findings = found()
    assert findings["asr"].said == "failed with MemoryError: no [bold] room"
    assert not findings["asr"].fine
    assert findings["tts"].fine
    await doctor(found.folder / "box.toml", found.folder / "desk.toml")
    assert "no [bold] room" in capsys.readouterr().out


def test_devices_are_opened_and_not_only_listed(found: Any, audio_server: AudioServer) -> None:  # noqa: F811
    assert not found()["microphone"].fine
    audio_server.plug()
    import sounddevice

    sounddevice._terminate()
    sounddevice._initialize()
    findings = found()
    assert "opens at" in findings["microphone"].said
    assert "opens at" in findings["speaker"].said


def test_a_sound_system_that_fails_is_one_finding(
    found: Any,
    audio_server: AudioServer,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sounddevice

    def fail() -> None:
        raise sounddevice.PortAudioError("Error querying devices", -9999, (0, -1, ""))

    monkeypatch.setattr(sounddevice, "query_devices", fail)
    findings = found()
    assert "Error querying devices" in findings["microphone"].said
    assert "page" in findings


async def test_a_modem_is_tried_out_and_what_its_sim_has_left_is_told(found: Any) -> None:
    box = found.folder / "box.toml"
    box.write_text(box.read_text() + '[[gsm]]\nmodem = "simulator"\nbalance = "*100#"\n')
    folder, held = socket_for(read_box(box)[0].data / "simulator", "quectel")
    simulator = Simulator("quectel", folder=folder)
    simulator.plug_in()
    simulator.deliver(delivered("For the desk"))
    try:
        finding = (await asyncio.to_thread(found))["gsm"]
        assert finding.fine
        assert finding.said.startswith("Quectel")
        assert finding.said.endswith("signal 61%; the network says: Balance 12.50")
        assert simulator.mailbox.came, "what callers wrote is left for the desk"
        simulator.sim.puk = True
        finding = (await asyncio.to_thread(found))["gsm"]
        assert (finding.fine, finding.needed) == (False, False)
        assert "PUK" in finding.said
    finally:
        simulator.close()
        os.close(held)
