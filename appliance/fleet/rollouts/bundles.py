"""The bundles of a fleet: a version each, made of pieces that lie in a folder under their sha256; and what a
box is wished to be, signed."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from appliance.errors import ApplianceError, StorageError
from appliance.fleet.keeping.store import Store
from appliance.fleet.membership.authority import Authority
from appliance.fleet.people import audit
from appliance.fleet.storage.database import Writing
from appliance.system.writing import NEW, sync
from appliance.telemetry.bundle import NAME, Kind, Manifest, Piece, sign
from appliance.telemetry.wire import LARGEST_DOWN

LONGEST = 400_000
"""Characters of a desk file or of settings."""


@dataclass(frozen=True, slots=True)
class Bundle:
    version: int
    name: str
    at: int
    by: str
    pieces: tuple[Piece, ...]

    @property
    def hash(self) -> str:
        return Manifest("*", 0, 0, self.version, pieces=self.pieces).hash

    @property
    def desk(self) -> str:
        """The digest of its desk file; empty where it has none."""
        return next((piece.sha256[:12] for piece in self.pieces if piece.kind == "desk"), "")


class Pieces:
    """A folder. StorageError where the disk does not take it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, kind: Kind, name: str, content: bytes | Path) -> Piece:
        """Have a piece in the folder, whole, whatever is cut off meanwhile and whoever else keeps one."""
        mark, size = hashlib.sha256(), 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _beside(self.folder) as file:
                for part in _parts(content):
                    mark.update(part)
                    size += len(part)
                    file.write(part)
                if not size:
                    raise ApplianceError(f"{name} is empty")
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(self.folder / mark.hexdigest())
            sync(self.folder)
        except OSError as error:
            raise StorageError(f"{name} cannot be kept ({error})", "free some space on the disk") from error
        return Piece(kind, name, size, mark.hexdigest())

    def part(self, sha256: str, offset: int, length: int) -> bytes | None:
        """So much of a piece from a byte on; None where there is no such piece."""
        try:
            with (self.folder / sha256).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except (OSError, ValueError, OverflowError):
            return None


@contextmanager
def _beside(folder: Path) -> Iterator[IO[bytes]]:
    """A file of nobody else's; what is left of it is deleted."""
    with NamedTemporaryFile(dir=folder, prefix=".", suffix=NEW, delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def _parts(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while part := file.read(1 << 20):
            yield part


def make(
    store: Store,
    pieces: Pieces,
    name: str,
    desk: str = "",
    settings: str = "",
    models: Mapping[str, Path] | None = None,
    system: Path | None = None,
    who: str = audit.ITSELF,
) -> Bundle:
    """Keep a bundle, under the next version. `models` are folders, by what the models are called. What can be
    seen to be wrong with it without a box is an ApplianceError."""
    found: list[Piece] = []
    texts: tuple[tuple[Kind, str], ...] = (("desk", desk), ("settings", settings))
    for kind, text in texts:
        if not text:
            continue
        if len(text) > LONGEST:
            raise ApplianceError(f"the {kind} file is too long", f"{LONGEST} characters are sent")
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ApplianceError(f"the {kind} file is no TOML: {error}", "mend that line") from error
        found.append(pieces.keep(kind, f"{kind}.toml", text.encode()))
    for model, folder in (models or {}).items():
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        if not files:
            raise ApplianceError(f"{folder} holds no file", "name the folder of a model")
        for path in files:
            inside = f"{model}/{path.relative_to(folder).as_posix()}"
            if not NAME.fullmatch(inside):
                raise ApplianceError(
                    f"a model's file cannot be called {inside!r}", "letters, digits, dots, hyphens"
                )
            found.append(pieces.keep("model", inside, path))
    if system:
        found.append(pieces.keep("system", system.name[:200], system))
    if not found:
        raise ApplianceError("the bundle is empty", "give it --desk, --settings, --model or --system")
    rows = json.dumps([asdict(piece) for piece in found])
    with store.write() as db:
        at = store.now()
        [(version,)] = db.execute(
            "insert into bundle (at, name, by, pieces) values (?, ?, ?, ?) returning version",
            (at, name[:128], who, rows),
        )
        made = Bundle(version, name[:128], at, who, tuple(found))
        audit.record(db, at, who, "bundle.made", str(version), after=made.hash, name=made.name)
    return made


def find(store: Store, version: int) -> Bundle:
    """ApplianceError where there is none of that version."""
    for row in store.read("select version, name, at, by, pieces from bundle where version = ?", version):
        return _bundle(row)
    raise ApplianceError(f"there is no bundle {version}", "see `appliance fleet bundles`")


def every(store: Store, most: int = 50, skip: int = 0) -> list[Bundle]:
    """The newest first."""
    rows = store.read(
        "select version, name, at, by, pieces from bundle order by version desc limit ? offset ?", most, skip
    )
    return [_bundle(row) for row in rows]


def told(bundle: Bundle) -> dict[str, Any]:
    """As the outside is told of it; `parts`: bytes by their kind."""
    parts: dict[str, int] = defaultdict(int)
    for piece in bundle.pieces:
        parts[piece.kind] += piece.size
    names = ("version", "name", "at", "by", "hash")
    return {**{name: getattr(bundle, name) for name in names}, "parts": dict(parts)}


def _bundle(row: tuple[Any, ...]) -> Bundle:
    version, name, at, by, pieces = row
    return Bundle(version, name, at, by, tuple(Piece(**each) for each in json.loads(pieces)))


def wish(db: Writing, now: int, authority: Authority, device: str, manifest: Manifest) -> int:
    """Let a box be something, in a transaction that is under way; the number of that wish. ApplianceError
    where there is no such box, or the bundle has too many pieces."""
    desk = next((piece.sha256[:12] for piece in manifest.of("desk")), "")
    [(serial,)] = db.execute(
        """insert into desired (at, device, digest, payload, version) values (?, ?, ?, ?, ?)
            returning serial""",
        (now, device, desk, b"", manifest.version),
    )
    payload = sign(replace(manifest, device=device, serial=serial, made=now), authority.bundle_key)
    if len(payload) > LARGEST_DOWN - 1000:
        raise ApplianceError("the bundle has too many pieces", "leave out files that no engine reads")
    db.execute("update desired set payload = ? where serial = ?", (payload, serial))
    # What else it should be stays: a candidate stands beside it.
    full = desk if manifest.share == 100 and not manifest.undo else None
    undone = "" if manifest.undo else None
    changed = db.execute(
        """update box set wanted = coalesce(?, ?, wanted), wanted_serial = ?
            where name = ? and state = 'member'""",
        (full, undone, serial, device),
    )
    if not changed.rowcount:
        raise ApplianceError(f"there is no box {device} in the fleet")
    return int(serial)


def manifest(bundle: Bundle, share: int = 100, back: bool = False) -> Manifest:
    """Of a bundle, without a box yet."""
    return Manifest("", 0, 0, bundle.version, bundle.name, bundle.pieces, share, back)


def undoing(version: int) -> Manifest:
    """By which a box goes back to what it was before a version."""
    return Manifest("", 0, 0, version, back=True, undo=version)


def send(
    store: Store, authority: Authority, name: str, bundle: Bundle, back: bool = False, who: str = audit.ITSELF
) -> int:
    """Let one box have a bundle; the number of that wish. `back`: even where it has a newer one."""
    with store.write() as db:
        serial = wish(db, store.now(), authority, name, manifest(bundle, back=back))
        audit.record(db, store.now(), who, "bundle.sent", name, after=bundle.hash, version=bundle.version)
    return serial


def send_desk(
    store: Store, authority: Authority, pieces: Pieces, name: str, desk: str, who: str = audit.ITSELF
) -> int:
    """Let one box have a desk file, as a bundle of its own; the number of that wish."""
    if not store.read("select 1 from box where name = ? and state = 'member'", name):
        raise ApplianceError(f"there is no box {name} in the fleet")
    made = make(store, pieces, f"desk file for {name}", desk=desk, who=who)
    return send(store, authority, name, made, who=who)
