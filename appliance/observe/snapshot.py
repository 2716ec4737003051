"""A snapshot of what a box keeps, as a file: lines of JSON, packed, encrypted by age to the box's recovery
key. Each row that is somebody's is encrypted by the key of its unit besides (`memory/units.py`)."""

from __future__ import annotations

import base64
import json
import secrets
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyrage
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.errors import StorageError
from appliance.memory.sqlite import sqlite3
from appliance.memory.store import Store
from appliance.memory.units import Keys, conversation, unit

FORM = 1
"""Of the lines."""

LEFT_OUT = frozenset(("backup_key", "backup_place", "backup_box", "erasure", "shadow", "sqlite_sequence"))
"""Tables that are no part of it: what they hold is beside it, or of this moment."""

BYTES = "base64"
"""What stands in a line for a value that is bytes."""

Line = dict[str, Any]


def told(desk: Store, calls: Store, keys: Keys, files: tuple[Path, ...]) -> Iterator[Line]:
    """The lines of a new snapshot: each database as it is at one moment, whatever is written meanwhile."""
    count = 0
    for name, store in (("desk.db", desk), ("calls.db", calls)):
        with closing(store.connect()) as db:
            db.execute("begin")
            version = db.execute("pragma user_version").fetchone()[0]
            yield {"form": FORM, "database": name, "version": version}
            ids = dict(db.execute("select number, id from call")) if name == "calls.db" else {}
            for table in _tables(db):
                for row in _rows(db, table):
                    whose = _of_call(table, row, ids) if ids else unit(table, row)
                    row.pop("rowid")
                    count += 1
                    yield _sealed(table, row, whose, keys) if whose else _open(table, row)
    for path in files:
        if path.is_file():
            yield {"file": path.name, "text": path.read_text(encoding="utf-8")}
    yield {"rows": count}


def lines(path: Path, identity: str) -> Iterator[Line]:
    """Of a snapshot. StorageError where it is not whole, or the key is another's."""
    writer = _Writer()
    try:
        with path.open("rb") as file:
            pyrage.decrypt_io(file, writer, [pyrage.x25519.Identity.from_str(identity)])
        yield from writer.lines()
    except (OSError, ValueError, zlib.error, pyrage.DecryptError, pyrage.IdentityError) as error:
        raise StorageError(f"{path} cannot be read ({error})", "give the box's recovery key") from error


def unsealed(line: Line, keys: dict[str, bytes]) -> dict[str, Any] | None:
    """The row of a line; None where its key was thrown away."""
    if "row" in line:
        return _values(line["row"])
    if not (known := keys.get(line["unit"])):
        return None
    sealed = base64.b64decode(line["sealed"])
    try:
        return _values(json.loads(AESGCM(known).decrypt(sealed[:12], sealed[12:], line["table"].encode())))
    except InvalidTag:  # Erased, and talked to again: what was before has another key.
        return None


def _tables(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("select name from sqlite_schema where type = 'table' order by rowid")
    return [name for (name,) in rows if name not in LEFT_OUT]


def _rows(db: sqlite3.Connection, table: str) -> Iterator[Line]:
    columns = [name for _, name, *_ in db.execute(f"pragma table_info({table})")]
    without = table in ("turn", "outbox")  # Those have no rowid.
    for values in db.execute(f"select {'null' if without else 'rowid'}, * from {table}"):
        row = dict(zip(("rowid", *columns), values, strict=True))
        if table == "outbox":  # The words that wait for the fleet are nobody's to keep.
            row["data"] = json.dumps({k: v for k, v in json.loads(row["data"]).items() if k != "text"})
        yield row


def _of_call(table: str, row: Line, ids: dict[int, str]) -> str:
    return conversation(ids[row["number"] if table == "call" else row["call"]])


def _open(table: str, row: Line) -> Line:
    return {"table": table, "row": _plain(row)}


def _sealed(table: str, row: Line, whose: str, keys: Keys) -> Line:
    nonce = secrets.token_bytes(12)
    content = AESGCM(keys.of(whose)).encrypt(nonce, json.dumps(_plain(row)).encode(), table.encode())
    return {"table": table, "unit": whose, "sealed": base64.b64encode(nonce + content).decode()}


def _plain(row: Line) -> Line:
    return {
        name: {BYTES: base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in row.items()
    }


def _values(row: Line) -> Line:
    return {
        name: base64.b64decode(value[BYTES]) if isinstance(value, dict) else value
        for name, value in row.items()
    }


def packed(every: Iterator[Line]) -> Iterator[bytes]:
    packer = zlib.compressobj(6)
    for line in every:
        if packed := packer.compress(json.dumps(line).encode() + b"\n"):
            yield packed
    yield packer.flush()


class Reader:
    """Pieces as a file that is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, most: int = -1) -> bytes:
        while most < 0 or len(self._rest) < most:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        most = len(self._rest) if most < 0 else most
        piece, self._rest = self._rest[:most], self._rest[most:]
        return piece


class _Writer:
    """A file that is written, packed, as lines."""

    def __init__(self) -> None:
        self._packed = bytearray()

    def write(self, piece: bytes) -> int:
        self._packed += piece
        return len(piece)

    def flush(self) -> None:
        pass

    def lines(self) -> Iterator[Line]:
        unpacker, rest = zlib.decompressobj(), b""
        for at in range(0, len(self._packed), 1 << 16):
            rest += unpacker.decompress(self._packed[at : at + (1 << 16)])
            *whole, rest = rest.split(b"\n")
            for line in whole:
                yield json.loads(line)
        for line in (rest + unpacker.flush()).splitlines():
            yield json.loads(line)
