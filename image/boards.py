"""The boards there are, and what fixes the bits of their images: boards.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMAGE = Path(__file__).resolve().parent
SOURCE = IMAGE.parent


@dataclass(frozen=True)
class Board:
    """image/boards.toml says what each is."""

    name: str
    arch: str
    """Debian's name of the architecture."""
    kernel: str
    packages: tuple[str, ...]
    dtbs: tuple[str, ...]
    """Which of the kernel's device trees lie in the boot slot."""
    early: tuple[str, ...]
    """Drivers without which the initramfs finds no system."""
    config: str
    """config.txt of the boot slot."""

    @property
    def machine(self) -> str:
        return {"arm64": "aarch64", "amd64": "x86_64"}[self.arch]


@dataclass(frozen=True)
class Pins:
    """What fixes the bits besides the source: see image/boards.toml."""

    suite: str
    mirror: str
    epoch: int
    packages: tuple[str, ...]
    newer_suite: str
    newer: tuple[str, ...]
    """Packages that come from another suite, and nothing else does."""


def read() -> tuple[dict[str, Board], Pins]:
    told = tomllib.loads((IMAGE / "boards.toml").read_text())
    boards = {name: _board(name, table) for name, table in told.pop("board").items()}
    return boards, Pins(packages=tuple(told.pop("packages")), newer=tuple(told.pop("newer")), **told)


def _board(name: str, table: dict[str, Any]) -> Board:
    told: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    return Board(name, **told)
