"""Sessions: what a browser shows after somebody has entered."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

from appliance.access.ledger import Ledger

IDLE = 2 * 3600.0
"""Seconds without a request after which a session is over ..."""

LONGEST = 12 * 3600.0
"""... as it is after these, whatever happens."""

NOTED = 60.0
"""Seconds between two times that it is written down that a session is used: the disk wears."""

MOST = 16
"""Sessions of one account; the oldest goes."""


class Sessions:
    """Blocking."""

    def __init__(
        self, ledger: Ledger, now: Callable[[], float], idle: float = IDLE, longest: float = LONGEST
    ) -> None:
        self._ledger = ledger
        self._now = now
        self._idle = idle
        self._longest = longest

    def open(self, name: str) -> str:
        """A new session's id, which is written down nowhere; empty where the account is gone."""
        id, now = secrets.token_urlsafe(32), self._now()
        with self._ledger.write() as db:
            db.execute(
                "delete from session where began <= ? or began > ? or seen <= ?",
                (now - self._longest, now + self._idle, now - self._idle),
            )
            found = db.execute(
                """insert into session (hash, account, began, seen)
                    select ?, id, ?, ? from account where name = ? returning account""",
                (hashed(id), now, now, name),
            ).fetchone()
            if not found:
                return ""
            db.execute("update account set seen = ? where id = ?", (now, *found))
            db.execute(
                """delete from session where account = ? and hash not in
                    (select hash from session where account = ? order by began desc limit ?)""",
                (*found, *found, MOST),
            )
        return id

    def find(self, id: str, used: bool = True) -> str | None:
        """Whose session it is; None where it is over, or never was. Not `used`: a page looks by itself
        whether there is something new, and keeps no session open. One that has not begun yet was opened by a
        clock that was wrong, and would last until it is that late."""
        hash, now = hashed(id), self._now()
        rows = self._ledger.read(
            """select account.name, session.seen from session join account on account.id = session.account
                where hash = ? and began > ? and began <= ? and session.seen > ?""",
            hash, now - self._longest, now + self._idle, now - self._idle,
        )  # fmt: skip
        if not rows:
            return None
        name, seen = rows[0]
        if used and now - seen >= NOTED:
            with self._ledger.write() as db:
                db.execute("update session set seen = ? where hash = ?", (now, hash))
        return str(name)

    def end(self, id: str) -> None:
        with self._ledger.write() as db:
            db.execute("delete from session where hash = ?", (hashed(id),))

    def end_all(self, name: str) -> None:
        with self._ledger.write() as db:
            db.execute("delete from session where account = (select id from account where name = ?)", (name,))


def hashed(secret: str) -> bytes:
    """Of what is long and random, a plain hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
