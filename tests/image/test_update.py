"""When an update is installed, kept and given up, and what becomes of the memory."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.image.scripts import IMAGE, load

update = load("update")


@dataclass
class Box:
    """systemctl, rauc and bootslot, as image/update asks them."""

    current: str = "a"
    committed: str = "a"
    primary: str = "a"
    healthy: bool = True
    signed: bool = True
    writable: bool = True
    compatible: str = "appliance-rpi5"
    asked: list[str] = field(default_factory=list)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        asked = " ".join(part.rsplit("/", 1)[-1] for part in command)
        self.asked.append(asked)
        code, said = 0, ""
        if asked.startswith("rauc info"):
            code, said = (0, json.dumps({"compatible": self.compatible})) if self.signed else (1, "signature")
        elif asked.startswith("rauc install"):
            code = 0 if self.writable else 1
            if self.writable and "models" not in asked:
                self.primary = "b" if self.current == "a" else "a"
        elif command == update.MARK_GOOD:
            self.committed = self.current
        elif asked == f"systemctl start {update.HEALTH}":
            code = 0 if self.healthy else 1
        return subprocess.CompletedProcess(command, code, said, "")

    def bootslot(self, what: str) -> str:
        return str(getattr(self, what.removeprefix("get-")))


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    box = Box()
    for name in ("data/appliance", "data/update", "data/models", "stick"):
        (tmp_path / name).mkdir(parents=True)
    conf = tmp_path / "system.conf"
    conf.write_text("[system]\ncompatible=appliance-rpi5\n")
    fstab = tmp_path / "fstab"
    fstab.write_text("/data/models/models-3.squashfs /models squashfs loop,ro 0 0\n")
    for name, value in {
        "run": box.run, "bootslot": box.bootslot, "NOTES": tmp_path / "data/update/tried.json",
        "DESK": tmp_path / "data/appliance", "KEPT": tmp_path / "data/before", "SYSTEM": conf,
        "MODELS": tmp_path / "data/models", "MOUNTS": fstab,
        "wait_for_quiet": lambda busy: box.asked.append("quiet"),
    }.items():  # fmt: skip
        monkeypatch.setattr(update, name, value)
    return box


def put(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / "stick" / name).write_bytes(name.encode())
    return tmp_path / "stick"


def test_a_good_one_waits_for_callers_stops_the_desk_and_is_tried(box: Box, tmp_path: Path) -> None:
    update.install(put(tmp_path, "rpi5-2.raucb"))
    assert box.asked == [
        "rauc info --output-format=json rpi5-2.raucb",
        "quiet",
        "systemctl stop appliance.service",
        "rauc install rpi5-2.raucb",
        "systemctl start --no-block appliance-try.service",
    ]


@pytest.mark.parametrize("what", [{"signed": False}, {"compatible": "appliance-toaster"}])
def test_nobody_is_sent_away_for_one_that_is_not_ours(
    box: Box, tmp_path: Path, what: dict[str, object]
) -> None:
    vars(box).update(what)
    update.install(put(tmp_path, "rpi5-2.raucb"))
    assert box.asked == ["rauc info --output-format=json rpi5-2.raucb"]
    assert list(update.notes().values()) == ["refused"]


def test_a_desk_whose_update_cannot_be_written_answers_again(box: Box, tmp_path: Path) -> None:
    box.writable = False
    update.install(put(tmp_path, "rpi5-2.raucb"))
    assert box.asked[-1] == "systemctl start --no-block appliance.service"
    assert list(update.notes().values()) == ["failed"]


def test_a_stick_that_comes_while_an_update_is_written_waits_and_is_left_for_the_next_start(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RAUC writes one at a time, and what it turned away for that is no bad one."""
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / "rpi5-3.raucb").write_bytes(b"rpi5-3.raucb")
    stick = threading.Thread(target=update.install, args=[put(tmp_path, "rpi5-2.raucb")])

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        if command[:2] == ("rauc", "install") and not stick.ident:
            stick.start()
            stick.join(0.3)
            assert stick.is_alive()
        return box.run(*command)

    monkeypatch.setattr(update, "run", run)
    update.install(sent, take=True)
    stick.join()
    assert [asked for asked in box.asked if "rauc" in asked] == [
        "rauc info --output-format=json rpi5-3.raucb", "rauc install rpi5-3.raucb",
    ]  # fmt: skip
    assert list(update.notes().values()) == ["trying"]


def test_a_stick_that_stays_is_not_installed_again(box: Box, tmp_path: Path) -> None:
    stick = put(tmp_path, "rpi5-2.raucb")
    update.install(stick)
    box.primary = "a"
    box.asked.clear()
    update.install(stick)
    assert box.asked == []


def test_one_that_was_being_written_when_the_power_went_is_written_again(box: Box, tmp_path: Path) -> None:
    stick = put(tmp_path, "rpi5-2.raucb")
    update.note(update.digest_of(stick / "rpi5-2.raucb"), update.INSTALLING)
    update.install(stick)
    assert "rauc install rpi5-2.raucb" in box.asked


def test_models_go_first_and_the_desk_answers_between(box: Box, tmp_path: Path) -> None:
    update.install(put(tmp_path, "rpi5-2.raucb", "rpi5-models-abc.raucb"))
    installed = [asked for asked in box.asked if asked.startswith("rauc install")]
    assert installed == ["rauc install rpi5-models-abc.raucb", "rauc install rpi5-2.raucb"]
    assert "systemctl start --no-block appliance.service" in box.asked


def test_nothing_is_installed_while_a_system_is_tried(box: Box, tmp_path: Path) -> None:
    box.current = "b"
    update.install(put(tmp_path, "rpi5-3.raucb"))
    assert box.asked == []


def test_what_the_fleet_sent_is_taken_away_when_it_is_done_with(box: Box, tmp_path: Path) -> None:
    stick = put(tmp_path, "rpi5-2.raucb")
    update.install(stick, take=True)
    assert list(stick.iterdir()) == []


def test_a_healthy_system_is_committed(box: Box, tmp_path: Path) -> None:
    update.install(put(tmp_path, "rpi5-2.raucb"))
    box.current = "b"
    assert update.commit() == 0
    assert box.committed == "b"
    assert list(update.notes().values()) == ["committed"]


def test_models_that_no_system_uses_any_more_make_room(box: Box, tmp_path: Path) -> None:
    models = tmp_path / "data/models"
    for age, name in enumerate(("models-1", "models-3", "models-2")):
        (models / f"{name}.squashfs").touch()
        os.utime(models / f"{name}.squashfs", (age, age))
    box.current, box.healthy = "b", False
    update.commit()
    assert len(list(models.iterdir())) == 3
    box.healthy = True
    update.commit()
    assert {file.stem for file in models.iterdir()} == {"models-2", "models-3"}


def test_one_that_is_not_healthy_is_not_and_the_box_starts_anew(box: Box) -> None:
    box.current, box.healthy = "b", False
    assert update.commit() == 1
    assert box.committed == "a"


def test_at_an_ordinary_start_nothing_is_asked(box: Box) -> None:
    assert update.commit() == 0
    assert box.asked == []


def test_a_box_that_cannot_tell_what_is_tried_goes_on_answering(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(what: str) -> str:
        raise OSError("no autoboot.txt")

    monkeypatch.setattr(update, "bootslot", gone)
    assert update.commit() == 0


def memory(folder: Path, steps: int, *rows: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "desk.db")) as db, db:
        db.execute("create table if not exists told (what text)")
        db.executemany("insert into told values (?)", [(row,) for row in rows])
        db.execute(f"pragma user_version = {steps}")


def told(folder: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(folder / "desk.db")) as db:
        return [what for (what,) in db.execute("select what from told order by rowid")]


def tried_and_given_up(box: Box, desk: Path, steps: int) -> None:
    update.note("digest", update.TRYING)
    box.current = "b"
    update.before()
    memory(desk, steps, "while it was tried")
    box.current = "a"
    update.before()
    assert update.notes() == {"digest": "failed"}


def test_going_back_loses_nothing_that_callers_said_meanwhile(box: Box, tmp_path: Path) -> None:
    desk = tmp_path / "data/appliance"
    memory(desk, 7, "before")
    tried_and_given_up(box, desk, steps=7)
    assert told(desk) == ["before", "while it was tried"]
    assert not (tmp_path / "data/before").exists()


def test_a_memory_that_the_older_system_could_not_read_is_put_back_and_the_newer_kept(
    box: Box, tmp_path: Path
) -> None:
    desk = tmp_path / "data/appliance"
    memory(desk, 7, "before")
    tried_and_given_up(box, desk, steps=8)
    assert told(desk) == ["before"]
    (aside,) = (tmp_path / "data").glob("newer-*")
    assert told(aside) == ["before", "while it was tried"]


def test_so_is_one_that_cannot_be_read_any_more(box: Box, tmp_path: Path) -> None:
    desk = tmp_path / "data/appliance"
    memory(desk, 7, "before")
    update.note("digest", update.TRYING)
    box.current = "b"
    update.before()
    (desk / "desk.db").write_bytes(b"no database any more" * 100)
    box.current = "a"
    update.before()
    assert told(desk) == ["before"]
    assert update.notes() == {"digest": "failed"}


def test_of_a_system_that_is_tried_twice_the_older_memory_is_still_the_older(
    box: Box, tmp_path: Path
) -> None:
    desk = tmp_path / "data/appliance"
    memory(desk, 7, "before")
    box.current = "b"
    update.before()
    memory(desk, 8, "while it was tried")
    update.before()
    assert told(tmp_path / "data/before") == ["before"]


def test_it_waits_until_nobody_has_been_on_the_line_for_a_while() -> None:
    line = iter([True] * 5 + [False] * 3 + [True] + [False] * 1000)
    slept: list[float] = []
    load("update").wait_for_quiet(lambda: next(line), slept.append)
    assert sum(slept) == (5 + 3 + 1) * 2 + update.QUIET


def test_it_does_not_wait_for_ever() -> None:
    slept: list[float] = []
    load("update").wait_for_quiet(lambda: True, slept.append)
    assert sum(slept) == update.PATIENCE


def test_a_box_that_starts_anew_does_not_wait_for_its_stick() -> None:
    """systemd lets nothing be unmounted by others while it goes down, and would wait for 90 s."""
    unit = (IMAGE / "units" / "appliance-stick@.service").read_text()
    [stop] = [line for line in unit.splitlines() if line.startswith("ExecStop=")]
    assert "systemd-umount --no-block " in stop
