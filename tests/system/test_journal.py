"""Log lines with fields, as the journal takes them."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from appliance.system import journal


def fields(content: bytes) -> dict[str, str]:
    """A datagram, read as the journal does."""
    found = {}
    while content:
        line, _, content = content.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(content[:8], "little")
            value, content = content[8 : 8 + size], content[9 + size :]
        found[name.decode()] = value.decode()
    return found


@pytest.fixture
def listening(tmp_path: Path) -> socket.socket:
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(tmp_path / "socket"))
    heard.settimeout(5)
    return heard


def logger(path: Path) -> logging.Logger:
    log = logging.Logger("appliance.test")
    log.addHandler(journal.JournalHandler(path))
    return log


def test_a_line_has_its_level_its_place_and_its_call(tmp_path: Path, listening: socket.socket) -> None:
    logger(tmp_path / "socket").warning("turn %d of call %s failed", 3, "ab12")
    told = fields(listening.recv(65_536))
    assert told["MESSAGE"] == "turn 3 of call ab12 failed"
    assert (told["PRIORITY"], told["APPLIANCE_CALL"], told["APPLIANCE_TURN"]) == ("4", "ab12", "3")
    assert told["LOGGER"] == "appliance.test"
    assert told["CODE_FUNC"] == "test_a_line_has_its_level_its_place_and_its_call"


def test_whatever_else_a_line_says_its_call_is_its_call(tmp_path: Path, listening: socket.socket) -> None:
    logger(tmp_path / "socket").warning("100 %% busy, %.1f s: call %s of %r waits", 2.5, "ab12", "x")
    told = fields(listening.recv(65_536))
    assert (told["MESSAGE"], told["APPLIANCE_CALL"]) == ("100 % busy, 2.5 s: call ab12 of 'x' waits", "ab12")


def test_a_line_of_several_lines_stays_one(tmp_path: Path, listening: socket.socket) -> None:
    try:
        raise ValueError("no\nPRIORITY=0")
    except ValueError:
        logger(tmp_path / "socket").exception("it failed")
    told = fields(listening.recv(65_536))
    assert told["MESSAGE"].startswith("it failed\nTraceback")
    assert told["PRIORITY"] == "3"


def test_without_a_journal_the_line_goes_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger(tmp_path / "nowhere").error("the disk is full")
    assert "the disk is full" in capsys.readouterr().err


@pytest.mark.skipif(
    not shutil.which("journalctl") or not journal.SOCKET.exists(),
    reason="there is no journal on this machine",
)
def test_the_journal_itself_takes_it() -> None:
    logger(journal.SOCKET).info("call %s ended", "test-of-the-journal")
    subprocess.run(["journalctl", "--sync"], check=True)
    asked = ["journalctl", "APPLIANCE_CALL=test-of-the-journal", "-o", "cat", "-n", "1"]
    assert "ended" in subprocess.run(asked, capture_output=True, text=True, check=True).stdout
