"""`appliance erase`, `export` and `purge`: what the box holds of a person, and what it holds for too long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from appliance import config
from appliance.errors import ApplianceError
from appliance.memory.store import Store
from appliance.observe.calls import Calls
from appliance.observe.erasing import Eraser


def erase(who: str, yes: bool, box_path: Path | None) -> int:
    """Show what there is of a person, ask, and erase it."""
    with _opened(box_path) as eraser:
        eraser.finish()
        subject = eraser.find(who)
        if subject.under_way:
            print("a conversation is under way and is left as it is: erase again when it is over")
        if not any(subject.counts.values()):
            print(f"there is nothing of {who}")
            return 1
        print(f"of {who} there is: {_told(subject.counts)}")
        if not yes and input("erase it all, for good? [yes/no] ").strip().lower() != "yes":
            print("nothing was erased")
            return 1
        print(f"erased: {_told(eraser.erase(subject))}")
        for place in eraser.behind:
            print(f"not erased yet in the backups in {place}: plug it in, and make a backup to it")
    return 0


def export(who: str, path: Path, box_path: Path | None) -> int:
    """Write what there is of a person to a ZIP."""
    with _opened(box_path) as eraser:
        subject = eraser.find(who)
        if not any(subject.counts.values()):
            print(f"there is nothing of {who}")
            return 1
        print(f"{path}: {_told(eraser.export(subject, path))}")
    return 0


def purge(box_path: Path | None, desk_path: Path | None) -> int:
    """Delete what was kept for as long as the desk file wants it; a desk that runs does so every hour."""
    _, box_file = config.read_box(box_path)
    desk, _ = config.read_desk(desk_path, box_file)
    with _opened(box_path) as eraser:
        print(f"deleted: {_told(eraser.purge(desk.retention)) or 'nothing, all is young enough'}")
    return 0


@contextmanager
def _opened(box_path: Path | None) -> Iterator[Eraser]:
    box, _ = config.read_box(box_path)
    if not (box.data / "desk.db").exists():
        raise ApplianceError(f"{box.data} holds nothing of anybody", "say where the box is: --box box.toml")
    store = Store(box.data / "desk.db")
    calls = Calls(box.data)
    try:
        yield Eraser(box.data, store, calls)
    finally:
        calls.close()
        store.close()


def _told(counts: Mapping[str, int]) -> str:
    """ "1 person, 3 recordings"."""
    return ", ".join(f"{count} {what}{'s' * (count != 1)}" for what, count in counts.items() if count)
