"""How often one may guess. It is counted before the guess is looked at, so that guesses side by side count
too; a guess that was right is taken back."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from appliance.errors import ApplianceError

FREE = 4
"""Wrong guesses at one account before one has to wait ..."""

FIRST, LAST = 30.0, 900.0
"""... seconds, and twice as long after each that follows, up to so long."""

FORGOTTEN = 3600.0
"""Seconds after which the wrong guesses at an account are forgotten."""

MINUTE = 60.0
ADDRESS, ALL = 10, 60
"""Guesses a minute from one address, and from all together."""

KEPT = 2048
"""Accounts, and addresses, that are remembered: more than `ALL` lets anybody try while he has to wait."""


class TooOften(ApplianceError):
    def __init__(self, wait: float) -> None:
        self.wait = max(1, math.ceil(wait))
        """Seconds."""
        super().__init__("that was too often", f"wait {_spoken(self.wait)}, then try again")


class Attempts:
    """From this machine itself nobody is kept out by what others try."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._accounts: OrderedDict[tuple[str, bool], tuple[int, float]] = OrderedDict()
        """Wrong guesses, and when the last was."""
        self._addresses: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: dict[bool, deque[float]] = {True: deque(), False: deque()}

    def guess(self, address: str, name: str) -> None:
        """Count one; TooOften where it may not be looked at."""
        now, place, here = self._now(), network(address), is_here(address)
        wrong, last = self._accounts.get((name, here), (0, 0.0))
        if now - last >= FORGOTTEN:
            wrong = 0
        if wrong > FREE and (left := last + min(LAST, FIRST * 2.0 ** (wrong - FREE - 1)) - now) > 0:
            raise TooOften(left)
        recent = self._addresses.setdefault(place, deque())
        self._addresses.move_to_end(place)
        for times, most in ((recent, ADDRESS), (self._all[here], ALL)):
            while times and now - times[0] >= MINUTE:
                times.popleft()
            if len(times) >= most:
                raise TooOften(times[0] + MINUTE - now)
        recent.append(now)
        self._all[here].append(now)
        self._accounts[name, here] = wrong + 1, now
        self._accounts.move_to_end((name, here))
        for kept in (self._accounts, self._addresses):
            while len(kept) > KEPT:
                kept.popitem(last=False)

    def right(self, address: str, name: str) -> None:
        """The guess was no guess."""
        self._accounts.pop((name, is_here(address)), None)
        self._addresses.pop(network(address), None)


def network(address: str) -> str:
    """What counts as one address: of IPv6, what one household is given."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)


def is_here(address: str) -> bool:
    """Whether it is this machine's own."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(known, "ipv4_mapped", None)
    return bool((mapped or known).is_loopback)


def _spoken(seconds: int) -> str:
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
