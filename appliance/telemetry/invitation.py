"""What lets a box into a fleet at its first start, as a signed file on a stick: where the fleet enrols, and a
claim code. Made by the fleet; a box takes none that another has signed or changed."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.errors import ApplianceError

NAME = "enrolment.json"
"""What the file is called on a stick."""

SIGNER = "fleet-signer.pem"
"""The key that it is verified by: in the image, or on the boot partition of a card."""

LARGEST = 16 << 10
"""Bytes of such a file."""


@dataclass(frozen=True, slots=True)
class Invitation:
    server: str
    """host:port of where the fleet enrols."""
    code: str
    """The claim code."""


def sign(invitation: Invitation, key: Ed25519PrivateKey) -> str:
    """As it lies in the file."""
    body = json.dumps({"enrolment": asdict(invitation)})
    return json.dumps({"body": body, "signature": base64.b64encode(key.sign(body.encode())).decode()}) + "\n"


def verified(text: bytes, key: Ed25519PublicKey) -> Invitation:
    """ApplianceError where it is none, or is not signed by that key."""
    try:
        if len(text) > LARGEST:
            raise ValueError
        outside = json.loads(text)
        body, signature = outside["body"].encode(), base64.b64decode(outside["signature"], validate=True)
        key.verify(signature, body)
        inside = json.loads(body)["enrolment"]
        server, code = inside["server"], inside["code"]
        if not (isinstance(server, str) and isinstance(code, str)):
            raise ValueError
    except InvalidSignature as error:
        raise ApplianceError(
            f"{NAME} is not signed by the fleet of this box",
            f"put the fleet's {SIGNER} on the boot partition",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ApplianceError(f"{NAME} is no enrolment file", "`appliance fleet sign` makes one") from error
    return Invitation(server, code)
