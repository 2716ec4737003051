"""What a card has to bear is counted where it is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.bench import wear


@pytest.mark.skipif(not wear.IO.exists(), reason="this system does not count what is written")
def test_an_idle_desk_writes_next_to_nothing_and_a_call_a_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wear.main(["--folder", str(tmp_path), "--seconds", "3", "--calls", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["busy"] == told["idle"] + 3 * told["call"]
    assert told["idle"] < 2_000_000
    assert 4096 <= told["call"] < 160_000  # A message is on the disk, or nothing was counted.
