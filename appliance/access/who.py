"""Who somebody turned out to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from appliance.access.accounts import Scope


@dataclass(frozen=True, slots=True)
class Who:
    name: str
    """The account's."""
    role: str
    roles: frozenset[str]
    """That role, and all below it."""
    scope: Scope | None = None
    """The groups that it is for; None: for all there is."""
    by: Literal["session", "token", "place"] = "session"
    """How it is known: by having entered, by a token, or by where the request comes from."""

    def may(self, role: str) -> bool:
        """Whether it may do what needs this role."""
        return role in self.roles
