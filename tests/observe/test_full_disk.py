"""Where the disk does not take a recording, or might not, there is none, and nobody is told that there is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from appliance.observe import sealing
from tests.observe.test_flow_recording import SAYS, desk_file, talked

needs_mount = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mount"), reason="a disk is mounted by root only"
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """Puts the recordings on a disk of so many KiB."""
    place = tmp_path / "var" / "recordings"
    place.mkdir(parents=True)

    def mounted(size: int) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(place)], check=False
        )
        if done.returncode:
            pytest.skip("nothing may be mounted here")

    yield mounted
    subprocess.run(["umount", str(place)], check=False, capture_output=True)


@needs_mount
async def test_where_the_disk_may_not_take_a_call_nothing_of_it_is_recorded_and_nobody_told_so(
    tmp_path: Path, disk: Callable[[int], None]
) -> None:
    disk(4096)
    desk = desk_file(tmp_path, "announce", "announce")
    turns, sound = await talked(tmp_path, desk, SAYS)
    assert sound is None
    assert len(turns) > len(SAYS)
    assert not [turn for turn in turns if desk.lines.recorded in turn.spoken.text]


@needs_mount
@pytest.mark.parametrize("size", [64, 512, 2560])
async def test_one_that_gets_full_in_mid_call_ends_the_recording_and_not_the_call(
    tmp_path: Path, disk: Callable[[int], None], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "ROOM", 0)
    disk(size)
    turns, sound = await talked(tmp_path, desk_file(tmp_path, "announce", "announce"), SAYS)
    assert len(turns) > len(SAYS)
    # `talked` sees that nothing else is left in the folder.
    assert sound is None or len(sound) > 16_000
    kept = list((tmp_path / "var" / "recordings").iterdir())
    assert all(soundfile.info(path).frames for path in kept)


async def test_a_folder_that_is_none_is_no_reason_not_to_answer(tmp_path: Path) -> None:
    place = tmp_path / "var" / "recordings"
    place.parent.mkdir()
    place.write_text("this is a file")
    desk = desk_file(tmp_path, "announce", "announce")
    with pytest.raises(NotADirectoryError):  # `talked` looks into it; the call was over by then.
        await talked(tmp_path, desk, SAYS)
    assert place.read_text() == "this is a file"
