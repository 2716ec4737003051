"""The fleet's own certificate authority: who the server is, who each box is, and who is none any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.access.certificates import (
    SLACK,
    alternative,
    load_key,
    named,
    names_of,
    own_names,
    private,
    self_issued,
    usage,
)
from appliance.errors import ApplianceError
from appliance.system.writing import PRIVATE, write
from appliance.telemetry.wire import DEVICE

YEARS = 20
"""For which the authority and its server are vouched for."""

BOX_YEARS = 2

CLAIMING = x509.ObjectIdentifier("2.25.184093211746239501874521")
"""What a bulk certificate may be used for; an arc that everybody may make up."""


@dataclass(frozen=True, slots=True)
class Issued:
    certificate: bytes
    """PEM."""
    serial: str
    """Hex."""
    until: datetime


class Authority:
    """A folder with its keys and certificates, made where there is none. ApplianceError where it cannot be
    read or written."""

    def __init__(self, folder: Path, names: Sequence[str] = ()) -> None:
        """`names`: host names and addresses by which boxes reach the server, besides this machine's own."""
        self.folder = folder
        self.ca, self._ca_key = folder / "ca.pem", folder / "ca.key"
        self.server, self.server_key = folder / "server.pem", folder / "server.key"
        self.signer, self._signer_key = folder / "signer.pem", folder / "signer.key"
        self.revoked = folder / "revoked.pem"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            if not self.ca.exists():
                self._make()
            self._key = load_key(self._ca_key)
            self._certificate = x509.load_pem_x509_certificate(self.ca.read_bytes())
            self._make_server(names)
            if not self.revoked.exists():
                self.revoke([])
        except (OSError, ValueError) as error:
            raise ApplianceError(
                f"the fleet's keys in {folder} cannot be read or written ({error})",
                "mend the folder's rights, or put back its backup",
            ) from error

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the authority's certificate."""
        return self._certificate.fingerprint(hashes.SHA256())

    @property
    def bundle_key(self) -> Ed25519PrivateKey:
        """What signs what the boxes should be."""
        key = serialization.load_pem_private_key(self._signer_key.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        return key

    def issue(self, request: bytes, device: str) -> Issued:
        """A box's certificate for the key of a signing request (PEM). The name is ours to give, whatever the
        request says. ValueError where it is no request."""
        asked = x509.load_pem_x509_csr(request)
        key = asked.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not asked.is_signature_valid:
            raise ValueError("the request is not signed by a key on an elliptic curve")
        if not DEVICE.fullmatch(device):
            raise ValueError("the name is none of a box")
        until = datetime.now(UTC) + timedelta(days=365 * BOX_YEARS)
        builder = self._builder(device, key, until).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        made = builder.sign(self._key, hashes.SHA256())
        return Issued(made.public_bytes(serialization.Encoding.PEM), f"{made.serial_number:x}", until)

    def bulk(self, days: int) -> tuple[Issued, bytes]:
        """A certificate by which many boxes may enrol, and its key (PEM). It is for nothing else: the broker
        does not take it, for it is no client's."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = datetime.now(UTC) + timedelta(days=days)
        builder = self._builder("Bulk Claim", key.public_key(), until).add_extension(
            x509.ExtendedKeyUsage([CLAIMING]), critical=True
        )
        made = builder.sign(self._key, hashes.SHA256())
        issued = Issued(made.public_bytes(serialization.Encoding.PEM), f"{made.serial_number:x}", until)
        return issued, private(key)

    def claims(self, certificate: bytes, signature: bytes, signed: bytes) -> str:
        """The serial number of the bulk certificate (PEM) by whose key something was signed. ValueError where
        it is none of ours, is out of date, or another's key has signed."""
        found = x509.load_pem_x509_certificate(certificate)
        key = found.public_key()
        try:
            found.verify_directly_issued_by(self._certificate)
            use = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            if CLAIMING not in use or not isinstance(key, ec.EllipticCurvePublicKey):
                raise ValueError("it is none to enrol by")
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, TypeError, x509.ExtensionNotFound) as error:
            raise ValueError("it is not signed as it should be") from error
        if not found.not_valid_before_utc <= datetime.now(UTC) <= found.not_valid_after_utc:
            raise ValueError("it is out of date")
        return f"{found.serial_number:x}"

    def revoke(self, serials: Iterable[str]) -> None:
        """Write the list of the certificates that count no more: these, and no others."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - SLACK)
            # A broker lets nobody in once its list is out of date.
            .next_update(now + timedelta(days=365 * YEARS))
        )
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(now)
            builder = builder.add_revoked_certificate(entry.build())
        revoked = builder.sign(self._key, hashes.SHA256())
        write(self.revoked, revoked.public_bytes(serialization.Encoding.PEM), PRIVATE)

    def _make(self) -> None:
        signer = Ed25519PrivateKey.generate()
        write(self._signer_key, private(signer), PRIVATE)
        write(
            self.signer,
            signer.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
            PRIVATE,
        )
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            self_issued(key, "fleet authority", 365 * YEARS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage(ca=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write(self._ca_key, private(key), PRIVATE)
        write(self.ca, made.public_bytes(serialization.Encoding.PEM), PRIVATE)

    def _make_server(self, names: Sequence[str]) -> None:
        """The server's certificate, made anew where it lacks a name. Its key stays: a program that dies
        between two files would leave a pair that does not fit, and a broker that never starts."""
        wanted = {*names, *own_names()}
        if self.server.exists() and wanted <= names_of(self.server):
            return
        wanted |= names_of(self.server) if self.server.exists() else set()
        if not self.server_key.exists():
            write(self.server_key, private(ec.generate_private_key(ec.SECP256R1())), PRIVATE)
        key = load_key(self.server_key)
        until = datetime.now(UTC) + timedelta(days=365 * YEARS - 1)
        builder = (
            self._builder("fleet-server", key.public_key(), until)
            .add_extension(x509.SubjectAlternativeName([alternative(name) for name in sorted(wanted)]), False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        made = builder.sign(self._key, hashes.SHA256())
        write(self.server, made.public_bytes(serialization.Encoding.PEM), PRIVATE)

    def _builder(self, name: str, key: ec.EllipticCurvePublicKey, until: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - SLACK)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage(ca=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
