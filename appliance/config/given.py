"""What the fleet has given a box beside its own files: settings that lie over box.toml, models, a desk
file. One file says which of it counts, so a box that is killed at any moment has the older or the newer,
whole."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from appliance.errors import ConfigError
from appliance.system.writing import plain_errors, sync, write

log = logging.getLogger(__name__)

TRIES = 2
"""Starts that a box has to come up with what is new; then it goes back."""

SETTABLE = frozenset(("recordings", "engines", "kiosk", "web", "gsm", "sip", "traces", "gpio"))
"""Tables and keys of box.toml that the fleet may set. Who the box is, and where its files lie, is its own."""


@dataclass(frozen=True, slots=True)
class Given:
    version: int = 0
    """Of the bundle; 0 where the fleet has given nothing."""
    serial: int = 0
    hash: str = ""
    name: str = ""
    pieces: tuple[str, ...] = ()
    """Their sha256: what going back may need."""
    settings: bool = False
    models: bool = False
    desk: str = ""
    """A desk file that is still to be put in place: its name in the folder of this version."""
    trial: bool = False
    """Whether the box has not come up well with it yet."""
    tries: int = 0
    off: tuple[str, ...] = ()
    """What was off before."""
    before: dict[str, Any] = field(default_factory=dict)
    """What counted before, as JSON."""


class Shelf:
    """`data` is the box's folder. StorageError where it cannot be read or written."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "given"
        self._file = self.folder / "current.json"

    @property
    def current(self) -> Given:
        try:
            return _given(json.loads(self._file.read_bytes()))
        except FileNotFoundError:
            return Given()
        except (OSError, ValueError, TypeError) as error:
            log.error("what the fleet has given counts as nothing: %s cannot be read (%s)", self._file, error)
            return Given()

    def of(self, given: Given) -> Path:
        """The folder of what belongs to it."""
        return self.folder / f"{given.version}-{given.serial}"

    def lay(self, given: Given, files: Mapping[str, Path | str], models: Path) -> None:
        """Lay out what is to count, under names within its folder: files, which become links, or texts.
        `models`: the folder of the models that the box has already."""
        folder = self.of(given)
        with plain_errors(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for name, content in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, str):
                    write(path, content)
                else:
                    _link(content, path)
            if given.models and models.is_dir():
                (folder / "models").mkdir(exist_ok=True)
                for model in models.iterdir():
                    beside = folder / "models" / model.name
                    if model.is_dir() and not beside.exists():
                        beside.symlink_to(model.resolve())
            _sync(folder)

    def commit(self, given: Given) -> None:
        """From now on it counts."""
        before = asdict(replace(self.current, before={}))
        self._keep(replace(given, before=before))

    def placed(self) -> None:
        """The desk file is where it belongs."""
        self._keep(replace(self.current, desk=""))

    def settled(self) -> None:
        """The box came up well with it. What is older than what it would go back to goes."""
        current = self.current
        self._keep(replace(current, trial=False, tries=0))
        kept = {self.of(current).name, self.of(_given(current.before)).name}
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def back(self, desk: str = "") -> Given:
        """What counted before counts again; `desk`: the text of the desk file then, to be put in place."""
        current = self.current
        before = _given(current.before)
        if desk:
            with plain_errors(self.folder):
                self.of(before).mkdir(parents=True, exist_ok=True)
                write(self.of(before) / "back.toml", desk)
        before = replace(before, desk="back.toml" if desk else "", trial=False)
        self._keep(before)
        return before

    def desk_before(self, given: Given) -> str:
        """The desk file as it was before; empty where it was not changed."""
        path = self.of(given) / "before.toml"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def desk_text(self, given: Given) -> str:
        """The desk file that is still to be put in place."""
        with plain_errors(self.folder):
            return (self.of(given) / given.desk).read_text(encoding="utf-8")

    def starting(self, desk: Path) -> str:
        """The program starts: finish what was cut off, and go back where it does not come up with what is
        new. `desk`: where the desk file belongs. Why it went back; empty where it did not."""
        current, why = self.current, ""
        if current.trial and current.tries >= TRIES:
            why = f"the box did not come up with version {current.version} in {TRIES} starts"
            log.error("%s; it goes back", why)
            current = self.back(self.desk_before(current))
        elif current.trial:
            current = replace(current, tries=current.tries + 1)
            self._keep(current)
        if current.desk:
            with plain_errors(desk):
                write(desk, self.desk_text(current))
            self.placed()
        return why

    def _keep(self, given: Given) -> None:
        with plain_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            write(self._file, json.dumps(asdict(given)))


def over(data: Path) -> tuple[dict[str, Any], Path | None]:
    """The settings that lie over box.toml, and the folder of the models where there are other ones."""
    shelf = Shelf(data)
    current = shelf.current
    folder = shelf.of(current)
    settings: dict[str, Any] = {}
    if current.settings:
        try:
            settings = tomllib.loads((folder / "settings.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            log.error("the settings of the fleet count for nothing: %s", error)
    return settings, folder / "models" if current.models else None


def merged(own: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A file's tables with settings over them, key by key. ConfigError where they set what they may not."""
    for name in settings:
        if name not in SETTABLE:
            raise ConfigError(f"the fleet cannot set {name}", f"one of: {', '.join(sorted(SETTABLE))}")
    return _merged(own, settings)


def _merged(own: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(own)
    for name, value in settings.items():
        mine = found.get(name)
        both = isinstance(value, dict) and isinstance(mine, dict)
        found[name] = _merged(mine, value) if both else value  # type: ignore[arg-type]
    return found


def _given(told: Mapping[str, Any]) -> Given:
    known: dict[str, Any] = {name: told[name] for name in Given.__slots__ if name in told}
    for name in ("pieces", "off"):
        known[name] = tuple(known.get(name, ()))
    return Given(**known)


def _link(content: Path, path: Path) -> None:
    """The same file under another name; a copy where the disk knows none."""
    try:
        os.link(content, path)
    except OSError:
        shutil.copyfile(content, path)
        sync(path)


def _sync(folder: Path) -> None:
    paths: Sequence[Path] = [folder.parent, folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in paths:
        sync(path)
