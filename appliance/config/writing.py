"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from appliance.errors import StorageError

NEW = ".new"
"""What ends the name of a file that is being written."""


def write(path: Path, text: str) -> None:
    """Put a text in place of a file, whole or not at all, and on the disk when this returns; a link stays a
    link, and the file keeps its rights. OSError where it cannot be done."""
    path = path.resolve()
    beside = path.with_name(f".{path.name}{NEW}")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read or written ({error.strerror or error})",
            "free some space on the disk, or mend its rights",
        ) from error
