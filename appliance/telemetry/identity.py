"""Who a box is to its fleet: a key and a certificate, and their renewal. A new key is made here, before the
certificate ends; the old one counts until the box has come by the new one."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.system.writing import PRIVATE, plain_errors, write

log = logging.getLogger(__name__)

RENEWED = 2 / 3
"""Share of its life after which a certificate is renewed."""

TRIES = 3
"""Sessions that a new certificate is tried for; then it was no good, and another is asked for."""


def request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A signing request for a key, in PEM; the name is the fleet's to give."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "box")]))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Identity:
    """The two files that box.toml names are what the box has enrolled with, and stay as they are. Beside the
    certificate lie, each with its key in one file, so that no crash can part them: the one in use (.renewed),
    one that has not been used yet (.next), and a key that waits for its certificate (.asked)."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate, self._key = certificate, key
        self._renewed, self._next, self._asked = (
            certificate.with_suffix(f".{name}") for name in ("renewed", "next", "asked")
        )
        self._tries = 0

    def pair(self) -> tuple[Path, Path]:
        """Certificate and key to come by."""
        if self._next.exists():
            return self._next, self._next
        if self._renewed.exists():
            return self._renewed, self._renewed
        return self._certificate, self._key

    @property
    def serial(self) -> str:
        """Of the certificate to come by, in hex; empty where it cannot be read."""
        found = self._read(self.pair()[0])
        return f"{found.serial_number:x}" if found else ""

    @property
    def renewed(self) -> bool:
        """Whether it is another than what the box has enrolled with."""
        return self.pair()[0] != self._certificate

    def due(self, now: datetime | None = None) -> bool:
        """Whether it is time for another."""
        found = self._read(self.pair()[0])
        if found is None or self._next.exists():
            return False
        begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
        return (now or datetime.now(UTC)) > begins + RENEWED * (ends - begins)

    def ask(self) -> bytes:
        """A signing request for a new key, which is kept."""
        try:
            key = serialization.load_pem_private_key(self._asked.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
        except (OSError, ValueError, AssertionError):
            key = ec.generate_private_key(ec.SECP256R1())
            _write(self._asked, private(key))
        return request(key)

    def take(self, certificate: bytes) -> bool:
        """Keep the certificate that was asked for; False where it is for another key than ours."""
        try:
            made = x509.load_pem_x509_certificate(certificate)
            key = serialization.load_pem_private_key(self._asked.read_bytes(), None)
        except (OSError, ValueError):
            return False
        old = self._read(self.pair()[0])
        if made.public_key() != key.public_key() or (old and made.subject != old.subject):
            return False
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        _write(self._next, made.public_bytes(serialization.Encoding.PEM) + private(key))
        self._asked.unlink(missing_ok=True)
        self._tries = 0
        return True

    def came(self) -> None:
        """The box has come by it: a new one is the one from now on."""
        if self._next.exists():
            with plain_errors(self._next):
                self._next.replace(self._renewed)
            log.info("the box has a new certificate")

    def failed(self) -> None:
        """The box could not come by it. A new one that is no good goes."""
        if self._next.exists():
            self._tries += 1
            if self._tries >= TRIES:
                log.error("the new certificate is not taken; the old one goes on")
                self._next.unlink(missing_ok=True)

    def _read(self, path: Path) -> x509.Certificate | None:
        try:
            return x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError) as error:
            log.error("%s cannot be read: %s", path, error)
            return None


def _write(path: Path, content: bytes) -> None:
    with plain_errors(path):
        write(path, content, PRIVATE)
