"""Where modems are plugged in, and which of them is whose."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Protocol

from appliance.channels.gsm.profiles import families


@dataclass(frozen=True, slots=True)
class Found:
    """A modem that is plugged in."""

    family: str
    at: str
    """Path of the port for commands."""
    sound: str
    """Path of the port for sound."""
    usb: str = ""
    """The USB socket: "1-1.3"."""


class Wanted(Protocol):
    """Which modem is meant, as box.toml has it."""

    @property
    def modem(self) -> str: ...
    @property
    def usb(self) -> str: ...
    @property
    def at(self) -> str: ...
    @property
    def sound(self) -> str: ...


class Plugs:
    """Tells each of `wanted` its own modem. Who had one has it again after replugging, in whatever order they
    come back."""

    def __init__(self, wanted: Sequence[Wanted], simulators: Path) -> None:
        self._wanted = wanted
        self._simulators = simulators
        self._had: dict[int, str] = {}
        """The socket of each that was found."""

    def find(self, number: int) -> Found | None:
        """Where the modem of that number is now."""
        wanted = self._wanted[number]
        if wanted.modem not in ("auto", "simulator"):
            found = Found(wanted.modem, wanted.at, wanted.sound)
            return found if Path(found.at).exists() else None
        there = {each.usb: each for each in self._there(wanted.modem)}
        others = {each.usb for at, each in enumerate(self._wanted) if at != number and each.usb}
        others |= {usb for at, usb in self._had.items() if at != number}
        free = [usb for usb in there if usb not in others]
        mine = self._had.get(number, "")
        usb = wanted.usb or (mine if mine in there else next(iter(free), ""))
        if usb not in there:
            return None
        self._had[number] = usb
        return replace(there[usb], sound=wanted.sound or there[usb].sound)

    def _there(self, modem: str) -> list[Found]:
        return simulated(self._simulators) if modem == "simulator" else plugged_in()


def plugged_in() -> list[Found]:
    """The modems on USB, by what they are: a ttyUSB number means nothing, it changes with each plugging."""
    from serial.tools import list_ports

    ports: dict[tuple[str, str], dict[int, str]] = {}
    try:
        listed = list_ports.comports()
    except TypeError:  # One vanished as pyserial looked at it, which then takes nothing for its number.
        return []
    for port in listed:
        if port.vid is None or port.location is None:
            continue
        where, colon, interface = port.location.partition(":")
        number = interface.rpartition(".")[2] if colon else ""
        if number.isdigit():
            ports.setdefault((where, f"{port.vid:04x}:{port.pid:04x}"), {})[int(number)] = port.device
    return [
        Found(name, numbers[kind.at], numbers[kind.sound], where)
        for (where, usb), numbers in sorted(ports.items())
        for name, kind in families().items()
        if usb in kind.usb and kind.at in numbers and kind.sound in numbers
    ]


def simulated(root: Path) -> list[Found]:
    """The simulated modems that are plugged in and alive: a link that one left behind when it was killed may
    lead to somebody's terminal."""
    return [
        Found(folder.name.rpartition("-")[0], str(folder / "at"), str(folder / "sound"), folder.name)
        for folder in sorted(root.glob("*-*"))
        if (folder / "at").exists() and _alive(folder)
    ]


def socket_for(root: Path, family: str) -> tuple[Path, int]:
    """A folder for a simulated modem, and what holds it: a descriptor, to be left open."""
    for number in count(1):
        folder = root / f"{family}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return folder, held
        except BlockingIOError:
            os.close(held)
    raise AssertionError


def _alive(folder: Path) -> bool:
    """Whether somebody holds it."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
