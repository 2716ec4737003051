"""The models in one file, which several systems share."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tomllib
from pathlib import Path

from image.boards import SOURCE, Pins
from image.filesystems import squash
from image.shell import step


def default_models() -> list[str]:
    told = tomllib.loads((SOURCE / "models" / "manifest.toml").read_text())["model"]
    return sorted(name for name, model in told.items() if model.get("default"))


def pack(out: Path, pins: Pins) -> Path:
    """The models in one file, named by what is in it: each system mounts the one that it was made with."""
    told = tomllib.loads((SOURCE / "models" / "manifest.toml").read_text())["model"]
    chosen = {name: told[name] for name in default_models()}
    name = hashlib.sha256(repr(sorted(chosen.items())).encode()).hexdigest()[:12]
    made = out / f"models-{name}.squashfs"
    if not made.exists():
        step("the models")
        folder = out / "models"
        shutil.rmtree(folder, ignore_errors=True)
        for model in chosen:
            if not (SOURCE / "models" / model).is_dir():
                sys.exit(f"models/{model} is not here: .venv/bin/appliance models fetch")
            shutil.copytree(SOURCE / "models" / model, folder / model)
        squash(folder, made, pins, level=6)
        shutil.rmtree(folder)
    return made
