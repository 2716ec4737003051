"""The second factor: six digits from a telephone's app (TOTP, RFC 6238)."""

from __future__ import annotations

import hmac

import pyotp

STEP = 30
"""Seconds for which a code holds."""

AROUND = (0, -1, 1)
"""Steps by which the telephone's clock may be off."""


def secret() -> str:
    """Base 32, 160 bits."""
    return pyotp.random_base32()


def address(secret: str, name: str, house: str) -> str:
    """What the app reads from a picture, or is given by a link."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=house)


def step(secret: str, code: str, now: float) -> int | None:
    """Which step of time a code is of; None where of none that counts now."""
    typed = "".join(code.split()).encode("utf-8", "replace")
    made = pyotp.TOTP(secret)
    found = None
    for off in AROUND:
        at = int(now) // STEP + off
        if hmac.compare_digest(made.generate_otp(at).encode(), typed) and found is None:
            found = at
    return found
