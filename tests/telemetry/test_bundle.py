"""A box takes what its fleet has signed for it, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as some

from appliance.telemetry import bundle as bundles
from appliance.telemetry.bundle import Forged, Manifest, Piece
from appliance.telemetry.wire import BadMessage

KEY = Ed25519PrivateKey.generate()
DESK = Piece("desk", "Ältere Häuser", 9, "a" * 64)
MODEL = Piece("model", "voice/voice.onnx", 1 << 40, "b" * 64)
BUNDLE = Manifest("lobby", 7, 1_700_000_000_000, 3, "Neue Worte", (DESK, MODEL), share=20)
SIGNED = bundles.sign(BUNDLE, KEY)


def test_what_the_fleet_signed_is_taken() -> None:
    assert bundles.verified(SIGNED, KEY.public_key(), "lobby") == BUNDLE


def test_what_is_for_everybody_is_for_any() -> None:
    everybody = Manifest("*", 8, 0, 1)
    assert bundles.verified(bundles.sign(everybody, KEY), KEY.public_key(), "any") == everybody


def test_another_fleet_or_another_box_is_not() -> None:
    with pytest.raises(Forged):
        bundles.verified(SIGNED, Ed25519PrivateKey.generate().public_key(), "lobby")
    with pytest.raises(Forged):
        bundles.verified(SIGNED, KEY.public_key(), "kitchen")


@given(some.integers(0, len(SIGNED) - 1), some.integers(1, 255))
def test_not_a_byte_of_it_can_be_changed(place: int, by: int) -> None:
    changed = bytearray(SIGNED)
    changed[place] ^= by
    try:
        found = bundles.verified(bytes(changed), KEY.public_key(), "lobby")
    except (Forged, BadMessage):
        return
    # What is left is only how the JSON around it is written: an escape, or base64's last bits.
    assert found == BUNDLE
    assert json.loads(changed)["body"] == json.loads(SIGNED)["body"]


@pytest.mark.parametrize(
    "pieces",
    [
        [DESK, DESK],
        [replace(MODEL, name="../../etc/passwd")],
        [replace(MODEL, name="/etc/passwd")],
        [replace(MODEL, name="voice/../../x")],
        [replace(MODEL, name="voice")],
        [replace(MODEL, name="voice/.hidden")],
        [MODEL, replace(MODEL, sha256="c" * 64)],
    ],
)
def test_what_no_bundle_holds_is_refused_though_it_is_signed(pieces: list[Piece]) -> None:
    forged = bundles.sign(replace(BUNDLE, pieces=tuple(pieces)), KEY)
    with pytest.raises(Forged):
        bundles.verified(forged, KEY.public_key(), "lobby")


def test_the_hash_is_of_what_is_in_it() -> None:
    assert replace(BUNDLE, serial=9, device="kitchen", pieces=(MODEL, DESK)).hash == BUNDLE.hash
    assert replace(BUNDLE, pieces=(DESK,)).hash != BUNDLE.hash
