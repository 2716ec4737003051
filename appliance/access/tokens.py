"""Tokens: by which programs come in. Each is shown once, ends on a day, and may at most what its account
may."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from appliance.access.accounts import Scope, packed, tidy, unpacked
from appliance.access.ledger import Ledger
from appliance.access.sessions import NOTED, hashed
from appliance.errors import ApplianceError

PREFIX = "tok_"
"""By which one sees what was left lying about."""

DAY = 86400.0
DAYS = 365
"""The longest that one holds."""

MOST = 32
"""Of one account."""


@dataclass(frozen=True, slots=True)
class Token:
    """All that is known of one; not the token itself."""

    id: int
    account: str
    label: str
    role: str
    scope: Scope | None
    made: float
    expires: float
    used: float | None


COLUMNS = "token.id, account.name, label, token.role, token.scope, token.made, expires, used"
JOINED = "token join account on account.id = token.account"


class Tokens:
    """Blocking. ApplianceError, in plain words, for whatever cannot be done."""

    def __init__(self, ledger: Ledger, roles: tuple[str, ...], now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._roles = roles
        self._now = now

    def make(
        self, account: str, label: str, role: str, days: float = 90, scope: Iterable[str] | None = None
    ) -> str:
        """The token, which nobody can ask for again."""
        if role not in self._roles:
            raise ApplianceError(f"{role!r} is no role", f"one of: {', '.join(self._roles)}")
        if not 0 < days <= DAYS:
            raise ApplianceError(f"a token does not hold for {days:g} days", f"1 to {DAYS}")
        text, now = PREFIX + secrets.token_urlsafe(32), self._now()
        with self._ledger.write() as db:
            found = db.execute("select id, role from account where name = ?", (tidy(account),)).fetchone()
            if not found:
                raise ApplianceError("there is no such account", "look at the list of accounts")
            if self._roles.index(role) > self._roles.index(found[1]):
                raise ApplianceError("a token may not more than its account", f"{found[1]} at most")
            (count,) = db.execute("select count(*) from token where account = ?", found[:1]).fetchone()
            if count >= MOST:
                raise ApplianceError(f"there are {count} tokens already", "remove one that nobody uses")
            db.execute(
                """insert into token (hash, account, label, role, scope, made, expires)
                    values (?, ?, ?, ?, ?, ?, ?)""",
                (hashed(text), found[0], " ".join(label.split())[:80], role, packed(scope), now,
                 now + days * DAY),
            )  # fmt: skip
        return text

    def all(self, account: str | None = None) -> list[Token]:
        """Of one account, or of all; the newest first."""
        rows = self._ledger.read(
            f"select {COLUMNS} from {JOINED} where ? is null or account.name = ? order by token.id desc",
            account, account,
        )  # fmt: skip
        return [_token(row) for row in rows]

    def find(self, text: str) -> Token | None:
        """None where it has ended, or never was."""
        hash, now = hashed(text), self._now()
        rows = self._ledger.read(f"select {COLUMNS} from {JOINED} where hash = ? and expires > ?", hash, now)
        if not rows:
            return None
        token = _token(rows[0])
        if token.used is None or now - token.used >= NOTED:
            with self._ledger.write() as db:
                db.execute("update token set used = ? where hash = ?", (now, hash))
        return token

    def remove(self, id: int, account: str | None = None) -> None:
        """Where `account` is given, only one of its own."""
        with self._ledger.write() as db:
            gone = db.execute(
                """delete from token where id = ? and (? is null
                    or account = (select id from account where name = ?)) returning id""",
                (id, account, account),
            ).fetchone()
        if not gone:
            raise ApplianceError("there is no such token", "look at the list of tokens")


def _token(row: tuple[Any, ...]) -> Token:
    id, account, label, role, scope, made, expires, used = row
    return Token(id, account, label, role, unpacked(scope), made, expires, used)
