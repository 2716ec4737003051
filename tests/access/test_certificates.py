"""The page's own certificate."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from appliance.access import certificates
from appliance.errors import ApplianceError


def test_it_is_made_once_and_again_for_another_name_with_the_same_key(tmp_path: Path) -> None:
    made = certificates.own(tmp_path, ["192.0.2.7"])
    assert made == certificates.own(tmp_path)
    key = made.key.read_bytes()
    again = certificates.own(tmp_path, ["192.0.2.7", "desk.example"])
    assert again.fingerprint != made.fingerprint
    assert again.key.read_bytes() == key
    assert {"localhost", "192.0.2.7", "desk.example"} <= certificates.names_of(again.certificate)


def test_nobody_else_may_read_its_key_and_browsers_take_its_length(tmp_path: Path) -> None:
    made = certificates.own(tmp_path)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    found = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days <= 825
    assert made.fingerprint.replace(":", "").lower() == found.fingerprint(hashes.SHA256()).hex()


def test_one_that_has_almost_ended_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "DAYS", 50)
    old = certificates.own(tmp_path)
    assert certificates.own(tmp_path).fingerprint != old.fingerprint


def test_what_is_no_key_is_told_in_plain_words(tmp_path: Path) -> None:
    certificates.own(tmp_path)
    (tmp_path / "page.pem").write_text("no certificate")
    with pytest.raises(ApplianceError, match="page's certificate"):
        certificates.own(tmp_path)


def test_one_of_another_key_is_made_anew(tmp_path: Path) -> None:
    """As after half a backup; with it nothing would listen."""
    own = certificates.own(tmp_path / "a")
    other = certificates.own(tmp_path / "b")
    own.key.write_bytes(other.key.read_bytes())
    made = certificates.own(tmp_path / "a")
    assert made.fingerprint != own.fingerprint
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made.certificate, made.key)
