"""The updates, signed."""

from __future__ import annotations

import shutil
from pathlib import Path

from image.boards import IMAGE, Board
from image.shell import do, step, write


def both(board: Board, work: Path, out: Path, models: Path, version: str, keys: Path) -> None:
    """The updates: the system with its boot slot; the models by themselves."""
    step("the bundles")
    parts = "[image.rootfs]\nfilename=system.img\n[image.boot]\nfilename=boot.img\n"
    pack(board, version, parts, [work / "system.img", work / "boot.img"], out, keys)
    handler = "[handler]\nfilename=models-handler\n"
    pack(board, models.stem, handler, [models, IMAGE / "models-handler"], out, keys)


def pack(board: Board, version: str, parts: str, contents: list[Path], out: Path, keys: Path) -> None:
    bundle = out / f"{board.name}-{version}.raucb"
    folder = bundle.with_suffix(".contents")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    update = f"[update]\ncompatible=appliance-{board.name}\nversion={version}\n[bundle]\nformat=verity\n"
    write(folder / "manifest.raucm", update + parts)
    for file in contents:
        shutil.copy(file, folder)
    bundle.unlink(missing_ok=True)
    signed = [f"--cert={keys}/sign.cert.pem", f"--key={keys}/sign.key.pem"]
    # What is in it is packed already.
    do("rauc", *signed, "bundle", "--mksquashfs-args=-comp zstd -Xcompression-level 3", folder, bundle)
    shutil.rmtree(folder)
