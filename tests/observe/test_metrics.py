"""Counts as Prometheus reads them, and what support gets to see: neither says who called or what was said."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from appliance.commands import bundle
from appliance.observe.account import kept
from appliance.observe.metrics import Metrics
from appliance.observe.score import Mark
from tests.observe.lived import SECRETS, lived
from tests.observe.test_score import GREETING, turn

LABEL = r'\w+="(?:[^"\\]|\\.)*"'
LINE = re.compile(rf"# (?:HELP|TYPE) \w+ .+|\w+(?:\{{{LABEL}(?:,{LABEL})*\}})? [\d.]+")


def test_every_line_is_one_that_prometheus_reads() -> None:
    metrics = Metrics()
    every = GREETING, turn(2, "hours", wait=0.6), turn(3, "unknown", start=20, wait=4)
    turns = [kept(each) for each in every]
    deeds = [{"action": "calendar.book", "why": ""}, {"action": "calendar.book", "why": "full"}]
    metrics.ended("sip", turns, deeds, [Mark("understood", False, 3), Mark("greeted", True)])
    metrics.under_way = 2
    text = metrics.text({'a "part"': True, "asr": False})
    assert text.endswith("\n")
    assert [line for line in text.splitlines() if not LINE.fullmatch(line)] == []
    for line in (
        'appliance_calls_total{channel="sip"} 1',
        'appliance_on{part="a \\"part\\""} 1',
        "appliance_calls_under_way 2",
        'appliance_turns_total{how="unknown"} 1',
        'appliance_actions_total{action="calendar.book",came="failed"} 1',
        'appliance_checks_failed_total{check="understood"} 1',
        'appliance_answer_seconds_bucket{le="0.5"} 0',
        'appliance_answer_seconds_bucket{le="0.75"} 1',
        'appliance_answer_seconds_bucket{le="+Inf"} 2',
        "appliance_answer_seconds_sum 4.600",
    ):
        assert line in text.splitlines()


async def test_in_what_support_gets_there_is_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await lived(tmp_path)
    box = tmp_path / "box.toml"
    box.write_text(
        '# very-secret-comment\ngsm = [{pin_file = "very-secret-pin"}]\nkiosk.enabled = false\n'
        'traces.endpoint = "http://ann:very-secret-word@127.0.0.1:4318"\n'
    )
    (tmp_path / "var" / "calls.db.damaged").write_bytes(b"very-secret-account")
    monkeypatch.setattr(
        bundle, "examine", lambda *_: []
    )  # Trying every engine takes long, and is not of this.
    assert bundle.bundle(tmp_path / "support.zip", box, tmp_path / "desk.toml") == 0
    with zipfile.ZipFile(tmp_path / "support.zip") as file:
        text = "\n".join(file.read(name).decode() for name in file.namelist())
        assert {"findings.json", "traces.json", "tables.json", "box.toml"} <= set(file.namelist())
    assert "execute_tool calendar.book" in text
    for secret in (*SECRETS, "Benedict", "Okafor", "very-secret"):
        assert secret.lower() not in text.lower(), secret


def test_what_is_damaged_is_what_support_gets_told(tmp_path: Path) -> None:
    for name in ("desk.db", "calls.db"):
        (tmp_path / name).write_bytes(b"no database at all, but long enough to be looked at" * 100)
    assert "damaged" in bundle._tables(tmp_path / "desk.db")["wrong"]
    assert "damaged" in bundle._traces(tmp_path)["wrong"]
    assert not (tmp_path / "calls.db.damaged").exists()
