"""How a box becomes one of a fleet: by a claim code or a bulk certificate that was made for it. Its key is
made here and never leaves the box; the code tells by which certificate the fleet is known, so nobody stands
between."""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.errors import ApplianceError
from appliance.system.writing import PRIVATE, write
from appliance.telemetry.identity import private, request
from appliance.telemetry.wire import DEVICE

SECRET = 10
"""Bytes of a code that are secret; the others begin the fingerprint of the fleet's certificate."""

PATIENCE = 20
LARGEST = 64 << 10


def enrol(code: str, server: str, folder: Path) -> str:
    """Fetch a certificate from a server (host:port) by a claim code, and put all that a box needs into a
    folder. What is to be written into box.toml. ApplianceError where it does not come to that."""
    secret, mark = _read(code)
    authority = _authority(server, mark)
    key = ec.generate_private_key(ec.SECP256R1())
    asked = {"code": base64.b32encode(secret).decode(), "request": request(key).decode()}
    return _enrol(asked, server, folder, authority, key)


def enrol_in_bulk(bulk: Path, name: str, server: str, folder: Path) -> str:
    """The same by a bulk certificate, as a box of this name."""
    try:
        text = bulk.read_bytes()
        certificate, *_, authority = x509.load_pem_x509_certificates(text)
        signing = serialization.load_pem_private_key(text, None)
        assert isinstance(signing, ec.EllipticCurvePrivateKey)
    except (OSError, ValueError, AssertionError) as error:
        raise ApplianceError(
            f"{bulk} is no bulk certificate", "it is what `appliance fleet bulk` has printed"
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    wanted = request(key)
    pem = serialization.Encoding.PEM
    asked = {
        "bulk": certificate.public_bytes(pem).decode(),
        "signature": base64.b64encode(signing.sign(wanted, ec.ECDSA(hashes.SHA256()))).decode(),
        "request": wanted.decode(),
        "name": name,
    }
    return _enrol(asked, server, folder, authority.public_bytes(pem).decode(), key)


def _enrol(
    asked: dict[str, str], server: str, folder: Path, authority: str, key: ec.EllipticCurvePrivateKey
) -> str:
    context = ssl.create_default_context(cadata=authority)
    answer = _ask(server, "/enrol", context, json.dumps(asked).encode())
    try:
        told = json.loads(answer)
        device, certificate, signer, port = (
            told[name] for name in ("device", "certificate", "signer", "port")
        )
        known = bool(DEVICE.fullmatch(device)) and 0 < int(port) < 65536
    except (KeyError, TypeError, ValueError) as error:
        raise ApplianceError(f"{server} does not answer as a fleet does") from error
    if not known:
        raise ApplianceError(f"{server} does not answer as a fleet does")
    files = {"ca": authority, "certificate": certificate, "key": private(key).decode(), "signer": signer}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write(folder / f"{name}.pem", str(text), PRIVATE)  # Before what tells that the box is of a fleet.
        # What an earlier life of the box has renewed is nobody's any more.
        for left in folder.glob("certificate.*"):
            if left.suffix in (".renewed", ".next", ".asked"):
                left.unlink()
    except OSError as error:
        raise ApplianceError(f"{folder} cannot be written ({error})", "choose another folder") from error
    host = server.rpartition(":")[0]
    paths = "\n".join(f'{name} = "{folder / name}.pem"' for name in files)
    return f'[fleet]\nenabled = true\nbroker = "{host}:{port}"\ndevice = "{device}"\n{paths}\n'


def _read(code: str) -> tuple[bytes, bytes]:
    try:
        found = base64.b32decode("".join(code.split()).replace("-", "").upper())
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != 2 * SECRET:
        raise ApplianceError("this is no claim code", "it has eight groups of four letters and digits")
    return found[:SECRET], found[SECRET:]


def _authority(server: str, mark: bytes) -> str:
    """The fleet's certificate, which is the one that the code tells of."""
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    text = _ask(server, "/ca", blind)
    try:
        certificate = x509.load_pem_x509_certificate(text)
    except ValueError as error:
        raise ApplianceError(f"{server} does not answer as a fleet does") from error
    if certificate.fingerprint(hashes.SHA256())[:SECRET] != mark:
        raise ApplianceError(
            f"{server} is not the fleet that made this code", "look at the address, and the code"
        )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _ask(server: str, path: str, context: ssl.SSLContext, body: bytes | None = None) -> bytes:
    request = urllib.request.Request(f"https://{server}{path}", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE, context=context) as answer:
            told: bytes = answer.read(LARGEST)
            return told
    except urllib.error.HTTPError as error:
        raise ApplianceError(_why(error.read(LARGEST)) or f"{server} refused: {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ApplianceError(
            f"{server} cannot be reached ({error})", "look at the address: host:port"
        ) from error


def _why(body: bytes) -> str:
    try:
        told: Any = json.loads(body)["wrong"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(told)
