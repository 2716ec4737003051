"""Passwords: which are good enough, and how they are kept (argon2id, RFC 9106's choice for small machines:
64 MiB)."""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from appliance.errors import ApplianceError

SHORTEST, LONGEST = 10, 256
"""Letters."""

DIFFERENT = 5
"""Letters that differ, at least."""

USUAL = ("password", "passw0rd", "qwerty", "letmein", "123456", "welcome", "frontdesk", "appliance")
"""What is tried first; a password is more than one of these and a few letters."""

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$cL3lS1a4G5f1zC21aFchkw$mGg6lHTJMKXa1xdN1hlUX3xhZLjxoX+fcd8ws23aUVY"
"""The hash of no password that anybody knows: to look as hard for an account that is not there."""


def check_strength(password: str, name: str) -> None:
    """ApplianceError where a password is too easy to guess."""
    plain = _plain(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise ApplianceError(
            f"the password is too {'short' if len(plain) < SHORTEST else 'long'}",
            f"take {SHORTEST} to {LONGEST} letters",
        )
    left = plain.casefold().replace(name, "")
    for word in USUAL:
        left = left.replace(word, "")
    if len(left) < SHORTEST - 4 or len(set(left)) < DIFFERENT:
        raise ApplianceError("the password is easy to guess", "take four words that have nothing in common")


def hashed(password: str) -> str:
    """Blocking: a tenth of a second, and 64 MiB."""
    return _hasher.hash(_plain(password))


def fits(password: str, hash: str) -> bool:
    """Blocking, as `hashed`."""
    try:
        return _hasher.verify(hash, _plain(password))
    except (VerificationError, InvalidHashError):
        return False


def is_old(hash: str) -> bool:
    """Whether it was made when less was thought enough."""
    return _hasher.check_needs_rehash(hash)


def _plain(password: str) -> str:
    """The same letters, whichever keyboard they come from. Of what is too long in any case only the
    beginning: to bring many accents into order takes time by the square of their number."""
    return unicodedata.normalize("NFKC", password[: 4 * LONGEST].encode("utf-8", "replace").decode())
