"""Every version of the desk file is kept, whatever happens."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.config import digest
from appliance.config.versions import Versions
from appliance.errors import StorageError
from appliance.system.writing import write

NOW = datetime(2026, 11, 23, 9, 17, 57, 123_000, UTC)


def test_what_is_kept_is_there_with_who_and_why(tmp_path: Path) -> None:
    version = Versions(tmp_path, lambda: NOW).keep('name = "Ä"\n', "Ann", "new hours")
    (kept,) = Versions(tmp_path).all()
    assert kept == version
    assert (kept.by, kept.why, kept.at, kept.digest) == ("Ann", "new hours", NOW, digest('name = "Ä"\n'))
    assert kept.id == f"20261123T091757.123Z-{kept.digest}"
    assert Versions(tmp_path).text(kept.id) == Versions(tmp_path).text(kept.digest) == 'name = "Ä"\n'


def test_the_newest_comes_first_even_where_the_clock_went_back(tmp_path: Path) -> None:
    times = iter([NOW, NOW - timedelta(days=2000), NOW - timedelta(days=1000)])
    versions = Versions(tmp_path, lambda: next(times))
    for number in range(3):
        versions.keep(f"{number}", "", "")
    assert [versions.text(version.id) for version in versions.all()] == ["2", "1", "0"]


def test_nobody_gets_at_other_files_by_way_of_a_version(tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text("x")
    versions = Versions(tmp_path / "desks")
    assert versions.text("../secret") is None
    assert versions.text("") is None


def test_a_line_that_was_cut_off_costs_no_version(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    versions.keep("one", "Ann", "first")
    versions.keep("two", "Ben", "second")
    log = tmp_path / "log.jsonl"
    log.write_bytes(log.read_bytes()[:-9])
    again = Versions(tmp_path)
    again.keep("three", "Cleo", "third")
    assert [again.text(version.id) for version in again.all()] == ["three", "two", "one"]
    assert [version.by for version in again.all()] == ["Cleo", "", "Ann"]


def test_a_full_disk_is_told_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be read or written"):
        Versions(tmp_path / "file" / "desks")


def test_a_link_stays_a_link_and_rights_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "desk.toml"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["desk.toml", "real.toml"]


PUBLISHER = """
import sys
from pathlib import Path
from appliance.config.versions import Versions
from appliance.system.writing import write
folder = Path(sys.argv[1])
versions = Versions(folder / "desks")
number = 0
while True:
    number += 1
    text = f"version {number}\\n" * 5000 + "end"
    versions.keep(text, "Ann", f"{number}")
    write(folder / "desk.toml", text)
    print(number, flush=True)
"""


def test_killed_at_any_point_the_file_is_whole_and_nothing_told_is_lost(tmp_path: Path) -> None:
    chance = random.Random(7)
    (tmp_path / "desk.toml").write_text("version 0\n" * 5000 + "end")
    for _ in range(12):
        before = (tmp_path / "desk.toml").read_text()
        process = subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.03))
        os.kill(process.pid, signal.SIGKILL)
        told = process.stdout.read().split()
        process.wait()
        text = (tmp_path / "desk.toml").read_text()
        assert text.endswith("end")
        assert len(set(text.splitlines()[:-1])) == 1
        versions = Versions(tmp_path / "desks")
        assert not list((tmp_path / "desks").glob(".*"))
        kept = {version.digest: versions.text(version.id) for version in versions.all()}
        assert all(version is not None and digest(version) == name for name, version in kept.items())
        assert text == before or digest(text) in kept
        assert {digest(f"version {number}\n" * 5000 + "end") for number in told} <= kept.keys()
