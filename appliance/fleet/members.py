"""Who is of the fleet: invited by a claim code, enrolled with a key of its own, revoked."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence

from appliance.errors import ApplianceError
from appliance.fleet import audit
from appliance.fleet.authority import Authority, Issued
from appliance.fleet.scope import ALL, Scope
from appliance.fleet.store import Store
from appliance.telemetry.wire import DEVICE

SECRET = MARK = 10
"""Bytes of a claim code that nobody guesses, and of the authority's fingerprint: by it a box knows the fleet
that it has never seen."""

DAYS = 30
"""For which a claim code is good."""


def invite(
    store: Store, authority: Authority, names: Sequence[str], site: str = "", who: str = audit.ITSELF
) -> dict[str, str]:
    """Claim codes for new boxes, by name; each is good once. ApplianceError where a name is none or taken."""
    codes = {}
    with store.write() as db:
        for name in names:
            if not DEVICE.fullmatch(name):
                raise ApplianceError(
                    f"{name!r} is no name of a box", "small letters, digits and hyphens: lobby-1"
                )
            if db.execute("select 1 from box where name = ? and state = 'member'", (name,)).fetchone():
                raise ApplianceError(
                    f"{name} is of the fleet already", "revoke it first, or choose another name"
                )
            secret = secrets.token_bytes(SECRET)
            now = store.now()
            db.execute("delete from claim where name = ? and used is null", (name,))
            db.execute(
                "insert into claim (code, name, site, at, until) values (?, ?, ?, ?, ?)",
                (_hashed(secret), name, site, now, now + DAYS * 86_400_000),
            )
            audit.record(db, now, who, "box.invited", name, site=site)
            codes[name] = written(secret + authority.fingerprint[:MARK])
    return codes


def is_free(store: Store, name: str, scope: Scope) -> bool:
    """Whether who sees these groups may invite a box by this name: it takes what is told of a box that had
    the name before, and the place of one that was invited and has not come."""
    if scope == ALL:
        return True
    known = "select site from box where name = ? union select site from claim where name = ? and used is null"
    return not store.read(f"select site from ({known}) as known where not {scope.sql}", name, name)


def enrol(store: Store, authority: Authority, secret: bytes, request: bytes) -> tuple[str, Issued]:
    """The name and the certificate of the box that has this claim code; its request is in PEM. ApplianceError
    where the code is not good, or the request is none."""
    now = store.now()
    with store.write() as db:
        found = db.execute(
            "select name, site from claim where code = ? and used is null and until > ?",
            (_hashed(secret), now),
        ).fetchone()
        if not found:
            raise ApplianceError("the claim code is not good", "it is good once; ask for another")
        name, site = found
        try:
            issued = authority.issue(request, name)
        except ValueError as error:
            raise ApplianceError(f"the signing request is not taken ({error})") from error
        db.execute("update claim set used = ? where code = ?", (now, _hashed(secret)))
        [(box,)] = db.execute(
            """insert into box (name, site, since) values (?, ?, ?) on conflict (name) do update set
                site = excluded.site, since = excluded.since, state = 'member', kicked = 0 returning id""",
            (name, site, now),
        )
        db.execute("insert into certificate (serial, box, at) values (?, ?, ?)", (issued.serial, box, now))
        audit.record(db, now, audit.ITSELF, "box.enrolled", name, after=issued.serial, site=site)
        return name, issued


def revoke(store: Store, name: str, who: str = audit.ITSELF) -> None:
    """Let a box be none of the fleet any more. The server that runs ends its session; so does the next start.
    ApplianceError where there is none by this name."""
    with store.write() as db:
        found = db.execute("select id from box where name = ? and state = 'member'", (name,)).fetchone()
        if not found:
            raise ApplianceError(f"there is no box {name} in the fleet")
        db.execute("update box set state = 'revoked', kicked = 0, online = 0 where id = ?", found)
        db.execute(
            "update certificate set revoked = ? where box = ? and revoked is null", (store.now(), *found)
        )
        audit.record(db, store.now(), who, "box.revoked", name, before="member", after="revoked")


def revoked(store: Store) -> list[str]:
    """Serial numbers of certificates that count no more."""
    return [serial for (serial,) in store.read("select serial from certificate where revoked is not null")]


def written(code: bytes) -> str:
    """A code as people read it: letters and digits in groups of four."""
    text = base64.b32encode(code).decode()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _hashed(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()
