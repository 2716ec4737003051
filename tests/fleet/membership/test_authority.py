"""The fleet's keys: made once, readable by nobody else, and good for what they say."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.membership import members
from appliance.fleet.membership.authority import Authority

KEY = ec.generate_private_key(ec.SECP256R1())


def request(name: str = "mallory", key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def common_name(certificate: bytes) -> str:
    subject = x509.load_pem_x509_certificate(certificate).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def test_keys_are_made_once_and_are_nobody_elses(tmp_path: Path) -> None:
    first = Authority(tmp_path / "keys")
    assert Authority(tmp_path / "keys").fingerprint == first.fingerprint
    assert all(
        path.stat().st_mode & 0o077 == 0 for path in [tmp_path / "keys", *(tmp_path / "keys").iterdir()]
    )


def test_the_name_is_the_fleets_to_give(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    assert common_name(authority.issue(request("mallory"), "lobby").certificate) == "lobby"


@pytest.mark.parametrize(
    "junk", [b"", b"junk", request()[:200], request(key=rsa.generate_private_key(65537, 2048))]
)
def test_what_is_no_request_gets_no_certificate(tmp_path: Path, junk: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Authority(tmp_path).issue(junk, "lobby")


def test_the_servers_certificate_is_made_anew_for_a_new_name(tmp_path: Path) -> None:
    def names() -> set[str]:
        found = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return {str(name.value) for name in alternatives}

    Authority(tmp_path)
    before = (tmp_path / "server.pem").read_bytes()
    Authority(tmp_path)
    assert (tmp_path / "server.pem").read_bytes() == before
    Authority(tmp_path, ["fleet.example", "192.0.2.7"])
    assert {"fleet.example", "192.0.2.7", "localhost"} <= names()
    # The two are files: a program may die between them.
    for certificate in (before, (tmp_path / "server.pem").read_bytes()):
        (tmp_path / "server.pem").write_bytes(certificate)
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            tmp_path / "server.pem", tmp_path / "server.key"
        )


def test_a_claim_code_runs_out_and_a_newer_one_takes_its_place(tmp_path: Path) -> None:
    now = [1_900_000_000.0]
    store, authority = Store(tmp_path / "fleet.db", lambda: now[0]), Authority(tmp_path / "keys")

    def secret() -> bytes:
        code = members.invite(store, authority, ["lobby"])["lobby"]
        return base64.b32decode(code.replace("-", ""))[: members.SECRET]

    old, late = secret(), secret()
    with pytest.raises(ApplianceError, match="not good"):
        members.enrol(store, authority, old, request())
    now[0] += (members.DAYS + 1) * 86_400
    with pytest.raises(ApplianceError, match="not good"):
        members.enrol(store, authority, late, request())
    with pytest.raises(ApplianceError, match="signing request"):
        members.enrol(store, authority, good := secret(), b"junk")
    name, issued = members.enrol(store, authority, good, request())
    assert (name, common_name(issued.certificate)) == ("lobby", "lobby")
    members.revoke(store, "lobby")
    assert members.revoked(store) == [issued.serial]
    with pytest.raises(ApplianceError, match="no box"):
        members.revoke(store, "lobby")
    store.close()


def test_who_enrols_in_bulk_takes_no_place_of_one_that_was_invited(tmp_path: Path) -> None:
    now = [1_900_000_000.0]
    store, authority = Store(tmp_path / "fleet.db", lambda: now[0]), Authority(tmp_path / "keys")
    pem = members.bulk(store, authority, "North", 5, days=365).encode()
    certificate, key = pem.partition(b"-----BEGIN PRIVATE")[0], serialization.load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    asked = request()
    signature = key.sign(asked, ec.ECDSA(hashes.SHA256()))

    def join(name: str) -> None:
        members.enrol_in_bulk(store, authority, certificate, signature, asked, name)

    members.invite(store, authority, ["lobby"], "South")
    with pytest.raises(ApplianceError, match="knows a box lobby"):
        join("lobby")
    join("kitchen")
    now[0] += (members.DAYS + 1) * 86_400
    join("lobby")
    assert store.read("select name, site from box order by name") == [
        ("kitchen", "North"), ("lobby", "North"),
    ]  # fmt: skip
    store.close()
