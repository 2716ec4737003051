"""A desk that runs takes a new desk file."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from tests import test_command
from tests.test_command import DESK, start

folder = test_command.folder


def desk(folder: Path) -> dict[str, object]:
    port = (folder / "port").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/desk", timeout=5) as answer:
        return dict(json.loads(answer.read()))


def test_a_hangup_signal_reads_the_desk_file_again_or_says_what_is_wrong(folder: Path) -> None:
    process = start(folder)
    try:
        assert desk(folder)["text"] == DESK
        (folder / "desk.toml").write_text("[broken")
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert desk(folder)["text"] == DESK
        newer = DESK.replace("Alder", "Birch")
        (folder / "desk.toml").write_text(newer)
        by_hand = desk(folder)["by_hand"]
        assert isinstance(by_hand, dict)
        assert by_hand["text"] == newer
        process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while desk(folder)["text"] != newer and time.monotonic() < deadline:
            time.sleep(0.05)
        assert desk(folder)["name"] == "Birch House"
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=10)
    assert "the desk goes on as it was" in output
    assert "line 1" in output


@pytest.mark.parametrize("readable", [True, False])
def test_a_box_whose_versions_cannot_be_kept_answers_all_the_same(folder: Path, readable: bool) -> None:
    (folder / "data").mkdir()
    if not readable:
        (folder / "data" / "desks").write_text("in the way")
    process = start(folder)
    port = (folder / "port").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
        assert json.loads(answer.read())["editor"] is readable
    process.terminate()
    output, _ = process.communicate(timeout=10)
    assert ("cannot be changed by the page" in output) is not readable
