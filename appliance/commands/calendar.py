"""`appliance calendar`: the appointments as an iCalendar file, out and in."""

from __future__ import annotations

from pathlib import Path

from appliance import config
from appliance.errors import ApplianceError
from appliance.memory import ics
from appliance.memory.store import Store


def calendar(what: str, path: Path, box_path: Path | None) -> int:
    """`export`: write all that is booked to a file. `import`: take a file in; what it has by the same UID is
    changed, whatever the opening hours say."""
    box, _ = config.read_box(box_path)
    store = Store(box.data / "desk.db")
    try:
        if what == "export":
            ics.publish(store, path)
            print(f"{path} written")
            return 0
        return _load(store, path)
    finally:
        store.close()


def _load(store: Store, path: Path) -> int:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ApplianceError(f"{path} cannot be read ({error.strerror})", "check the name") from error
    found = ics.load(store, text)
    print(f"{found.added} added, {found.changed} changed, {found.cancelled} cancelled")
    for why in found.skipped:
        print(f"left out: {why}")
    return 0
