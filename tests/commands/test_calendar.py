"""The appointments as a file, out and in, as a person does it."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from appliance.__main__ import main
from appliance.memory.calendar import Appointment, Calendar, Opening
from appliance.memory.store import Store

AT = datetime(2030, 1, 3, 10, 30)


def box(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "box.toml"
    path.write_text('data = "data"\n')
    return path


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["appliance", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_what_one_box_writes_another_takes_in_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, file = box(tmp_path / "one"), box(tmp_path / "two"), tmp_path / "out.ics"
    store = Store(one.parent / "data" / "desk.db")
    with store.write() as db:
        booked = Appointment("1", "uid", AT, AT + timedelta(minutes=30), "Ann Smith", "1")
        Calendar(db, Opening(), store.now()).put(booked, None)
    store.close()
    assert command(monkeypatch, "calendar", "export", file, "--box", one) == 0
    assert b"Ann Smith" in file.read_bytes()
    assert command(monkeypatch, "calendar", "import", file, "--box", two) == 0
    assert command(monkeypatch, "calendar", "import", file, "--box", two) == 0
    told = capsys.readouterr().out
    assert "1 added, 0 changed" in told
    assert "0 added, 1 changed" in told
    store = Store(two.parent / "data" / "desk.db")
    assert store.read("select start, name from appointment") == [("2030-01-03T10:30", "Ann Smith")]
    store.close()


@pytest.mark.parametrize("text", [None, "this is no calendar"])
def test_what_cannot_be_taken_in_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    file = tmp_path / "in.ics"
    if text:
        file.write_text(text)
    assert command(monkeypatch, "calendar", "import", file, "--box", box(tmp_path / "one")) == 1
    told = capsys.readouterr().err
    assert "mend:" in told
    assert "Traceback" not in told
