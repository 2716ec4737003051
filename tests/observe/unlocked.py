"""The raw bytes of an encrypted data folder, decrypted: every page of every database and every frame of every
log, free and old ones too, whether SQLite would still look at them or not.

The form of a page is SQLCipher 4's: at its end an IV of 16 bytes and 64 bytes of a digest; before that
AES-256-CBC; the first page of a file begins with 16 bytes of salt. https://www.zetetic.net/sqlcipher/design/"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from appliance.memory.key import derived, key_of
from appliance.memory.sqlite import PAGE, WIDE
from appliance.observe.locked import locked, pieces

RESERVED, IV, SALT = 80, 16, 16
LOG_HEAD, FRAME_HEAD = 32, 24
SECTOR = 512


def unlocked(folder: Path) -> dict[str, bytes]:
    """What is in each file of a data folder, by its path in there."""
    key = key_of(folder)
    assert key
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            name = str(path.relative_to(folder))
            if ".db" in path.name:
                found[name] = b"".join(_pages(path, derived(key, "databases")))
            elif path.parent.name == "recordings" and locked(path):
                found[name] = b"".join(pieces(path))
            else:
                found[name] = path.read_bytes()
    return found


def _pages(path: Path, key: bytes) -> Iterator[bytes]:
    content, size = path.read_bytes(), WIDE if path.name.startswith("recall.db") else PAGE
    if path.name.endswith("-wal"):
        for at in range(LOG_HEAD, len(content) - FRAME_HEAD - size + 1, FRAME_HEAD + size):
            number = int.from_bytes(content[at : at + 4], "big")
            yield _page(content[at + FRAME_HEAD : at + FRAME_HEAD + size], number == 1, key)
    elif path.name.endswith("-journal"):
        for at in range(SECTOR, len(content) - size - 8 + 1, size + 8):
            number = int.from_bytes(content[at : at + 4], "big")
            yield _page(content[at + 4 : at + 4 + size], number == 1, key)
    elif not path.name.endswith("-shm"):  # What that holds is numbers of pages.
        for at in range(0, len(content) - size + 1, size):
            yield _page(content[at : at + size], at == 0, key)


def _page(page: bytes, first: bool, key: bytes) -> bytes:
    end = len(page) - RESERVED
    iv = page[end : end + IV]
    cipher = Cipher(AES(key), CBC(iv)).decryptor()
    return cipher.update(page[SALT if first else 0 : end]) + cipher.finalize()
