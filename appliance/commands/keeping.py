"""What is typed to encrypt, back up and bring back what a box keeps."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_keeping(commands: Any, hardware: argparse.ArgumentParser, files: argparse.ArgumentParser) -> None:
    """What puts a box's memory elsewhere, and back."""
    encrypt = commands.add_parser(
        "encrypt", parents=[hardware], help="encrypt the data folder, while the desk is stopped"
    )
    encrypt.add_argument(
        "--key-file", type=Path, metavar="FILE", help="where the key lies, or is to lie; else systemd's"
    )
    encrypt.set_defaults(do=_encrypt)

    backup = commands.add_parser(
        "backup", parents=[files], help="back up to a folder, a stick; print the recovery key without one"
    )
    backup.add_argument("place", type=Path, nargs="?", metavar="FOLDER")
    backup.add_argument("--keep", type=int, default=7, metavar="N", help="how many are kept there (7)")
    backup.set_defaults(do=_backup)

    restore = commands.add_parser(
        "restore", parents=[hardware], help="put back a backup; stop the desk first"
    )
    restore.add_argument("place", type=Path, metavar="FOLDER")
    restore.add_argument("--key", type=Path, metavar="FILE", help="with the recovery key; else it is asked")
    restore.add_argument("--at", default="", metavar="NAME", help="which one, by the beginning of its name")
    restore.add_argument("--files", type=Path, metavar="FOLDER", help="where box.toml and desk.toml are put")
    restore.add_argument("--yes", action="store_true", help="do not ask")
    restore.set_defaults(do=_restore)


def _encrypt(arguments: argparse.Namespace) -> int:
    from appliance.config import read_box
    from appliance.observe.encrypting import encrypt

    folder = read_box(arguments.box)[0].data
    print(f"{folder}: {encrypt(folder, arguments.key_file)} files were encrypted")
    return 0


def _backup(arguments: argparse.Namespace) -> int:
    from appliance.commands.backup import backup

    return backup(arguments.place, arguments.keep, arguments.box, arguments.desk)


def _restore(arguments: argparse.Namespace) -> int:
    from appliance.commands.backup import restore

    return restore(
        arguments.place, arguments.key, arguments.at, arguments.yes, arguments.files, arguments.box
    )
