"""The models on this box: where they lie, and whether they are whole."""

from __future__ import annotations

from pathlib import Path

from appliance.errors import ModelError

ROOT = Path(__file__).resolve().parent.parent / "models"


def directory(name: str, root: Path | None = None) -> Path:
    """The folder of a model's files; ModelError where the model is not here or not whole."""
    folder = (root or ROOT) / name
    if not folder.is_dir():
        raise ModelError(f"the model {name} is not here", f"run `appliance models fetch {name}`")
    return folder
