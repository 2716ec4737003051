"""Who is of the fleet: invited by a claim code, enrolled with a key of its own, revoked."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.membership.authority import Authority, Issued
from appliance.fleet.people import audit
from appliance.fleet.people.scope import ALL, Scope
from appliance.fleet.storage.database import Writing
from appliance.telemetry.wire import DEVICE

SECRET = MARK = 10
"""Bytes of a claim code that nobody guesses, and of the authority's fingerprint: by it a box knows the fleet
that it has never seen."""

DAYS = 30
"""For which a claim code is good."""

DAY = 86_400_000
RENEWALS = 5
"""Certificates that a box may ask for in a day (milliseconds)."""


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
        _admit(db, name, site, now, issued)
        audit.record(db, now, audit.ITSELF, "box.enrolled", name, after=issued.serial, site=site)
        return name, issued


def bulk(
    store: Store, authority: Authority, site: str, boxes: int, days: int = DAYS, who: str = audit.ITSELF
) -> str:
    """What so many boxes may enrol by, as one PEM: the bulk certificate, its key, and the fleet's own
    certificate. Whoever has it can have a box of theirs in the fleet: keep it as a password."""
    if not 1 <= boxes <= 100_000 or not 1 <= days <= 365:
        raise ApplianceError("a bulk certificate is for 1 to 100,000 boxes, and 1 to 365 days")
    issued, key = authority.bulk(days)
    now = store.now()
    with store.write() as db:
        db.execute(
            "insert into bulk (serial, site, at, until, uses) values (?, ?, ?, ?, ?)",
            (issued.serial, site, now, now + days * DAY, boxes),
        )
        audit.record(db, now, who, "bulk.made", issued.serial, site=site, boxes=boxes, days=days)
    return (issued.certificate + key + authority.ca.read_bytes()).decode()


def enrol_in_bulk(
    store: Store, authority: Authority, certificate: bytes, signature: bytes, request: bytes, name: str
) -> Issued:
    """The certificate of a box that has signed its request by the key of a bulk certificate. ApplianceError
    where that counts no more, or the name is none or taken."""
    try:
        serial = authority.claims(certificate, signature, request)
    except ValueError as error:
        raise ApplianceError(f"the bulk certificate is not good: {error}") from error
    if not DEVICE.fullmatch(name):
        raise ApplianceError(f"{name!r} is no name of a box", "small letters, digits and hyphens: lobby-1")
    now = store.now()
    with store.write() as db:
        found = db.execute(
            "select site from bulk where serial = ? and revoked is null and until > ? and used < uses",
            (serial, now),
        ).fetchone()
        if not found:
            raise ApplianceError("the bulk certificate is used up, out of date or revoked", "ask for another")
        # One that was revoked comes back by a code of its own: somebody has to want it. Nor is the place of
        # one that was invited anybody else's: two would be one box to the fleet.
        if db.execute(
            """select 1 from box where name = ?
                union select 1 from claim where name = ? and used is null and until > ?""",
            (name, name, now),
        ).fetchone():
            raise ApplianceError(f"the fleet knows a box {name} already", "choose another --as")
        try:
            issued = authority.issue(request, name)
        except ValueError as error:
            raise ApplianceError(f"the signing request is not taken ({error})") from error
        db.execute("update bulk set used = used + 1 where serial = ?", (serial,))
        _admit(db, name, found[0], now, issued)
        audit.record(db, now, audit.ITSELF, "box.enrolled", name, after=issued.serial, bulk=serial)
        return issued


def revoke_bulk(store: Store, serial: str, who: str = audit.ITSELF) -> None:
    """Nobody may enrol by it any more; who has stays. ApplianceError where there is none such."""
    with store.write() as db:
        changed = db.execute(
            "update bulk set revoked = ? where serial = ? and revoked is null", (store.now(), serial)
        )
        if not changed.rowcount:
            raise ApplianceError(f"there is no bulk certificate {serial}")
        audit.record(db, store.now(), who, "bulk.revoked", serial)


def _admit(db: Writing, name: str, site: str, now: int, issued: Issued) -> None:
    [(box,)] = db.execute(
        """insert into box (name, site, since) values (?, ?, ?) on conflict (name) do update set
            site = excluded.site, since = excluded.since, state = 'member', kicked = 0 returning id""",
        (name, site, now),
    )
    _certify(db, box, now, issued)


def _certify(db: Writing, box: int, now: int, issued: Issued, renews: str | None = None) -> None:
    db.execute(
        "insert into certificate (serial, box, at, until, renews) values (?, ?, ?, ?, ?)",
        (issued.serial, box, now, round(issued.until.timestamp() * 1000), renews),
    )


def renew(store: Store, authority: Authority, name: str, request: bytes) -> Issued:
    """A box's certificate for a new key; the one that it has counts until `using` says that the new one is
    in use. ApplianceError where the box is not of the fleet, asks too often, or the request is none."""
    now = store.now()
    with store.write() as db:
        found = db.execute("select id from box where name = ? and state = 'member'", (name,)).fetchone()
        if not found:
            raise ApplianceError(f"there is no box {name} in the fleet")
        [(lately,)] = db.execute(
            "select count(*) from certificate where box = ? and renews is not null and at > ?",
            (*found, now - DAY),
        )
        if lately >= RENEWALS:
            raise ApplianceError(
                f"it has asked for {lately} certificates within a day", "wait until tomorrow"
            )
        try:
            issued = authority.issue(request, name)
        except ValueError as error:
            raise ApplianceError(f"the signing request is not taken ({error})") from error
        old = db.execute(
            "select serial from certificate where box = ? and revoked is null order by at desc limit 1", found
        ).fetchone()
        _certify(db, found[0], now, issued, old[0] if old else "")
        audit.record(db, now, audit.ITSELF, "certificate.renewed", name, old[0] if old else "", issued.serial)
        return issued


def using(store: Store, name: str, serial: str) -> None:
    """A box has come by this certificate: those that it had before count no more. The server that runs tells
    the broker."""
    with store.write() as db:
        found = db.execute(
            """select box.id, certificate.at from certificate join box on box.id = box
                where certificate.serial = ? and name = ? and revoked is null and state = 'member'""",
            (serial, name),
        ).fetchone()
        if found:
            db.execute(
                """update certificate set revoked = ? where box = ? and serial != ? and at <= ?
                    and revoked is null""",
                (store.now(), found[0], serial, found[1]),
            )


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
