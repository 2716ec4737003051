"""A radio that is none: the real wpa_supplicant, at the loopback interface. An open network is joined at
once, one with a password never."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audio_server import until
from tests.fleet.conftest import fleet

__all__ = ["fleet"]

needs_radio = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("wpa_supplicant"),
    reason="needs root and wpa_supplicant (Debian's package wpasupplicant)",
)


@pytest.fixture
async def radio(tmp_path: Path) -> Iterator[Path]:  # type: ignore[misc]
    """Its socket; `wifi.conf` beside the folder is what it keeps."""
    folder, kept = tmp_path / "radio", tmp_path / "wifi.conf"
    kept.write_text(f"ctrl_interface=DIR={folder}\nupdate_config=1\nap_scan=0\n")
    command = ["wpa_supplicant", "-i", "lo", "-D", "wired", "-c", str(kept)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: ASYNC220
    await until(lambda: (folder / "lo").exists())
    yield folder / "lo"
    running.terminate()
    running.wait()
