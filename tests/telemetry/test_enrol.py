"""How a box becomes one of a fleet, where the other end is not what it should be; with a real one it is tried
in tests/fleet and tests/firstboot."""

from __future__ import annotations

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
