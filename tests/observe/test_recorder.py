"""The two-channel recording: exactly as long as the call, both sides where they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import StorageError
from appliance.messages import FRAME, Audio
from appliance.observe.recorder import HELD, Recorder


def tone(count: int, value: int) -> bytes:
    return np.full(count, value, dtype="<i2").tobytes()


def record(path: Path, frames: int, desk: list[tuple[int, int]], origin: int = 0) -> np.ndarray:
    """A call of so many frames, in which the desk plays `(at, samples)`, told as late as the frame after."""
    recorder = Recorder(path)
    waiting = sorted(desk)
    for number in range(frames):
        recorder.caller(Audio(tone(FRAME, 100), origin + number * FRAME))
        while waiting and waiting[0][0] <= number * FRAME:
            at, count = waiting.pop(0)
            recorder.desk(Audio(tone(count, 200), origin + at))
    recorder.close()
    sound, rate = soundfile.read(path, dtype="int16")
    assert rate == 16_000
    return sound


def test_caller_left_desk_right_each_where_it_was(tmp_path: Path) -> None:
    sound = record(tmp_path / "call.wav", 100, [(16_000, 320)])
    assert len(sound) == 100 * FRAME
    assert (sound[:, 0] == 100).all()
    assert np.flatnonzero(sound[:, 1])[[0, -1]].tolist() == [16_000, 16_319]


def test_the_recording_begins_with_the_first_frame_whatever_its_clock(tmp_path: Path) -> None:
    sound = record(tmp_path / "call.wav", 10, [(640, 320)], origin=1_000_000)
    assert len(sound) == 10 * FRAME
    assert np.flatnonzero(sound[:, 1])[0] == 640


@given(st.integers(1, 200), st.lists(st.integers(0, 60_000), max_size=8, unique=True))
def test_as_long_as_the_call_with_every_sample_of_the_desk(
    tmp_path_factory: pytest.TempPathFactory, frames: int, starts: list[int]
) -> None:
    spans = [(at, 10) for at in starts if at + HELD // 2 < frames * FRAME]
    sound = record(tmp_path_factory.mktemp("calls") / "call.wav", frames, spans)
    assert len(sound) == frames * FRAME
    expected = {sample for at, count in spans for sample in range(at, at + count)}
    assert set(np.flatnonzero(sound[:, 1]).tolist()) == expected


def test_a_folder_that_cannot_be_written_is_told_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="free some space"):
        Recorder(tmp_path / "file" / "call.wav")


def test_a_full_disk_ends_the_recording_and_not_the_call() -> None:
    recorder = Recorder(Path("/dev/full"))
    for number in range(200):
        recorder.caller(Audio(tone(FRAME, 1), number * FRAME))
    recorder.close()
    assert "No space left" in recorder.failed


def test_a_recording_plays_though_the_box_went_down_in_mid_call(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    for number in range(250):
        recorder.caller(Audio(tone(FRAME, 100), number * FRAME))
    (tmp_path / "left.wav").write_bytes((tmp_path / "call.wav").read_bytes())
    recorder.close()
    sound, _ = soundfile.read(tmp_path / "left.wav", dtype="int16")
    assert len(sound) >= 3 * 16_000
    assert (sound[:, 0] == 100).all()
