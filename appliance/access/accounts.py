"""Accounts: a name, a role, a password, and a second factor where its owner wants one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from appliance.access import passwords, second
from appliance.access.ledger import Ledger
from appliance.access.sealed import Seal
from appliance.errors import ApplianceError, StorageError

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")

Scope = frozenset[str]
"""Names of groups."""


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    role: str
    scope: Scope | None
    """The groups that it is for; None: for all there is."""
    second: bool
    """Whether it needs a second factor."""
    made: float
    """Seconds since 1970, as all times here."""
    seen: float | None
    """When somebody entered by it."""


COLUMNS = "name, role, scope, second is not null, made, seen"
HIGHEST = "select 1 from account where role = ? and scope is null limit 1"


class Accounts:
    """Blocking. ApplianceError, in plain words, for whatever cannot be done."""

    def __init__(self, ledger: Ledger, seal: Seal, roles: tuple[str, ...], now: Callable[[], float]) -> None:
        """`roles`: from the least to the one that may do everything."""
        self._ledger = ledger
        self._seal = seal
        self._roles = roles
        self._now = now

    def add(self, name: str, role: str, password: str, scope: Iterable[str] | None = None) -> None:
        name = tidy(name)
        self.check_new(name, role, password)
        hash = passwords.hashed(password)
        with self._ledger.write() as db:
            if db.execute("select 1 from account where name = ?", (name,)).fetchone():
                raise ApplianceError(f"there is an account {name} already", "take another name")
            db.execute(
                "insert into account (name, role, scope, password, made) values (?, ?, ?, ?, ?)",
                (name, role, packed(scope), hash, self._now()),
            )

    def check_new(self, name: str, role: str, password: str) -> None:
        """Whether an account could be like that."""
        name = tidy(name)
        if not NAME.fullmatch(name):
            raise ApplianceError(f"{name!r} is no name for an account", "letters, digits, and .-_@ within")
        self._check_role(role)
        passwords.check_strength(password, name)

    def all(self) -> list[Account]:
        return [_account(row) for row in self._ledger.read(f"select {COLUMNS} from account order by name")]

    def one(self, name: str) -> Account | None:
        rows = self._ledger.read(f"select {COLUMNS} from account where name = ?", tidy(name))
        return _account(rows[0]) if rows else None

    def claimed(self) -> bool:
        """Whether somebody may do everything."""
        return bool(self._ledger.read(HIGHEST, self._roles[-1]))

    def change(self, name: str, role: str, scope: Iterable[str] | None = None) -> None:
        """Give it another role and scope, from its next request on."""
        self._check_role(role)
        with self._ledger.write() as db, self._somebody_stays(db):
            id = self._must_be(db, name)
            db.execute("update account set role = ?, scope = ? where id = ?", (role, packed(scope), id))

    def set_password(self, name: str, password: str) -> None:
        """Whoever is in by the old one is out."""
        passwords.check_strength(password, tidy(name))
        hash = passwords.hashed(password)
        with self._ledger.write() as db:
            id = self._must_be(db, name)
            db.execute("update account set password = ? where id = ?", (hash, id))
            db.execute("delete from session where account = ?", (id,))

    def remove(self, name: str) -> None:
        """With its sessions and tokens."""
        with self._ledger.write() as db, self._somebody_stays(db):
            db.execute("delete from account where id = ?", (self._must_be(db, name),))

    def propose_second(self, name: str) -> str:
        """The secret of a second factor, which is asked for once `confirm_second` has seen that it works."""
        secret = second.secret()
        with self._ledger.write() as db:
            id = self._must_be(db, name)
            kept = self._seal.sealed(secret, str(id))
            db.execute("update account set proposed = ? where id = ?", (kept, id))
        return secret

    def confirm_second(self, name: str, code: str) -> None:
        with self._ledger.write() as db:
            id = self._must_be(db, name)
            (proposed,) = db.execute("select proposed from account where id = ?", (id,)).fetchone()
            secret = self._seal.opened(proposed, str(id)) if proposed else ""
            step = second.step(secret, code, self._now()) if secret else None
            if step is None:
                raise ApplianceError(
                    "that is not the code", "look at the telephone's clock, and try the next"
                )
            db.execute(
                "update account set second = proposed, proposed = null, last_step = ? where id = ?",
                (step, id),
            )

    def drop_second(self, name: str) -> None:
        with self._ledger.write() as db:
            id = self._must_be(db, name)
            db.execute("update account set second = null, proposed = null where id = ?", (id,))

    def check(self, name: str, password: str, code: str = "") -> str | None:
        """The account's name, where password and code are right. It takes as long where there is no such
        account, and does not tell which of them was wrong. A code counts once. StorageError where the key of
        a second factor is not here."""
        rows = self._ledger.read("select id, password, second from account where name = ?", tidy(name))
        id, hash, sealed = rows[0] if rows else (0, passwords.NOBODY, None)
        known = passwords.fits(password, hash) and bool(rows)
        try:
            secret = self._seal.opened(sealed, str(id)) if sealed else ""
        except StorageError:
            if known:
                raise
            return None
        step = second.step(secret, code, self._now()) if secret else 0
        if not known or step is None:
            return None
        renewed = passwords.hashed(password) if passwords.is_old(hash) else hash
        with self._ledger.write() as db:
            found = db.execute(
                """update account set password = ?, last_step = max(last_step, ?)
                    where id = ? and password = ? and second is ? and (? or last_step < ?) returning name""",
                (renewed, step, id, hash, sealed, sealed is None, step),
            ).fetchone()
        return str(found[0]) if found else None

    def _check_role(self, role: str) -> None:
        if role not in self._roles:
            raise ApplianceError(f"{role!r} is no role", f"one of: {', '.join(self._roles)}")

    def _must_be(self, db: Any, name: str) -> int:
        found = db.execute("select id from account where name = ?", (tidy(name),)).fetchone()
        if not found:
            raise ApplianceError("there is no such account", "look at the list of accounts")
        return int(found[0])

    @contextmanager
    def _somebody_stays(self, db: Any) -> Iterator[None]:
        """Whoever may do everything is not the last one to go."""
        highest = self._roles[-1]
        before = db.execute(HIGHEST, (highest,)).fetchone()
        yield
        if before and not db.execute(HIGHEST, (highest,)).fetchone():
            raise ApplianceError(f"this is the last {highest}", f"make another account {highest} first")


def tidy(name: str) -> str:
    return name.encode("utf-8", "replace").decode().strip().lower()


def packed(scope: Iterable[str] | None) -> str | None:
    return None if scope is None else json.dumps(sorted(scope))


def unpacked(scope: str | None) -> Scope | None:
    return None if scope is None else frozenset(json.loads(scope))


def _account(row: tuple[Any, ...]) -> Account:
    name, role, scope, has_second, made, seen = row
    return Account(name, role, unpacked(scope), bool(has_second), made, seen)
