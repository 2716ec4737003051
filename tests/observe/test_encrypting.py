"""What a box keeps cannot be read without its key, which lies elsewhere; with it all is as it was."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.config import Box, read_desk
from appliance.engines.fake import FakeAsr, FakeEmbed
from appliance.engines.inline import InlineThread
from appliance.errors import StorageError
from appliance.memory import key
from appliance.memory.recall import EVERYBODY, Recall
from appliance.memory.sqlite import PAGE
from appliance.memory.store import Store
from appliance.messages import FRAME, RATE, Audio, samples
from appliance.observe import encrypting
from appliance.observe.calls import ASIDE, Calls
from appliance.observe.encrypting import encrypt
from appliance.observe.locked import PIECE, Lock, locked, opened
from appliance.observe.recorder import Recorder
from appliance.observe.sealing import Beep, seal, side, unfinished
from appliance.observe.waveform import waveform
from tests.desk import voice
from tests.observe.lived import SECRETS, found, lived
from tests.observe.test_sealing import DESK, FAKES
from tests.test_app import ENGINES


async def test_what_was_kept_in_the_clear_is_encrypted_and_read_as_before(tmp_path: Path) -> None:
    await lived(tmp_path)
    var = tmp_path / "var"
    before = Store(var / "desk.db").read("select count(*) from event")
    assert {"desk.db", "recall.db"} <= found(var).keys()
    assert encrypt(var, tmp_path / "key") == 5  # Two databases, three recordings.
    # The calendar is for other programs, and scenarios are for whoever wrote the desk file.
    assert found(var).keys() <= {"calendar.ics", "scenarios.toml"}
    assert encrypt(var) == 0
    store, calls = Store(var / "desk.db"), Calls(var)
    assert store.read("select count(*) from event") == before
    assert [int(each.read("pragma page_size")[0][0]) for each in (store, calls.store)] == [PAGE, PAGE]
    assert [call.id for call in calls.page()] == ["ben-books", "ann-asks", "ann-books"]
    assert all(waveform(path) for path in (var / "recordings").iterdir())
    assert Recall(store, var / "recall.db", FakeEmbed(), InlineThread()).find(EVERYBODY, "the violet teapot")
    calls.close()
    store.close()
    assert found(var).keys() <= {"calendar.ics", "scenarios.toml"}


async def test_without_the_key_nothing_is_read_and_nothing_is_set_aside(tmp_path: Path) -> None:
    await lived(tmp_path)
    var, kept = tmp_path / "var", tmp_path / "key"
    encrypt(var, kept)
    key._noted.cache_clear()
    right = kept.read_text()
    kept.unlink()
    with pytest.raises(StorageError, match="its key is not here"):
        Store(var / "desk.db")
    with pytest.raises(StorageError, match="its key is not here"):
        Calls(var, anew=True)
    kept.write_text("00" * 32)
    kept.chmod(0o600)
    with pytest.raises(StorageError, match="is not the key"):
        Calls(var, anew=True)
    kept.write_text(right)
    kept.chmod(0o644)
    with pytest.raises(StorageError, match="others may read"):
        Store(var / "desk.db")
    kept.chmod(0o600)
    assert len(Calls(var, anew=True).page()) == 3
    assert not list(var.glob("*.damaged"))


async def test_a_desk_that_runs_is_not_encrypted_under_its_own_feet(tmp_path: Path) -> None:
    await lived(tmp_path)
    var = tmp_path / "var"
    with closing(Store(var / "desk.db")) as store:
        with pytest.raises(StorageError, match="is in use"):
            encrypt(var, tmp_path / "key")
        with closing(store.connect()) as action:
            assert action.execute("select count(*) from event").fetchone()[0]
    assert not (var / key.NOTE).exists()


async def test_what_was_encrypted_by_half_is_finished_by_the_next_start_and_not_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await lived(tmp_path)
    var = tmp_path / "var"
    (var / f"{ASIDE}").write_bytes(b"SQLite and a violet teapot")
    database = encrypting._database

    def dies(path: Path, known: bytes) -> None:
        if path.name == "calls.db":
            raise OSError("the power is gone")
        database(path, known)

    monkeypatch.setattr(encrypting, "_database", dies)
    with pytest.raises(StorageError, match="the power is gone"):
        encrypt(var, tmp_path / "key")
    monkeypatch.setattr(encrypting, "_database", database)
    with pytest.raises(StorageError, match="not encrypted to its end"):
        Calls(var, anew=True)
    async with App(Box(var, engines=ENGINES), desk) as app:
        assert len(app.books.calls.page()) == 3
    assert found(var).keys() <= {"calendar.ics", "scenarios.toml"}


def test_a_disk_that_takes_only_a_part_is_given_the_rest(tmp_path: Path) -> None:
    class Nearly:
        """A file as the system has it where the disk is nearly full."""

        def __init__(self, file: Any) -> None:
            self._file = file

        def write(self, content: bytes) -> int:
            return int(self._file.write(bytes(content[:1000])))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    lock = Lock(tmp_path / "one.ogg", bytes(32))
    lock._file = Nearly(lock._file)  # type: ignore[assignment]
    lock.write(bytes(5000))
    lock.close()
    with opened(tmp_path / "one.ogg", bytes(32)) as file:
        assert file.read() == bytes(5000)


def test_the_key_never_lies_with_what_it_protects(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="beside what it protects"):
        encrypt(tmp_path / "var", tmp_path / "var" / "key")
    with pytest.raises(StorageError, match="there is no key"):
        encrypt(tmp_path / "var")
    encrypt(tmp_path / "var", tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "key").read_text().strip() not in (tmp_path / "var" / "key.json").read_text()


async def test_a_box_to_which_systemd_hands_a_key_is_encrypted_from_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / key.CREDENTIAL).write_text("a5" * 32)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "desk.toml").write_text(DESK)
    desk, _ = read_desk(tmp_path / "desk.toml")
    var = tmp_path / "var"
    async with App(Box(var, recordings=True, engines=FAKES), replace(desk, recording="announce")) as app:
        assert app.hearing
        app.hearing = replace(app.hearing, asr=FakeAsr(("my violet teapot", "goodbye")))
        await app.talk(RecordedCaller([Saying(voice(1.0)), Saying(voice(1.0))], "one", pace=False))
        (call,) = app.books.calls.page()
        recording = app.books.recordings / call.recording
        assert locked(recording)
        with opened(recording) as file:
            frames = soundfile.info(file).frames
        assert abs(frames - call.length) < RATE
    assert found(var, ("violet teapot", "alder house")) == {}
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(StorageError, match="its key is not here"):
        Store(var / "desk.db")


def recorded(folder: Path, seconds: float) -> Path:
    recorder = Recorder(folder / "recordings" / "20261123T090000Z-one.part", origin=0)
    for at in range(0, samples(seconds), FRAME):
        recorder.caller(Audio(voice(0.02), at))
    recorder.close()
    return recorder.path


@pytest.mark.parametrize("cut", [0, 1, 7, 40_000, 64_003, 100_000])
def test_wherever_a_power_cut_ends_it_what_was_recorded_can_be_played(tmp_path: Path, cut: int) -> None:
    encrypt(tmp_path, tmp_path.parent / f"{tmp_path.name}.key")
    part = recorded(tmp_path, 8)
    os.truncate(part, part.stat().st_size - cut)
    assert len(side(part, 0, samples(1.5), samples(2.5))) == 2 * RATE
    assert [path for path, _ in unfinished(part.parent)] == [part]
    kept = seal(part, [Beep(0, samples(2), samples(3))])
    with opened(kept) as file:
        sound, _ = soundfile.read(file)
    assert samples(8) - len(sound) <= -(-cut // 4) + samples(1)
    assert np.abs(sound[samples(0.5) : samples(1.5), 0]).max() > 0.1


def test_a_recording_whose_last_pieces_are_missing_is_not_played(tmp_path: Path) -> None:
    path, key = tmp_path / "one.ogg", bytes(32)
    lock = Lock(path, key)
    lock.write(bytes(PIECE))
    whole = path.stat().st_size
    lock.write(bytes(PIECE))
    lock.close()
    with opened(path, key) as file:
        assert len(file.read()) == 2 * PIECE
    os.truncate(path, whole)
    with pytest.raises(OSError, match="end is missing"):
        opened(path, key)


def test_a_recording_that_somebody_changed_is_not_played(tmp_path: Path) -> None:
    encrypt(tmp_path, tmp_path.parent / f"{tmp_path.name}.key")
    kept = seal(recorded(tmp_path, 2), [])
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    with pytest.raises(OSError, match="damaged"):
        opened(kept)


async def test_cut_off_in_the_middle_it_is_finished_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lived(tmp_path)
    before, var = tmp_path / "before", tmp_path / "var"
    shutil.copytree(var, before)
    replaced = Path.replace
    for step in range(6):
        left = iter(range(step))

        def dies(self: Path, target: Path, left: object = left) -> Path:
            if next(left, None) is None:  # type: ignore[call-overload]
                raise OSError("the power is gone")
            return replaced(self, target)

        monkeypatch.setattr(Path, "replace", dies)
        with pytest.raises(StorageError, match="the power is gone"):
            encrypt(var, tmp_path / "key")
        monkeypatch.setattr(Path, "replace", replaced)
        encrypt(var, tmp_path / "key")
        assert not found(var, SECRETS).keys() - {"calendar.ics", "scenarios.toml"}
        assert len(Calls(var).page()) == 3
        assert not [path for path in var.rglob("*.new") if path.name != "key.new"] or step == 0
        shutil.rmtree(var)
        shutil.copytree(before, var)
        (tmp_path / "key").unlink(missing_ok=True)
        key._noted.cache_clear()
