"""The box's radio, by the control socket of wpa_supplicant: an access point of its own, then the network that
was chosen there."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from appliance.errors import DeviceError

SOCKET = Path("/run/appliance-wifi/wlan0")

PATIENCE = 5.0
"""Seconds that an answer may take."""

UP = 10.0
"""Seconds in which a radio that was started answers."""

JOINED = 30.0
"""Seconds in which a network is joined, or its password is wrong."""

SCANNED = 4.0
"""Seconds in which the networks around are heard."""

CHANNEL = 2437
"""MHz: channel 6, which is allowed everywhere."""


class Radio:
    """Raises DeviceError where there is none, or it refuses."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wire.settimeout(PATIENCE)
        try:
            self._wire.bind("")  # A name that Linux makes: the answer comes back to it.
            self._wire.connect(str(path))
            self._asked("PING", "PONG")
        except OSError as error:
            self._wire.close()
            raise DeviceError(f"the radio does not answer ({error})", "look at `appliance-wifi`") from error

    @classmethod
    def up(cls, path: Path = SOCKET, wait: Callable[[float], None] = time.sleep) -> Radio:
        """Wait for one that was only just started; its folder is there before its socket."""
        for _ in range(round(UP)):
            if path.exists() or not path.parent.is_dir():
                break
            wait(1.0)
        return cls(path)

    def networks(self) -> list[str]:
        """Names of the networks around, the strongest first; none where they cannot be heard."""
        if self._ask("SCAN").startswith("FAIL"):
            return []
        time.sleep(SCANNED)
        return heard(self._ask("SCAN_RESULTS"))

    def open_point(self, name: str, password: str) -> None:
        """Be an access point, and nothing else."""
        self._network(
            name, password, mode="2", frequency=str(CHANNEL), proto="RSN", pairwise="CCMP", ieee80211w="1"
        )

    def join(self, name: str, password: str, wait: Callable[[float], None] = time.sleep) -> None:
        """Be in this network, and in it after each start; an open one has no password."""
        self._network(name, password, scan_ssid="1")
        for _ in range(round(JOINED)):
            if "wpa_state=COMPLETED" in self._ask("STATUS").splitlines():
                self._asked("SAVE_CONFIG")
                return
            wait(1.0)
        raise DeviceError(f"the network {name} is not joined", "look at its name and its password")

    def forget(self) -> None:
        """Be in no network, now and after each start."""
        self._asked("REMOVE_NETWORK all")
        self._asked("SAVE_CONFIG")

    def close(self) -> None:
        self._wire.close()

    def _network(self, name: str, password: str, **more: str) -> None:
        self._asked("REMOVE_NETWORK all")
        number = self._ask("ADD_NETWORK").strip()
        fields = {"ssid": name.encode().hex(), **more}
        if password:
            fields |= {"key_mgmt": "WPA-PSK", "psk": f'"{password}"'}
        else:
            fields["key_mgmt"] = "NONE"
        for field, value in fields.items():
            self._asked(f"SET_NETWORK {number} {field} {value}")
        self._asked(f"SELECT_NETWORK {number}")

    def _asked(self, what: str, wanted: str = "OK") -> None:
        if not self._ask(what).startswith(wanted):
            # Not the whole: there may be a password in it.
            raise DeviceError(f"the radio refuses {' '.join(what.split()[:3:2])}", "look at what was typed")

    def _ask(self, what: str) -> str:
        if "\n" in what or "\0" in what:
            raise DeviceError("a name or password has a line break", "type it without")
        try:
            self._wire.setblocking(False)
            with suppress(BlockingIOError):
                while True:  # An answer that came too late is none to what is asked now.
                    self._wire.recv(1 << 16)
            self._wire.settimeout(PATIENCE)
            self._wire.send(what.encode())
            return self._wire.recv(1 << 16).decode("utf-8", "replace")
        except OSError as error:
            raise DeviceError(f"the radio does not answer ({error})", "look at `appliance-wifi`") from error


def heard(results: str) -> list[str]:
    """Names in what wpa_supplicant heard: after a head, address, frequency, level, flags, name, by tabs."""
    rows = [line.split("\t") for line in results.splitlines()[1:]]
    known = [(int(row[2]), row[4]) for row in rows if len(row) == 5 and row[2].lstrip("-").isdigit()]
    names = [name for _, name in sorted(known, reverse=True) if name and "\\" not in name]
    return list(dict.fromkeys(names))
