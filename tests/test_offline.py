"""What the desk is made of asks nobody, and tells nobody."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance import models
from tests.test_command import BOX, DESK, answers
from tests.test_command import folder as folder

LIBRARIES = "ctranslate2, livekit.rtc, onnxruntime, openwakeword, paho.mqtt.client, piper, sqlite_vec, vosk"

TOLD = re.compile(r"sa_family=AF_INET6?, .*?(?:inet_addr\(|inet_pton\(AF_INET6, )\"([^\"]+)\"")
A_WHILE = 300.0
"""Seconds. onnxruntime's first telegram comes after some two minutes."""


def test_no_library_keeps_a_diary_for_its_maker(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    told = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", f"import appliance, {LIBRARIES}"], env=told | home, check=True)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.skipif(not (models.ROOT / "whisper-tiny.en").is_dir(), reason="the models are not here")
def test_a_desk_on_its_own_engines_looks_up_no_name_and_reaches_nobody(folder: Path) -> None:
    port = (folder / "port").read_text()
    (folder / "box.toml").write_text(BOX.format(port=port).partition("[engines]")[0])
    (folder / "desk.toml").write_text(DESK)
    traced = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-e",
        "trace=connect,sendto,sendmsg,sendmmsg",
        "-o",
        "trace",
    ]
    with subprocess.Popen(
        [*traced, sys.executable, "-m", "appliance", "run"], cwd=folder, start_new_session=True
    ) as desk:
        answers(desk, folder)
        time.sleep(A_WHILE)
        os.killpg(desk.pid, signal.SIGTERM)
    reached = set(TOLD.findall((folder / "trace").read_text()))
    assert {address for address in reached if not address.startswith("127.") and address != "::1"} == set()
