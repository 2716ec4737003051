from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance import models, pulse
from appliance.commands import health, status
from appliance.commands.health import Check, examine
from appliance.config import SHIPPED
from appliance.console.server import Status
from appliance.pulse import Unwell

NO_VOICE = """\
data = "data"
[kiosk]
enabled = {kiosk}
[fleet]
enabled = {fleet}
broker = "fleet.local:8883"
device = "lobby-1"
[engines]
vad = {{engine = "none"}}
eot = {{engine = "none"}}
echo = {{engine = "none"}}
asr = {{engine = "none"}}
tts = {{engine = "none"}}
embed = {{engine = "words"}}
llm = {{engine = "none"}}
wake = {{engine = "none"}}
"""

UP = [Status("page", True), Status("kiosk", True), Status("fleet", True)]


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(folder: Path, kiosk: bool = True, fleet: bool = True, more: str = "") -> Path:
    path = folder / "box.toml"
    text = NO_VOICE.format(kiosk=str(kiosk).lower(), fleet=str(fleet).lower())
    path.write_text(f"{more}\n{text}")
    (folder / "data").mkdir(exist_ok=True)
    return path


async def examined(
    box: Path, told: list[Status] | None = UP, within: float = 60.0, waits: float = 20.0
) -> dict[str, Check]:
    """What is found while a desk tells so; None: no desk runs."""
    folder = box.parent / "run"
    folder.mkdir(exist_ok=True)
    (folder / status.NAME).unlink(missing_ok=True)
    if told is not None:
        status.tell(folder, told)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health, "SHARE", waits / within)
        found = [check async for check in examine(box, SHIPPED / "desk.toml", within, folder)]
    return {check.what: check for check in found}


def bad(found: dict[str, Check]) -> dict[str, str]:
    return {what: check.said for what, check in found.items() if not check.fine}


async def test_a_box_is_well_that_is_up_hears_and_answers(box: Path) -> None:
    found = await examined(box)
    assert bad(found) == {}
    assert list(found) == ["configuration", "desk", "sound devices", "models", "conversation"]
    assert found["conversation"].said.startswith("answered by text")


async def test_without_a_desk_that_runs_it_is_not_and_says_so_in_time(box: Path) -> None:
    began = time.monotonic()
    found = await examined(box, None, waits=0.3)
    assert bad(found)["desk"].startswith("no desk runs here")
    assert time.monotonic() - began < 60


def test_a_desk_that_died_does_not_count_as_one_that_runs(box: Path) -> None:
    folder = box.parent / "run"
    folder.mkdir()
    gone = subprocess.Popen(["true"])
    gone.wait()
    (folder / status.NAME).write_text(json.dumps({"process": gone.pid, "status": []}))
    assert status.told(folder) is None


async def test_safe_mode_is_not_well(box: Path) -> None:
    found = await examined(box, [Status(status.SAFE, False, "it would not stay up")], waits=0.3)
    assert bad(found)["desk"] == "it is in safe mode"


async def test_a_desk_that_comes_up_meanwhile_is_waited_for(box: Path) -> None:
    looking = asyncio.create_task(examined(box, None))
    await asyncio.sleep(0.7)
    status.tell(box.parent / "run", UP)
    assert bad(await looking) == {}


async def test_sound_devices_that_do_not_open_are_told_with_the_reason(box: Path) -> None:
    found = await examined(box, [Status("kiosk", False, "no microphone; plug one in")], waits=0.3)
    assert bad(found) == {"sound devices": "no microphone; plug one in"}


async def test_a_box_without_a_kiosk_needs_no_sound_devices(tmp_path: Path) -> None:
    found = await examined(written(tmp_path, kiosk=False), [Status("kiosk", False, "switched off")])
    assert bad(found) == {}
    assert "sound devices" not in found


async def test_the_broker_must_be_reached_if_it_was_before(box: Path) -> None:
    away = [Status("kiosk", True), Status("fleet", False, "the broker is not there")]
    assert bad(await examined(box, away, waits=0.3)) == {}, "it never was"
    assert bad(await examined(box, UP)) == {}
    assert bad(await examined(box, away, waits=0.3)) == {"fleet": "the broker is not there"}
    assert bad(await examined(box, away, waits=0.3)) == {"fleet": "the broker is not there"}, "still"
    assert bad(await examined(written(box.parent, fleet=False), away)) == {}, "box.toml has it no more"


async def test_a_model_with_a_wrong_byte_is_found(tmp_path: Path) -> None:
    model = models.Manifest.load().models["silero-vad"]
    for file in model.files:
        path = tmp_path / "models" / model.id / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(file.size))
    box = written(tmp_path, more=f'models = "{tmp_path / "models"}"')
    box.write_text(
        box.read_text().replace('vad = {engine = "none"}', 'vad = {engine = "silero", model = "silero-vad"}')
    )
    found = await examined(box)
    assert "is corrupt" in bad(found)["models"]
    assert bad(found)["conversation"].startswith("vad: ")


async def test_a_desk_file_that_is_not_valid_is_found(box: Path, tmp_path: Path) -> None:
    broken = tmp_path / "desk.toml"
    broken.write_text("[broken")
    [check] = [check async for check in examine(box, broken, 5.0, tmp_path)]
    assert not check.fine


async def test_a_caller_who_gets_no_answer_is_told_of(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unwell(*_: object) -> str:
        raise Unwell("the embed thread hangs")

    monkeypatch.setattr(pulse, "answers", unwell)
    assert bad(await examined(box)) == {"conversation": "the embed thread hangs"}


async def test_what_hangs_is_given_up(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(*_: object) -> str:
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(pulse, "answers", hangs)
    began = time.monotonic()
    assert bad(await examined(box, within=2.0)) == {"conversation": "it takes too long"}
    assert time.monotonic() - began < 30


def test_the_command_says_it_to_people_and_to_programs(box: Path) -> None:
    def said(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "appliance", "health", "--box", str(box), "--within", "1", *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    told = said()
    assert told.returncode == 1
    assert told.stdout.splitlines()[-1] == "the box is not well"
    told = said("--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["well"] is False


REAL = ("whisper-tiny.en", "silero-vad", "piper-en_US-joe-medium", "minilm-l6-v2", "smart-turn-v3.2")


@pytest.mark.slow
@pytest.mark.skipif(not all((models.ROOT / name).is_dir() for name in REAL), reason="the models are not here")
async def test_real_engines_hear_and_answer(tmp_path: Path) -> None:
    box = tmp_path / "box.toml"
    box.write_text('data = "data"\n')
    found = await examined(box, [Status("kiosk", True)], within=120.0)
    assert bad(found) == {}
    assert found["conversation"].said == "answered by text and by sound"
    assert health.before(tmp_path / "data") == set()
