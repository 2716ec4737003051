"""Commands that are run, files that are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from image.boards import SOURCE


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def replace_link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def wipe(root: Path) -> None:
    """Nothing that is mounted below may be reached by this."""
    if root.exists():
        do("rm", "-rf", "--one-file-system", root)


def pip(*arguments: object) -> None:
    """One of its commands and what follows; never what a package asks for besides."""
    command, *others = arguments
    python = SOURCE / ".venv/bin/python"
    do(python, "-m", "pip", "-qq", "--disable-pip-version-check", command, "--no-deps", *others)


def do(*command: object, environment: dict[str, str] | None = None) -> None:
    words = [str(part) for part in command]
    if subprocess.run(words, stdin=subprocess.DEVNULL, env=environment, check=False).returncode:
        sys.exit(f"This failed: {' '.join(words)}")


def run(*command: object) -> str:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout


def step(words: str) -> None:
    say(f"- {words}")


def say(words: str) -> None:
    print(words, flush=True)
