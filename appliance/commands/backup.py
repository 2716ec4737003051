"""`appliance backup` and `appliance restore`: what the box keeps goes to another place, and comes back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from appliance import config
from appliance.errors import ApplianceError, ConfigError
from appliance.memory.store import Store
from appliance.observe.backup import Backup
from appliance.observe.calls import Calls
from appliance.observe.restoring import chosen
from appliance.observe.restoring import restore as restore_snapshot


def backup(place: Path | None, keep: int, box_path: Path | None, desk_path: Path | None) -> int:
    """To a place, while the desk runs or not; without one, the recovery key is printed."""
    box, box_file = config.read_box(box_path)
    if not (box.data / "desk.db").exists():
        raise ApplianceError(f"{box.data} holds nothing", "say where the box is: --box box.toml")
    if keep < 1:
        raise ApplianceError("no snapshot would be kept", "--keep 1, or more")
    with closing(Store(box.data / "desk.db")) as store, closing(Calls(box.data)) as calls:
        one = Backup(box.data, store, calls)
        if place is None:
            print(f"# the recovery key of box {one.identity()[0]}: who has it can read its backups")
            print(one.identity()[1])
            return 0
        known = bool(store.read("select 1 from backup_box"))
        path = one.write(place, _files(box_file, desk_path), keep)
        print(f"{path}: written, and read back")
        if not known:
            print(
                "this box can be lost: print the recovery key with `appliance backup`, and keep it elsewhere"
            )
    return 0


def restore(
    place: Path, key_file: Path | None, at: str, yes: bool, files: Path | None, box_path: Path | None
) -> int:
    """From a place, in place of what is there."""
    box, _ = config.read_box(box_path)
    snapshot = chosen(place, at)
    there = (box.data / "desk.db").exists()
    if not yes and there:
        print(f"{box.data} holds a desk's memory already; {snapshot.stem} would take its place")
        if input("restore, for good? [yes/no] ").strip().lower() != "yes":
            print("nothing was restored")
            return 1
    done = restore_snapshot(snapshot, _identity(key_file, box.data), box.data, files)
    print(", ".join(f"{name}: {count}" for name, count in done.items() if count))
    return 0


def _identity(file: Path | None, data: Path) -> str:
    """From a file, or typed; a box that is whole has its own."""
    if file is None:
        if (data / "desk.db").exists():
            with closing(Store(data / "desk.db")) as store:
                if rows := store.read("select identity from backup_box"):
                    return str(rows[0][0])
        return input("the recovery key: ").strip()
    try:
        lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines()]
        return next(line for line in lines if line.startswith("AGE-SECRET-KEY-"))
    except (OSError, ValueError, StopIteration) as error:
        raise ApplianceError(f"{file} holds no recovery key", "as `appliance backup` prints it") from error


def _files(box_file: Path, desk_path: Path | None) -> tuple[Path, ...]:
    """The files of configuration; secrets are in neither."""
    try:
        return box_file, config.read_desk(desk_path, box_file)[1]
    except ConfigError:  # A desk file with a mistake keeps nobody from making a backup.
        return (box_file,)
