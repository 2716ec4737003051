"""How a box becomes one of a fleet, where the other end is not what it should be; with a real one it is tried
in tests/fleet and tests/firstboot."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from appliance.errors import ApplianceError
from appliance.telemetry import enrol


@pytest.mark.parametrize("answer", [b"<html>", b"", b"[]", b'{"device": "a"}', b"\xff"])
def test_who_answers_otherwise_than_a_fleet_is_told_of_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(enrol, "_authority", lambda *_: "")
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: None)
    monkeypatch.setattr(enrol, "_ask", lambda *_: answer)
    with pytest.raises(ApplianceError, match="does not answer as a fleet does"):
        enrol.enrol("A" * 32, "fleet.example.org:8884", tmp_path)


def test_keys_are_on_the_disk_before_anything_tells_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the power goes, and leaves a box that believes to be of a fleet, with an empty key."""
    kept: list[int] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        kept.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    enrol._write(tmp_path / "key.pem", "a key")
    assert kept == [5]
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
