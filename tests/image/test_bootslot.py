"""Which system is started: the one sector that says so, whatever is asked of it and wherever the power
goes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.image.scripts import IMAGE, load

bootslot = load("bootslot")
SLOTS = ("a", "b")
slot = st.sampled_from(SLOTS)
state = st.sampled_from(["good", "bad"])


def firmware(content: bytes, tryboot: bool = False) -> int:
    """The partition that the bootloader of a Raspberry Pi starts from: the last that counts, of `[all]` and,
    once it was asked for, of `[tryboot]`."""
    section, partition = "all", 0
    for line in content.decode().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line.startswith("boot_partition=") and (section == "all" or (section == "tryboot" and tryboot)):
            partition = int(line.partition("=")[2])
    return partition


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bootslot, "AUTOBOOT", tmp_path / "autoboot.txt")
    monkeypatch.setattr(bootslot, "TRY", tmp_path / "try")
    monkeypatch.setenv("BOOT_PARTITION", "2")
    bootslot.main(["new"])
    return tmp_path / "autoboot.txt"


def test_a_new_box_starts_the_first_system(box: Path) -> None:
    assert firmware(box.read_bytes()) == 2
    assert bootslot.main(["get-primary"]) == "a"
    assert bootslot.main(["get-current"]) == "a"


def test_a_system_that_was_written_is_tried_once_and_not_started_otherwise(box: Path) -> None:
    bootslot.main(["set-state", "b", "bad"])
    bootslot.main(["set-primary", "b"])
    assert bootslot.main(["get-primary"]) == "b"
    assert (firmware(box.read_bytes()), firmware(box.read_bytes(), tryboot=True)) == (2, 3)


def test_a_system_that_runs_and_is_found_good_is_started_from_then_on(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOT_PARTITION", "3")
    bootslot.main(["set-state", "b", "good"])
    assert (firmware(box.read_bytes()), firmware(box.read_bytes(), tryboot=True)) == (3, 2)
    assert bootslot.main(["get-committed"]) == "b"


def test_one_that_does_not_run_is_never_committed_by_being_called_good(box: Path) -> None:
    bootslot.main(["set-state", "b", "good"])
    assert firmware(box.read_bytes()) == 2


def test_one_that_is_written_once_more_is_not_tried_before_that_is_done(box: Path) -> None:
    bootslot.main(["set-primary", "b"])
    bootslot.main(["set-state", "b", "bad"])
    assert bootslot.main(["get-primary"]) == "a"


def test_what_was_left_half_written_stays_known_as_such(box: Path) -> None:
    bootslot.main(["set-state", "b", "bad"])
    assert bootslot.main(["get-state", "b"]) == "bad"
    assert bootslot.main(["get-state", "a"]) == "good"


@given(committed=slot, a=st.booleans(), b=st.booleans())
def test_whatever_it_says_fits_one_sector_has_one_length_and_is_read_as_it_was_written(
    committed: str, a: bool, b: bool
) -> None:
    said = bootslot.Autoboot(committed, {"a": a, "b": b})
    assert len(said.text()) == len(bootslot.Autoboot().text()) <= 512
    assert bootslot.Autoboot.read(said.text()) == said


@given(
    content=st.binary(max_size=600)
    | st.text(alphabet="[]al=23\n#tryboot_partition ", max_size=200).map(str.encode)
)
def test_what_was_not_written_by_it_is_not_believed(content: bytes) -> None:
    with pytest.raises(bootslot.Unreadable):
        bootslot.Autoboot.read(content)


def test_it_is_one_write_of_one_sector_in_place(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[int, int]] = []
    pwrite = os.pwrite

    def seen(handle: int, content: bytes, at: int) -> int:
        written.append((at, len(content)))
        return pwrite(handle, content, at)

    monkeypatch.setattr(os, "pwrite", seen)
    before = box.stat()
    bootslot.main(["set-state", "b", "bad"])
    assert written == [(0, before.st_size)]
    assert (box.stat().st_ino, box.stat().st_size) == (before.st_ino, before.st_size)


def test_it_writes_nothing_where_nothing_changes(box: Path) -> None:
    box.chmod(0o444)
    before = box.stat().st_mtime_ns
    bootslot.main(["set-state", "a", "good"])
    assert box.stat().st_mtime_ns == before


@given(length=st.integers(0, 600))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_another_length_is_refused(box: Path, length: int) -> None:
    there = box.read_bytes()
    if length != len(there):
        with pytest.raises(bootslot.Unreadable):
            bootslot.overwrite(box, bytes(length))
    assert box.read_bytes() == there


class Life(RuleBasedStateMachine):
    """Updates, starts and power cuts in any order. `runs` is the system that runs, as the firmware chose
    it."""

    @initialize()
    def flashed(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        bootslot.AUTOBOOT = Path(self.folder.name) / "autoboot.txt"
        bootslot.TRY = Path(self.folder.name) / "try"
        os.environ["BOOT_PARTITION"] = "2"
        bootslot.main(["new"])
        self.whole = {"a": True, "b": True}

    @property
    def runs(self) -> str:
        return {"2": "a", "3": "b"}[os.environ["BOOT_PARTITION"]]

    @property
    def other(self) -> str:
        return str(bootslot.OTHER[self.runs])

    @rule(finished=st.booleans())
    def installed(self, finished: bool) -> None:
        """RAUC writes the other system, and may not come to the end. It does so only where this one is
        committed: appliance-stick and appliance-install come after appliance-commit."""
        if bootslot.main(["get-committed"]) != self.runs:
            return
        bootslot.main(["set-state", self.other, "bad"])
        self.whole[self.other] = False
        if finished:
            self.whole[self.other] = True
            bootslot.main(["set-primary", self.other])

    @rule()
    def found_healthy(self) -> None:
        bootslot.main(["set-state", self.runs, "good"])

    @rule(orderly=st.booleans())
    def started_anew(self, orderly: bool) -> None:
        tryboot = orderly and bootslot.TRY.exists()
        bootslot.TRY.unlink(missing_ok=True)  # /run is memory.
        os.environ["BOOT_PARTITION"] = str(firmware(bootslot.AUTOBOOT.read_bytes(), tryboot))

    @invariant()
    def what_runs_is_whole(self) -> None:
        assert self.whole[self.runs]

    @invariant()
    def what_is_started_after_a_power_cut_is_whole(self) -> None:
        assert self.whole[{2: "a", 3: "b"}[firmware(bootslot.AUTOBOOT.read_bytes())]]

    def teardown(self) -> None:
        os.environ.pop("BOOT_PARTITION", None)
        self.folder.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_nothing_but_bootslot_tells_which_system_runs() -> None:
    """RAUC would believe `root=` on the kernel's command line, which is that of both: no system that is tried
    could be committed. The initramfs knows the root."""
    assert not [word for word in (IMAGE / "cmdline.txt").read_text().split() if word.startswith("root=")]
    assert "ROOT=/dev/disk/by-partlabel/system-" in (IMAGE / "initramfs/scripts/local-top/slot").read_text()
