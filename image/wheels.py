"""The Python packages that the lock has, as wheels for the board."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from image.boards import IMAGE, SOURCE, Board
from image.shell import do, pip, step

PROGRAM = "opt/appliance"
PYTHON = "3.13"
GLIBC = range(17, 42)
"""Of which manylinux the wheels may be: trixie has 2.41."""

BY_HAND = ("names", "srt")
"""Packages that the registry has as source only; they are Python alone."""


def install(board: Board, root: Path, out: Path) -> None:
    """The locked Python packages for the board, each checked against its hash; nothing of them runs here."""
    step("Python packages")
    wheels = out / f"wheels-{board.arch}"
    wheels.mkdir(exist_ok=True)
    text = (SOURCE / "requirements.lock").read_text()
    leave_out(wheels, text + (SOURCE / "requirements-llm.lock").read_text())
    lock = re.split(r"\n(?=[a-z])", text)
    by_hand = [part for part in lock if part.partition("==")[0] in BY_HAND]
    requirements = wheels / "requirements.txt"
    platforms = [f"manylinux_2_{minor}_{board.machine}" for minor in GLIBC] + [
        f"manylinux2014_{board.machine}"
    ]
    where = [f"--platform={name}" for name in platforms] + [
        f"--python-version={PYTHON}",
        "--implementation=cp",
    ]
    requirements.write_text("\n".join(part for part in lock if part not in by_hand) + "\n")
    pip("download", "--only-binary=:all:", "--require-hashes", *where, "-r", requirements, "-d", wheels)
    requirements.write_text("\n".join(by_hand) + "\n")
    # By the tools that the lock has: what others would write into them changes from day to day.
    pip("wheel", "--no-build-isolation", "--require-hashes", "--use-pep517", "-r", requirements, "-w", wheels)
    do(SOURCE / ".venv/bin/python", IMAGE / "llama", board.arch, wheels)
    venv = root / PROGRAM / ".venv"
    packages = venv / "lib" / f"python{PYTHON}" / "site-packages"
    packages.mkdir(parents=True)
    # By name: from a file's name pip would note down where on this machine that lay.
    names = ["==".join(wheel.name.split("-")[:2]) for wheel in sorted(wheels.glob("*.whl"))]
    where += [f"--platform=linux_{board.machine}", "--no-index", f"--find-links={wheels}"]
    pip("install", "--no-compile", "--only-binary=:all:", "--target", packages, *where, *names)
    drop_scripts(packages)
    for name in ("numpy", "scipy", "sklearn"):
        for tests in [*(packages / name).rglob("tests")]:  # 34 MB that nothing here runs.
            shutil.rmtree(tests)
    (packages / "appliance.pth").write_text(f"/{PROGRAM}\n")
    (venv / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {PYTHON}\n"
    )
    (venv / "bin").mkdir()
    (venv / "bin" / "python").symlink_to(f"/usr/bin/python{PYTHON}")
    command = venv / "bin" / "appliance"
    command.write_text(f'#!/bin/sh\nexec /{PROGRAM}/.venv/bin/python -m appliance "$@"\n')
    command.chmod(0o755)


def drop_scripts(packages: Path) -> None:
    """Nobody calls these programs. Each names the Python that has installed it, and their digests are noted
    down: another checkout would make other bits."""
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for record in packages.glob("*.dist-info/RECORD"):
        files = record.read_text().splitlines(keepends=True)
        record.write_text("".join(file for file in files if not file.startswith("../../bin/")))


def leave_out(wheels: Path, lock: str) -> None:
    """What an earlier build has left there in another version than the lock's."""
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock, re.MULTILINE))
    for wheel in wheels.glob("*.whl"):
        name, version = wheel.name.split("-")[:2]
        if locked.get(name.lower().replace("_", "-")) != version:
            wheel.unlink()
