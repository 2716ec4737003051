"""The files that name sound cards and make devices of them, as ALSA and udev read them."""

from __future__ import annotations

import ctypes.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

IMAGE = Path(__file__).parent.parent / "image"
ALSA = Path("/usr/share/alsa/alsa.conf")
OPEN = """
import ctypes, sys
alsa, pcm = ctypes.CDLL("libasound.so.2"), ctypes.c_void_p()
print(*(alsa.snd_pcm_open(ctypes.byref(pcm), sys.argv[1].encode(), way, 0) for way in (0, 1)))
"""
NO_CARD, UNKNOWN = "-19 -19", "-2 -2"

needs_alsa = pytest.mark.skipif(
    not ALSA.exists() or not ctypes.util.find_library("asound"), reason="libasound2 is not installed"
)


def python(code: str, *arguments: str, config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "ALSA_CONFIG_PATH": str(config)},
    )  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "alsa.conf"
    path.write_text(f"<{ALSA}>\n<{IMAGE}/asound.conf>\n")
    return path


@needs_alsa
@pytest.mark.parametrize("device", ["desk", "desk_in", "desk_out", "desk_mic", "desk_speaker"])
def test_each_device_is_one_that_only_lacks_its_card_here(config: Path, device: str) -> None:
    if Path("/proc/asound/kiosk").exists():
        pytest.skip("there is a card called kiosk here")
    assert python(OPEN, device, config=config).stdout.strip() == NO_CARD
    assert python(OPEN, f"{device}_of_another_name", config=config).stdout.strip() == UNKNOWN


@needs_alsa
def test_portaudio_lists_what_there_is_though_the_card_is_not(config: Path) -> None:
    listed = python("import sounddevice; print(len(sounddevice.query_devices()))", config=config)
    assert int(listed.stdout) >= 0


def test_the_cards_that_the_rules_name_are_those_that_the_devices_are_made_of() -> None:
    named = re.findall(r'ATTR\{id\}="(\w+)"', (IMAGE / "61-sound.rules").read_text())
    used = re.findall(r'pcm "hw:(\w+)"', (IMAGE / "asound.conf").read_text())
    assert set(named) == set(used)
    assert all(len(name) <= 15 for name in named)  # ALSA cuts what is longer.
