"""`appliance messages`: what callers left for people, and what the desk could not answer."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from appliance import config
from appliance.engines.inline import InlineThread
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store


def messages(box_path: Path | None) -> int:
    """Print both, oldest first, with the time of this place."""
    box, _ = config.read_box(box_path)
    path = box.data / "desk.db"
    store = Store(path) if path.exists() else None
    notebook = Notebook(store, InlineThread()) if store else None
    _show("messages", notebook.messages() if notebook else [])
    print()
    _show("unanswered questions", notebook.questions() if notebook else [])
    if store:
        store.close()
    return 0


def _show(what: str, rows: list[tuple[str, str, str]]) -> None:
    print(f"{len(rows) or 'no'} {what}")
    for _, at, text in rows:
        said = "".join(letter if letter.isprintable() else " " for letter in text)
        print(f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}  {said}")
