"""A house: all by which one page knows who may what."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from appliance.access.accounts import Accounts, Scope, tidy
from appliance.access.attempts import Attempts
from appliance.access.ledger import Ledger
from appliance.access.pairing import Pairing
from appliance.access.sealed import Key, Seal
from appliance.access.sessions import IDLE, LONGEST, Sessions
from appliance.access.tokens import PREFIX, Tokens
from appliance.access.who import Who
from appliance.errors import ApplianceError, StorageError

log = logging.getLogger(__name__)


class House:
    """Its parts block, and are for threads; what is a coroutine here is for the page."""

    def __init__(
        self,
        path: Path,
        roles: tuple[str, ...],
        name: str = "desk",
        now: Callable[[], float] = time.time,
        idle: float = IDLE,
        longest: float = LONGEST,
        key: Key = lambda: None,
    ) -> None:
        """`path`: its SQLite file. `roles`: from the least to the one that may do everything. `name`: of its
        cookie, and in a telephone's app; no other house of the machine has it. `key`: by which
        second factors are sealed."""
        self.name = name
        self.roles = roles
        self._ledger = Ledger(path)
        seal = Seal(path, key)
        try:
            seal.settle(self._ledger)
        except StorageError as error:  # It keeps nobody else out.
            log.warning("%s", error)
        self.accounts = Accounts(self._ledger, seal, roles, now)
        self.sessions = Sessions(self._ledger, now, idle, longest)
        self.tokens = Tokens(self._ledger, roles, now)
        self.attempts = Attempts()
        self.pairing = Pairing()
        self._checking = asyncio.Lock()
        """One password at a time: each takes 64 MiB."""

    async def enter(self, address: str, name: str, password: str, code: str = "") -> str:
        """The id of a session; ApplianceError for who does not know the words, TooOften for who guesses."""
        await self.prove(address, name, password, code)
        return await asyncio.to_thread(self.sessions.open, tidy(name))

    async def prove(self, address: str, name: str, password: str, code: str = "") -> None:
        """Raises as `enter`."""
        self.attempts.guess(address, tidy(name))
        async with self._checking:
            known = await asyncio.to_thread(self.accounts.check, name, password, code)
        if known is None:
            log.warning("somebody at %s did not know name, password or code", address)
            raise ApplianceError(
                "name, password or code is wrong", "each code counts once: wait for the next"
            )
        self.attempts.right(address, known)

    async def pair(self, address: str, code: str, name: str, password: str) -> str:
        """Make the first admin, for who knows the code; the id of a session."""
        self.attempts.guess(address, "")
        async with self._checking:
            await asyncio.to_thread(self._pair, code, name, password)
        self.attempts.right(address, "")
        log.info("the page has its first %s", self.roles[-1])
        return await asyncio.to_thread(self.sessions.open, tidy(name))

    def _pair(self, code: str, name: str, password: str) -> None:
        if self.accounts.claimed():
            raise ApplianceError(f"there is an {self.roles[-1]} already", "let them make you an account")
        self.accounts.check_new(name, self.roles[-1], password)
        self.pairing.use(code)
        self.accounts.add(name, self.roles[-1], password)

    def spoken_code(self) -> str:
        """The code by which the first admin is made; nothing where there is one."""
        return "" if self.accounts.claimed() else self.pairing.code()

    async def known(self, session: str, token: str, used: bool = True) -> Who | None:
        """Whose session or token it is; `used` as for sessions."""
        if not session and not token:
            return None
        return await asyncio.to_thread(self._known, session, token, used)

    def _known(self, session: str, token: str, used: bool) -> Who | None:
        if token.startswith(PREFIX):
            if not (found := self.tokens.find(token)) or not (account := self.accounts.one(found.account)):
                return None
            role = min(found.role, account.role, key=self.roles.index)
            return self.who(account.name, role, _both(found.scope, account.scope), "token")
        name = self.sessions.find(session, used) if session else None
        account = self.accounts.one(name) if name else None
        return self.who(account.name, account.role, account.scope) if account else None

    def who(
        self,
        name: str,
        role: str,
        scope: Scope | None = None,
        by: Literal["session", "token", "place"] = "session",
    ) -> Who:
        return Who(name, role, frozenset(self.roles[: self.roles.index(role) + 1]), scope, by)

    def close(self) -> None:
        self._ledger.close()


def _both(one: Scope | None, other: Scope | None) -> Scope | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
