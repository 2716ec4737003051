"""The lines by which a box is reached by telephone, as box.toml has them."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from appliance.errors import ConfigError

CREDENTIALS = "$CREDENTIALS_DIRECTORY"
"""How a path begins that names a credential of the service manager's."""


def placed(folder: Path, path: Path | None) -> Path | None:
    """Where a file of secrets lies: beside box.toml, at a full path, or among the credentials that systemd
    gives the desk. Commands typed by hand have none, and most need none: reading it fails then."""
    if path is None:
        return None
    if path.parts[:1] == (CREDENTIALS,):
        return Path(os.environ.get("CREDENTIALS_DIRECTORY", CREDENTIALS), *path.parts[1:])
    return folder / path


@dataclass(frozen=True, slots=True)
class Gsm:
    """A GSM modem on USB, with a SIM that callers ring. There may be several, each a [[gsm]] of its own; the
    desk calls by the first that can."""

    name: str = ""
    """What it is called where its state is told; else "gsm", "gsm 2" ..."""
    modem: str = "auto"
    """`auto` finds it on USB by what it is; `simulator` is one that is none, to try the phone without; or the
    modem's family, where `at` and `sound` name its ports: simcom, quectel, huawei."""
    usb: str = ""
    """The USB socket that it is plugged into, as `appliance doctor` tells it: "1-1.3". Where left out, it is
    any that no other [[gsm]] has."""
    at: str = ""
    """Port for commands."""
    sound: str = ""
    """Port for sound; or "card:NAME", where the modem's sound is an ALSA sound card: Quectel's can be."""
    pin_file: Path | None = None
    """A file that holds the SIM's PIN; beside box.toml unless it is a full path."""
    balance: str = ""
    """What is dialled for the money left on the SIM, as "*100#"; `appliance doctor` tells what comes back."""

    def __post_init__(self) -> None:
        if self.modem not in ("auto", "simulator") and not (self.at and self.sound):
            raise ValueError(f"has modem = {self.modem!r} without its ports", "name them: at and sound")

    def beside(self, folder: Path) -> Gsm:
        """With its files beside box.toml."""
        return replace(self, pin_file=placed(folder, self.pin_file))


def named(modems: Sequence[Gsm]) -> tuple[Gsm, ...]:
    """Each with a name of its own. ValueError where it is not certain which SIM is which."""
    named = tuple(
        replace(each, name=each.name or ("gsm" if number == 1 else f"gsm {number}"))
        for number, each in enumerate(modems, 1)
    )
    if len({each.name for each in named}) < len(named):
        raise ValueError("has two modems of the same name", "give each a name of its own", ("gsm",))
    anywhere = [each for each in named if not each.usb and not each.at]
    if len(anywhere) > 1 and any(each.pin_file for each in anywhere):
        wrong = "has several modems, and a PIN that might be said to the wrong one"
        raise ValueError(wrong, "tell each by its socket: usb, as `appliance doctor` shows it", ("gsm",))
    return named


@dataclass(frozen=True, slots=True)
class SipAccount:
    """Who the desk is at a PBX or a provider."""

    user: str
    domain: str
    """May carry a port: "pbx.local:5061"."""
    password_file: Path | None = None
    """A file that holds the password; beside box.toml unless it is a full path."""
    auth_user: str = ""
    """Where the name for the password is another."""
    proxy: str = ""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    encryption: Literal["", "srtp", "srtp-mand", "dtls_srtp"] = ""
    """Of the sound."""
    register: int = 600
    """Seconds between registrations; 0 never, for a trunk by address."""
    keepalive: int = 30
    """Seconds between two OPTIONS by which the desk asks whether the PBX is there; 0 never. One that has
    answered once and answers no more is down, and the next account is called by."""

    def __post_init__(self) -> None:
        if not self.user or not self.domain:
            raise ValueError("has no user or no domain", "they are what stands in sip:user@domain")


@dataclass(frozen=True, slots=True)
class Sip:
    """Calls by SIP."""

    enabled: bool = False
    listen: str = "0.0.0.0:5060"
    """Address and port of SIP itself."""
    interface: str = ""
    """Network interface or address to use; empty: whatever routes."""
    account: tuple[SipAccount, ...] = ()
    peers: tuple[str, ...] = ()
    """Networks from which calls and their sound are taken, as "192.168.1.0/24"; all others get no answer.
    Empty: any."""
    ca_file: Path | None = None
    """Certificates of those who vouch for a PBX that is reached by TLS, or its own; beside box.toml unless it
    is a full path. Without one, those that Debian trusts."""
    calls: int = 4
    """Calls at the same time, though never more than the box is found to serve, soon after its start."""
    busy: Literal["line", "refuse"] = "line"
    """What callers beyond that get: a line that says so, or the busy signal (486)."""
    a_minute: int = 6
    """Calls that one caller may begin in a minute."""
    rtp_ports: tuple[int, ...] = (10_000, 10_999)
    """First and last port for sound."""

    def __post_init__(self) -> None:
        for peer in self.peers:
            try:
                ipaddress.IPv4Network(peer, strict=False)
            except ValueError as error:
                raise ValueError(
                    f"has the peer {peer!r}, which is no network", "write it like 192.168.1.0/24"
                ) from error
        if not host_of(self.listen):
            raise ValueError(f"has listen = {self.listen!r}", 'an address and a port, like "0.0.0.0:5060"')
        if len(self.rtp_ports) != 2 or not 1024 <= self.rtp_ports[0] < self.rtp_ports[1] < 65_536:
            raise ValueError(
                f"has rtp_ports = {list(self.rtp_ports)}", "two of 1024 to 65535, the lower first"
            )
        if not 1 <= self.calls <= 64:
            raise ValueError(f"has calls = {self.calls}", "1 to 64")

    def beside(self, folder: Path) -> Sip:
        """With its files beside box.toml."""
        accounts = tuple(
            replace(each, password_file=placed(folder, each.password_file)) for each in self.account
        )
        return replace(self, account=accounts, ca_file=folder / self.ca_file if self.ca_file else None)


def secret(path: Path | None) -> str:
    """What a file of secrets holds; nothing without a file. Raises ConfigError where it cannot be read."""
    if not path:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        mend = "check the name and its rights"
        if path.parts[:1] == (CREDENTIALS,):
            mend = "only the service has credentials: let systemd start the desk"
        raise ConfigError(f"{path}: the secret cannot be read", mend) from error


def host_of(address: str, least: int = 1) -> str:
    """Of HOST:PORT; empty where it is no such thing. `least`: the lowest port that will do; 0 is any that is
    free."""
    host, _, port = address.rpartition(":")
    fits = port.isascii() and port.isdigit() and least <= int(port) < 65_536
    return host.strip("[]") if fits else ""
