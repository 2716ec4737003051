"""What a box should be, signed: made by the fleet, verified by the box."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from appliance.errors import ApplianceError
from appliance.telemetry import wire

EVERYBODY = "*"


class Forged(ApplianceError):
    """A bundle that this box must not take."""


@dataclass(frozen=True, slots=True)
class Bundle:
    device: str
    """Whose it is; * is every box's."""
    serial: int
    """Grows with each that is made; a box takes none that is older than the last."""
    made: int
    """Milliseconds since 1970, UTC."""
    desk: str
    """The desk file."""


def sign(bundle: Bundle, key: Ed25519PrivateKey) -> bytes:
    """As it goes over the wire."""
    body = wire.pack(asdict(bundle))
    signature = base64.b64encode(key.sign(body)).decode()
    return wire.pack({"body": body.decode(), "signature": signature})


def verified(payload: bytes, key: Ed25519PublicKey, device: str) -> Bundle:
    """The bundle; Forged where another signed it or it is another's, BadMessage where it is none."""
    outside: Mapping[str, str] = wire.unpack(payload, "desired", wire.LARGEST_DOWN)
    body = outside["body"].encode()
    try:
        key.verify(base64.b64decode(outside["signature"], validate=True), body)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise Forged("what was sent to this box is not signed by its fleet") from error
    inside = wire.unpack(body, "desired-body", wire.LARGEST_DOWN)
    bundle = Bundle(inside["device"], inside["serial"], inside["made"], inside["desk"])
    if bundle.device not in (device, EVERYBODY):
        raise Forged(f"what was sent to this box is for {bundle.device}")
    return bundle


def read_key(path: Path) -> Ed25519PublicKey:
    """The key by which bundles are verified; ApplianceError where there is none."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ApplianceError(f"{path} is no public key", "run `appliance fleet enrol` again") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ApplianceError(f"{path} is no ed25519 key", "run `appliance fleet enrol` again")
    return key
