"""Secrets that a house needs as they are, and no hash of them: encrypted, by a key that is not in the same
file (AES-GCM)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from appliance.access.ledger import Ledger
from appliance.errors import StorageError
from appliance.system.keyfile import SIZE, handed, make, read

CREDENTIAL = "appliance.access-key"
"""What systemd calls a key that it hands over for this alone."""

MARK = "sealed:"
"""With what begins that is encrypted."""

NONCE = 12
"""Bytes."""

Key = Callable[[], bytes | None]
"""Where the key of a house comes from; None: from what lies beside its file. It is asked when the key is
needed. StorageError where it is not here."""


class Seal:
    """Of one house. Blocking."""

    def __init__(self, path: Path, key: Key) -> None:
        """`path`: of the file that holds what is sealed."""
        self._key = key
        self._beside = path.with_suffix(".key")

    def sealed(self, secret: str, whose: str) -> str:
        """`whose`: sealed for one, it is no secret of another's."""
        nonce = secrets.token_bytes(NONCE)
        content = _cipher(self._own()).encrypt(nonce, secret.encode(), whose.encode())
        return MARK + base64.b64encode(nonce + content).decode()

    def opened(self, kept: str, whose: str) -> str:
        """StorageError where the key is another."""
        if (secret := _opened(self._own(), kept, whose)) is None:
            raise StorageError("a second factor cannot be read: its key is another", "have an admin drop it")
        return secret

    def settle(self, ledger: Ledger) -> None:
        """Seal what is not, or was by the key beside it while there is a better one now."""
        rows = ledger.read("select id, second, proposed from account")
        kept = [(id, value) for id, *both in rows for value in both if value]
        if all(value.startswith(MARK) for _, value in kept) and not self._beside.exists():
            return
        with ledger.write() as db:
            own = self._own()
            old = read(self._beside) if self._beside.exists() else own
            for id, value in kept:
                plain = _opened(old, value, str(id)) if value.startswith(MARK) else value
                if plain and _opened(own, value, str(id)) is None:
                    for column in ("second", "proposed"):
                        db.execute(
                            f"update account set {column} = ? where id = ? and {column} = ?",
                            (self.sealed(plain, str(id)), id, value),
                        )
        ledger.empty_log()
        if old != own:
            self._beside.unlink(missing_ok=True)

    def _own(self) -> bytes:
        if given := self._key():
            return given
        if file := handed(CREDENTIAL):
            return read(file)
        return read(self._beside) if self._beside.exists() else make(self._beside)


def _opened(key: bytes, kept: str, whose: str) -> str | None:
    try:
        content = base64.b64decode(kept.removeprefix(MARK))
        return _cipher(key).decrypt(content[:NONCE], content[NONCE:], whose.encode()).decode()
    except (InvalidTag, ValueError):
        return None


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), SIZE, None, b"appliance second factor").derive(key))
