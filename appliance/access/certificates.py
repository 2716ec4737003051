"""Certificates that a machine makes for itself: the one of a page, and what the fleet's authority has in
common with it."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.errors import ApplianceError
from appliance.system.writing import PRIVATE, write

SLACK = timedelta(days=30)
"""By which a machine without a network may be behind."""

DAYS = 800
"""For which a page's own certificate holds: browsers take no more than 825."""

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Own:
    """A page's certificate, which it has signed itself."""

    certificate: Path
    key: Path
    fingerprint: str
    """SHA-256, as browsers show it: "AB:CD:…"."""


def own(folder: Path, names: Iterable[str] = ()) -> Own:
    """The page's certificate for this machine's own names and `names`, made where there is none, where it
    lacks one of them, is of another key, or has almost ended. Its key stays. ApplianceError where it cannot
    be had."""
    certificate, key = folder / "page.pem", folder / "page.key"
    wanted = {*names, *own_names()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not key.exists():
            write(key, private(ec.generate_private_key(ec.SECP256R1())), PRIVATE)
        signer = load_key(key)
        if not (certificate.exists() and _holds(certificate, signer, wanted)):
            write(certificate, _self_signed(signer, wanted), PRIVATE)
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise ApplianceError(
            f"the page's certificate in {folder} cannot be read or written ({error})",
            "mend the folder's rights, or delete page.pem and page.key",
        ) from error
    return Own(certificate, key, found.fingerprint(hashes.SHA256()).hex(":").upper())


def _holds(certificate: Path, key: Key, names: set[str]) -> bool:
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    now = datetime.now(UTC)
    fresh = found.not_valid_before_utc <= now < found.not_valid_after_utc - SLACK
    return fresh and found.public_key() == key.public_key() and names <= names_of(certificate)


def _self_signed(key: Key, names: set[str]) -> bytes:
    made = (
        self_issued(key, "front desk", DAYS)
        .add_extension(x509.SubjectAlternativeName([alternative(each) for each in sorted(names)]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def self_issued(key: Key, name: str, days: int) -> x509.CertificateBuilder:
    """A certificate that its own key will sign; from a little ago, for clocks that are not the same."""
    now, public = datetime.now(UTC) - SLACK, key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(name))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def names_of(certificate: Path) -> set[str]:
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def own_names() -> set[str]:
    host = os.uname().nodename.lower()
    return {"localhost", "127.0.0.1", host, f"{host}.local"}


def load_key(path: Path) -> Key:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path.name} is of another kind")
    return key


def private(key: Key | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
