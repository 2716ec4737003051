"""A box takes what its fleet has signed for it, and nothing else."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as some

from appliance.telemetry import bundle as bundles
from appliance.telemetry.bundle import Bundle, Forged
from appliance.telemetry.wire import BadMessage

KEY = Ed25519PrivateKey.generate()
BUNDLE = Bundle("lobby", 7, 1_700_000_000_000, 'name = "Ältere Häuser"\n')
SIGNED = bundles.sign(BUNDLE, KEY)


def test_what_the_fleet_signed_is_taken() -> None:
    assert bundles.verified(SIGNED, KEY.public_key(), "lobby") == BUNDLE


def test_what_is_for_everybody_is_for_any() -> None:
    everybody = Bundle("*", 8, 0, "")
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
