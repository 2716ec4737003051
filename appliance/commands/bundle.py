"""`appliance doctor --bundle`: what support needs to see of a box, in a ZIP, without anything that anybody
said or is called."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import tomlkit

from appliance import __version__, config
from appliance.commands.doctor import examine
from appliance.errors import StorageError
from appliance.memory.store import Store
from appliance.observe.calls import Calls
from appliance.observe.otlp import request
from appliance.observe.trace import spans

TRACES = 50
"""The newest calls whose traces are in it."""

LOG_LINES = 2000

SECRET = re.compile(r"pin|password|secret|token|user|domain|proxy|number|to", re.IGNORECASE)
"""In the names of those settings of box.toml that are nobody's business."""

LOGIN = re.compile(r"//[^/@]*@")
"""Of an address."""


def bundle(path: Path, box_path: Path | None, desk_path: Path | None) -> int:
    """Write it, and say what is in it."""
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, text in _contents(box_path, desk_path):
                file.writestr(name, text)
                print(f"{path}: {name}")
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror})", "choose another place") from error
    return 0


def _contents(box_path: Path | None, desk_path: Path | None) -> Iterator[tuple[str, str]]:
    findings = [asdict(finding) for finding in examine(box_path, desk_path)]
    yield "findings.json", _json(findings)
    yield "versions.json", _json(_versions())
    box, box_file = config.read_box(box_path)
    yield "box.toml", tomlkit.dumps(discreet(tomllib.loads(box_file.read_text(encoding="utf-8-sig"))))
    desk, _ = config.read_desk(desk_path, box_file)
    yield "desk.json", _json({"version": desk.digest, "facts": len(desk.fact), "flows": len(desk.flow)})
    if (box.data / "desk.db").exists():
        yield "tables.json", _json(_tables(box.data / "desk.db"))
        yield "traces.json", _json(_traces(box.data))
    files = {str(each.relative_to(box.data)): each.stat().st_size for each in _files(box.data)}
    yield "files.json", _json({"bytes": files, "free": shutil.disk_usage(box_file.parent).free})
    yield "log.txt", _log()


def discreet(setting: Any, name: str = "") -> Any:
    """A setting, however it is written, without what is nobody's business; comments are left out."""
    match setting:
        case dict():
            return {key: discreet(each, key) for key, each in setting.items()}
        case list():
            return [discreet(each, name) for each in setting]
        case str() if not SECRET.search(name):
            return LOGIN.sub("//...@", setting)
    return "..." if SECRET.search(name) else setting


def _versions() -> dict[str, Any]:
    packages = {each.name: each.version for each in metadata.distributions()}
    return {
        "appliance": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "packages": dict(sorted(packages.items())),
    }


def _tables(path: Path) -> dict[str, Any]:
    """How many rows each table has, what the receipts say, and whether the file is whole."""
    try:
        store = Store(path)
        try:
            return _counted(store)
        finally:
            store.close()
    except StorageError as error:
        return {"wrong": str(error)}


def _counted(store: Store) -> dict[str, Any]:
    tables = [name for (name,) in store.read("select name from sqlite_schema where type = 'table'")]
    counts = {name: store.read(f'select count(*) from "{name}"')[0][0] for name in tables}
    receipts = store.read("select at, what, counts from receipt order by id desc limit 50")
    whole = store.read("pragma quick_check")[0][0]
    return {"rows": counts, "receipts": receipts, "whole": whole}


def _traces(data: Path) -> dict[str, Any]:
    """As a collector would get them: times, and the names of facts, flows and actions."""
    try:
        calls = Calls(data)
        try:
            page = calls.page(count=TRACES)
            return request([(call, spans(call, calls.turns(call.number))) for call in page])
        finally:
            calls.close()
    except StorageError as error:
        return {"wrong": str(error)}


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


def _log() -> str:
    """What the service logged; log lines hold nothing that anybody said."""
    command = ["journalctl", "--unit", "appliance", "--lines", str(LOG_LINES), "--no-pager"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no log: {error}"


def _json(what: Any) -> str:
    return json.dumps(what, ensure_ascii=False, indent=1, default=str)
