"""The arm64 system on this processor, by qemu-user: every engine is imported, and those of a recorded
utterance and its answer run. The loop keeps time, for which such a processor is too slow.

make image BOARD=arm64, then make test-image
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.answering.knowledge import MEANINGS
from tests.image.test_emulated import MADE
from tests.machine import folder

ROOT = MADE / "arm64" / "root"
SCRIPT = Path(__file__).with_name("answered.py")
SOURCE = Path(__file__).parents[2]
QUESTION = SOURCE.parent / "shared" / "data" / "speech8k" / "azure_whatstheweatherlike-mulaw.wav"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="enters another system: needs root"),
    pytest.mark.skipif(not ROOT.is_dir(), reason=f"{ROOT} is not made: make image BOARD=arm64"),
    pytest.mark.skipif(
        not Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists(),
        reason="this kernel is not told to run arm64 by qemu-user-static",
    ),
]


@pytest.fixture(scope="module")
def lent() -> Iterator[Path]:
    """What is lent to the system: models, the recording, the script."""
    there = folder()
    (there / "models").mkdir()
    yield there
    shutil.rmtree(there)


def inside(*command: str, lent: Path) -> str:
    """The output of a command in the system, which stays as it is: what is written goes to memory."""
    script = f"""set -e
mount --bind {ROOT} {ROOT}; mount -o remount,bind,ro {ROOT}
mount -t proc proc {ROOT}/proc; mount -t tmpfs tmpfs {ROOT}/tmp; mount -t tmpfs tmpfs {ROOT}/run
mount --rbind /dev {ROOT}/dev
mount -t tmpfs tmpfs {ROOT}/models
mkdir {ROOT}/run/lent; mount --bind {lent} {ROOT}/run/lent
for model in {SOURCE}/models/*/; do
  name=$(basename $model); mkdir {ROOT}/models/$name; mount --bind $(readlink -f $model) {ROOT}/models/$name
done
exec chroot {ROOT} /usr/bin/env -i PATH=/usr/bin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 "$@"
"""
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--kill-child", "sh", "-c", script, "sh", *command],
        capture_output=True, text=True, timeout=3600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PYTHON = "/opt/appliance/.venv/bin/python"


def test_it_is_of_another_processor(lent: Path) -> None:
    assert inside("uname", "-m", lent=lent).strip() == "aarch64"


def test_every_engine_and_every_module_can_be_imported(lent: Path) -> None:
    said = inside(PYTHON, "/opt/appliance/image/warm", lent=lent)
    print(said)
    assert said.splitlines()[-1].endswith(" 0 not")


def learned(data: Path) -> Path:
    """Where the same desk has run before, on this processor."""
    subprocess.run([sys.executable, SCRIPT, QUESTION, data], cwd=SOURCE, check=True)
    return data


@pytest.mark.skipif(not QUESTION.is_file(), reason="the recording is not here")
def test_an_utterance_is_heard_answered_and_spoken(lent: Path, tmp_path: Path) -> None:
    shutil.copy(SCRIPT, lent)
    shutil.copy(QUESTION, lent)
    (lent / "data").mkdir()
    shutil.copy(learned(tmp_path) / MEANINGS, lent / "data")
    given = f"/run/lent/{QUESTION.name}", "/run/lent/data"
    said = inside(PYTHON, f"/run/lent/{SCRIPT.name}", *given, lent=lent)
    print(said)
    heard, again = re.findall(r"heard(?: again)?: (.*)", said)
    assert "weather" in heard
    assert "message" in again
