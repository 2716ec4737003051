"""What `appliance doctor` tries, and what it says where that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.doctor import Finding, doctor, examine
from appliance.engines import registry
from tests.audio_server import AudioServer, audio_server  # noqa: F401
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
