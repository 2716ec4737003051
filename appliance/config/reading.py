"""Reading box.toml and desk.toml: which files they are, and what they come to."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliance.config import given
from appliance.config.box import Box
from appliance.config.desk import DeskFile
from appliance.config.hours import WEEKDAYS, Hours
from appliance.config.strict import TomlFile
from appliance.errors import ConfigError

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).parents[1] / "shipped"
"""The box.toml and desk.toml that stand in for ones that are not there."""

PROGRAM = Path(__file__).parents[2]
"""Folder in which the program and its models lie."""


def read_box(path: Path | None = None) -> tuple[Box, Path]:
    """box.toml and where it stands; without a path, the one in this folder or else the shipped one. Its
    folders are made whole."""
    file = TomlFile(_choose(path, "box.toml"))
    box, models = file.into(Box), None
    folder = beside(file.path)
    if box.fleet.enabled:
        box, models = _with_given(file, box, folder / box.data)
    return replace(
        box,
        data=folder / box.data,
        models=models or PROGRAM / box.models,
        gsm=tuple(modem.beside(folder) for modem in box.gsm),
        sip=box.sip.beside(folder),
        fleet=box.fleet.beside(folder),
        home=box.home.beside(folder),
    ), file.path


def _with_given(file: TomlFile, box: Box, data: Path) -> tuple[Box, Path | None]:
    """With what the fleet has set; without it where it is none, for a box must come up."""
    settings, models = given.over(data)
    try:
        return (file.over(settings).into(Box) if settings else box), models
    except ConfigError as error:
        log.error("the settings of the fleet count for nothing: %s", error)
        return box, models


def read_desk(
    path: Path | None = None, box: Path | None = None, text: str | None = None
) -> tuple[DeskFile, Path]:
    """desk.toml and where it stands; without a path, the one beside the box file or else the shipped one.
    `text` stands in for what is in the file."""
    folder = box.parent if box and box.parent != SHIPPED else Path()
    file = TomlFile(_choose(path, "desk.toml", folder), text)
    desk = file.into(DeskFile)
    papers = str(file.path.absolute().parent / desk.documents) if desk.documents else ""
    actions = _with_hours(desk.actions, desk.hours)
    return replace(desk, digest=digest(file.text), documents=papers, actions=actions), file.path


def desk_path(path: Path | None, box: Path) -> Path:
    """Where the desk file of a box is written: not among those that ship."""
    found = _choose(path, "desk.toml", beside(box))
    return beside(box) / "desk.toml" if found.absolute().parent == SHIPPED else found


def _with_hours(actions: dict[str, dict[str, Any]], hours: Hours | None) -> dict[str, dict[str, Any]]:
    """The calendar's settings with the desk's hours and days off where it has none of its own."""
    if hours is None:
        return actions
    week = {day: list(getattr(hours, day)) for day in WEEKDAYS if getattr(hours, day)}
    calendar = {"hours": week, "closed": list(hours.closed), **actions.get("calendar", {})}
    return {**actions, "calendar": calendar}


def beside(box: Path) -> Path:
    """The folder of the files that belong to a box."""
    return Path.cwd() if box.parent == SHIPPED else box.absolute().parent


def digest(text: str) -> str:
    """What a version of the desk file is called: the first 12 hex digits of its sha256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _choose(path: Path | None, name: str, folder: Path = Path()) -> Path:
    if path is not None:
        return path
    return folder / name if (folder / name).exists() else SHIPPED / name
