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
from appliance.observe.locked import locked, pieces

PAGE, RESERVED, IV, SALT = 4096, 80, 16, 16
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
    content = path.read_bytes()
    if path.name.endswith("-wal"):
        for at in range(LOG_HEAD, len(content) - FRAME_HEAD - PAGE + 1, FRAME_HEAD + PAGE):
            number = int.from_bytes(content[at : at + 4], "big")
            yield _page(content[at + FRAME_HEAD : at + FRAME_HEAD + PAGE], number == 1, key)
    elif path.name.endswith("-journal"):
        for at in range(SECTOR, len(content) - PAGE - 8 + 1, PAGE + 8):
            number = int.from_bytes(content[at : at + 4], "big")
            yield _page(content[at + 4 : at + 4 + PAGE], number == 1, key)
    elif not path.name.endswith("-shm"):  # What that holds is numbers of pages.
        for at in range(0, len(content) - PAGE + 1, PAGE):
            yield _page(content[at : at + PAGE], at == 0, key)


def _page(page: bytes, first: bool, key: bytes) -> bytes:
    iv = page[PAGE - RESERVED : PAGE - RESERVED + IV]
    cipher = Cipher(AES(key), CBC(iv)).decryptor()
    return cipher.update(page[SALT if first else 0 : PAGE - RESERVED]) + cipher.finalize()
