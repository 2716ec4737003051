"""How a box becomes one of a fleet: by the claim code that was made for it. Its key is made here and never
leaves the box; the code tells by which certificate the fleet is known, so nobody stands between."""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.errors import ApplianceError
from appliance.telemetry.wire import DEVICE

SECRET = 10
"""Bytes of a code that are secret; the others begin the fingerprint of the fleet's certificate."""

PATIENCE = 20
LARGEST = 64 << 10


def enrol(code: str, server: str, folder: Path) -> str:
    """Fetch a certificate from a server (host:port) and put all that a box needs into a folder. What is to be
    written into box.toml. ApplianceError where it does not come to that."""
    secret, mark = _read(code)
    authority = _authority(server, mark)
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "box")]))
        .sign(key, hashes.SHA256())
    )
    asked = {
        "code": base64.b32encode(secret).decode(),
        "request": request.public_bytes(serialization.Encoding.PEM).decode(),
    }
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
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files = {"ca": authority, "certificate": certificate, "key": private.decode(), "signer": signer}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            _write(folder / f"{name}.pem", str(text))
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


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # What tells that the box is of a fleet is on the disk only after it.
