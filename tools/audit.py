#!/usr/bin/env python3
"""Look for known holes in what the lock files name: by pip-audit where its database answers, else by the list
in tools/advisories.toml. Says which; fails only where a hole was found.

    .venv/bin/python tools/audit.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version
from sbom import LOCKS, locked

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PATIENCE = 90
"""Seconds for the database."""


def main() -> int:
    found: list[str] = []
    for lock in LOCKS:
        asked = by_database(ROOT / lock)
        which = "tools/advisories.toml, for no database answers" if asked is None else "pip-audit"
        holes = by_list(ROOT / lock) if asked is None else asked
        print(f"{lock}: {len(holes) or 'no'} known holes, by {which}")
        found += holes
    for hole in found:
        print(f"  {hole}")
    return 1 if found else 0


def by_database(lock: Path) -> list[str] | None:
    """None where it cannot be asked, or knows none of the packages."""
    how = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    command = [sys.executable, "-m", "pip_audit", *how, "-r", str(lock)]
    try:
        told = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).stdout
        packages = json.loads(told)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        return None
    return [f"{each['name']} {each['version']}: {hole['id']}" for each in known for hole in each["vulns"]]


def by_list(lock: Path) -> list[str]:
    listed = tomllib.loads((HERE / "advisories.toml").read_text())["advisory"]
    return [
        f"{name} {version}: {each['id']}, mended in {each['below']}"
        for name, version, _ in locked(lock)
        for each in listed
        if each["package"] == canonicalize_name(name) and Version(version) < Version(each["below"])
    ]


if __name__ == "__main__":
    sys.exit(main())
