"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from appliance.errors import StorageError

NEW = ".new"
"""What ends the name of a file that is being written."""


PRIVATE = 0o600
"""Rights: nobody else's."""


def write(path: Path, content: str | bytes, mode: int | None = None) -> None:
    """Put a text or bytes in place of a file, whole or not at all, and on the disk when this returns. A link
    stays a link; the file has the rights `mode`, else those that it had. A device or a pipe is
    written to as it is. OSError where it cannot be done."""
    told = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        with path.open("wb") as taker:
            taker.write(told)
        return
    path = path.resolve()
    beside = path.with_name(f".{path.name}{NEW}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode or 0o666), "wb") as file:
            if mode is None and path.exists():
                mode = path.stat().st_mode & 0o7777
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(told)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder, through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def plain_errors(path: Path, *also: type[Exception]) -> Iterator[None]:
    """What a disk refuses becomes a StorageError; `also`: other errors that mean it, as a database's."""
    refusals: tuple[type[Exception], ...] = (OSError, *also)
    try:
        yield
    except refusals as error:
        raise StorageError(
            f"{path} cannot be read or written ({getattr(error, 'strerror', None) or error})",
            "free some space on the disk, or mend its rights",
        ) from error
