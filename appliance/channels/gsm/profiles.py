"""Families of modems, from profiles.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from appliance.config.strict import TomlFile
from appliance.errors import ConfigError

FILE = Path(__file__).parent / "profiles.toml"

KEYS = "0123456789*#ABCD"
"""What a telephone has to press."""


@dataclass(frozen=True, slots=True)
class Family:
    """What a family of modems does its own way; profiles.toml tells what each field is."""

    what: str
    usb: tuple[str, ...]
    at: int
    sound: int
    begin: tuple[str, ...]
    end: tuple[str, ...]
    heal: str
    keys: str
    over: str
    ready: tuple[str, ...] = ()
    card: tuple[str, ...] = ()
    pause: str = ""
    go_on: str = ""
    rate: int = 8000

    def __post_init__(self) -> None:
        for pattern in (self.keys, self.over, self.pause, self.go_on):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"has {pattern!r}, which is no pattern ({error})", "mend it") from error

    def by_card(self) -> Family:
        """The same, with its sound on a USB sound card. ConfigError where the family has none."""
        if not self.card:
            raise ConfigError(f"{self.what}: its sound is on no sound card", "name a port as sound")
        return replace(self, begin=self.card)

    def key(self, line: str) -> str | None:
        """The key that the caller pressed, if the line tells of one."""
        found = re.match(self.keys, line)
        if not found:
            return None
        key = found[1]
        if len(key) > 1:
            # Quectel tells keys by their ASCII codes.
            key = chr(int(key[:3]))
        return key if key in KEYS else None


@dataclass(frozen=True, slots=True)
class _File:
    family: dict[str, Family]


@cache
def families() -> dict[str, Family]:
    return TomlFile(FILE).into(_File).family


def family(name: str) -> Family:
    """Raises ConfigError for one that is not known."""
    known = families()
    if name not in known:
        raise ConfigError(f"there is no modem family {name!r}", f"the families are {', '.join(known)}")
    return known[name]


def udev_rules() -> str:
    """Rules that keep other programs away from each modem, give its ports names that stay, and the desk the
    right to open them."""
    lines = [
        "# Names GSM modems by what they are: /dev/modem-at and /dev/modem-sound; of several,",
        "# /dev/modem/FAMILY-SOCKET-at and -sound. Made from the families that the desk knows; do not edit.",
        'SUBSYSTEM=="tty", SUBSYSTEMS=="usb", ENV{ID_USB_INTERFACE_NUM}=="", IMPORT{builtin}="usb_id"',
        'SUBSYSTEM=="tty", SUBSYSTEMS=="usb", ENV{ID_PATH}=="", IMPORT{builtin}="path_id"',
    ]
    for name, kind in families().items():
        lines += ["", f"# {kind.what}"]
        for usb in kind.usb:
            vendor, product = usb.split(":")
            lines.append(
                f'SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="{vendor}", '
                f'ATTR{{idProduct}}=="{product}", ENV{{ID_MM_DEVICE_IGNORE}}="1"'
            )
            for what, number in (("at", kind.at), ("sound", kind.sound)):
                lines.append(
                    f'SUBSYSTEM=="tty", ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}", '
                    f'ENV{{ID_USB_INTERFACE_NUM}}=="{number:02x}", GROUP="dialout", MODE="0660", '
                    f'SYMLINK+="modem-{what} modem/{name}-$env{{ID_PATH}}-{what}"'
                )
    return "\n".join([*lines, ""])
