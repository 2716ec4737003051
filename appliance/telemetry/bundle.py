"""What a box should be, signed: made by the fleet, verified by the box. The manifest names the pieces that a
bundle is made of by their sha256; they are fetched afterwards, in parts."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from appliance.errors import ApplianceError
from appliance.telemetry import wire

EVERYBODY = "*"

Kind = Literal["desk", "model", "settings", "system"]

NAME = re.compile(r"[A-Za-z0-9][\w.+-]*(/[A-Za-z0-9_][\w.+-]*)*", re.ASCII)
"""Of a model's file: MODEL/FILE. It lies within the folder of models, wherever that is."""

ONCE: tuple[Kind, ...] = ("desk", "settings", "system")
"""Of which a bundle has one at the most."""

PART = 256 << 10
"""Bytes of a piece that are sent at a time."""


class Forged(ApplianceError):
    """A bundle that this box must not take."""


@dataclass(frozen=True, slots=True)
class Piece:
    kind: Kind
    name: str
    """MODEL/FILE of a model's file; of the others what they are called."""
    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    device: str
    """Whose it is; * is every box's."""
    serial: int
    """Grows with each that is made; a box takes none that is older than the last."""
    made: int
    """Milliseconds since 1970, UTC."""
    version: int
    """Of the bundle. A box takes none that is older than what it has, unless `back` says so."""
    name: str = ""
    """What people call it."""
    pieces: tuple[Piece, ...] = ()
    share: int = 100
    """Percent of conversations that it answers; below 100 it is a candidate beside what the box is."""
    back: bool = False
    undo: int = 0
    """Not 0: the box goes back to what it was before this version, if it has that; there are no pieces."""

    @property
    def hash(self) -> str:
        """Of what it is made of: the same pieces are the same hash, whoever has signed it, and when."""
        told = "\n".join(sorted(f"{each.kind} {each.name} {each.sha256}" for each in self.pieces))
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    def of(self, kind: Kind) -> list[Piece]:
        return [piece for piece in self.pieces if piece.kind == kind]

    @property
    def size(self) -> int:
        """Bytes of its pieces, each once."""
        return sum({piece.sha256: piece.size for piece in self.pieces}.values())


def sign(manifest: Manifest, key: Ed25519PrivateKey) -> bytes:
    """As it goes over the wire."""
    body = wire.pack(asdict(manifest))
    signature = base64.b64encode(key.sign(body)).decode()
    return wire.pack({"body": body.decode(), "signature": signature})


def verified(payload: bytes, key: Ed25519PublicKey, device: str) -> Manifest:
    """The manifest; Forged where another signed it, it is another's, or it names what no bundle holds;
    BadMessage where it is none."""
    outside: Mapping[str, str] = wire.unpack(payload, "desired", wire.LARGEST_DOWN)
    body = outside["body"].encode()
    try:
        key.verify(base64.b64decode(outside["signature"], validate=True), body)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise Forged("what was sent to this box is not signed by its fleet") from error
    manifest = read(wire.unpack(body, "desired-body", wire.LARGEST_DOWN))
    if manifest.device not in (device, EVERYBODY):
        raise Forged(f"what was sent to this box is for {manifest.device}")
    return manifest


def read(inside: Mapping[str, Any]) -> Manifest:
    """A manifest from JSON that its schema has taken. Forged where it names what no bundle holds."""
    known = {name: inside[name] for name in Manifest.__slots__ if name in inside}
    pieces = [Piece(row["kind"], row["name"], row["size"], row["sha256"]) for row in inside.get("pieces", [])]
    manifest = Manifest(**{**known, "pieces": tuple(pieces)})
    for kind in ONCE:
        if len(manifest.of(kind)) > 1:
            raise Forged(f"the bundle has two of the kind {kind}")
    for piece in manifest.of("model"):
        if not NAME.fullmatch(piece.name) or piece.name.count("/") < 1:
            raise Forged(f"a model's file cannot be called {piece.name[:80]!r}")
    if len({piece.name for piece in manifest.of("model")}) < len(manifest.of("model")):
        raise Forged("the bundle has two files of one name")
    return manifest


def read_key(path: Path) -> Ed25519PublicKey:
    """The key by which bundles are verified; ApplianceError where there is none."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ApplianceError(f"{path} is no public key", "run `appliance fleet enrol` again") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ApplianceError(f"{path} is no ed25519 key", "run `appliance fleet enrol` again")
    return key
