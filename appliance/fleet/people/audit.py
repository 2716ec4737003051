"""Who changed what, and when: rows that are only ever added, each with the hash of the row before it. Whoever
changes, takes out or moves one breaks the chain from there on."""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.storage.database import Writing
from appliance.fleet.storage.tables import NOTHING

ITSELF = "the fleet"
"""Who it was where no person asked for it: a rollout that is rolled back, a box that enrols."""

PIECE = 1_000
"""Rows that are read at a time."""

FIELDS = ("number", "at", "who", "what", "about", "before", "after", "detail", "hash")


@dataclass(frozen=True, slots=True)
class Entry:
    number: int
    """From 1, without a gap."""
    at: int
    """Milliseconds since 1970, UTC."""
    who: str
    what: str
    """A noun and what became of it: box.revoked."""
    about: str
    """Of which box, account, rule."""
    before: str
    after: str
    """Digests of what it was and what it became, or nothing."""
    detail: str
    """JSON."""
    hash: str

    def expected(self, previous: str) -> str:
        """The hash that it should have behind a row with this hash."""
        fields = [getattr(self, name) for name in FIELDS[:-1]]
        return hashlib.sha256(json.dumps([previous, *fields]).encode()).hexdigest()

    def told(self) -> dict[str, Any]:
        moment = datetime.fromtimestamp(self.at / 1000, UTC).isoformat(timespec="milliseconds")
        return {
            **{name: getattr(self, name) for name in FIELDS},
            "detail": json.loads(self.detail),
            "utc": moment.replace("+00:00", "Z"),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    rows: int
    head: str
    """The hash of the last row."""
    wrong: str = ""
    """What is wrong, and where; nothing where the chain holds."""


def record(
    db: Writing,
    now: int,
    who: str,
    what: str,
    about: str = "",
    before: str = "",
    after: str = "",
    **detail: Any,
) -> None:
    """Write a change down, in the transaction of the change. `detail`: what JSON holds, and no secrets."""
    [(number, previous)] = db.execute(
        "update audit_head set number = number + 1 where id = 1 returning number, hash"
    ).fetchall()
    text = json.dumps(detail, sort_keys=True, ensure_ascii=False)
    bare = Entry(number, now, who, what, about, before, after, text, "")
    hash = bare.expected(previous)
    db.execute(
        "insert into audit values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, now, who, what, about, before, after, text, hash),
    )
    db.execute("update audit_head set hash = ? where id = 1", (hash,))


def digest(content: str | bytes) -> str:
    """By which content is known; as desk files are told of."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:12]


def here() -> str:
    """Who types a command at this machine."""
    return f"{getpass.getuser()} at the command line"


def entries(store: Store, after: int = 0) -> Iterator[Entry]:
    """All behind a number, in order."""
    while True:
        rows = store.read(
            f"select {', '.join(FIELDS)} from audit where number > ? order by number limit ?", after, PIECE
        )
        for row in rows:
            yield Entry(*row)
        if len(rows) < PIECE:
            return
        after = rows[-1][0]


def verify(store: Store, known: str = "") -> Verdict:
    """Whether the chain holds from its first row to its head. `known`: "NUMBER:HASH" as an earlier verdict or
    export had it, so that a log that was cut or written anew as a whole is found too."""
    # The head first: what is added meanwhile stands behind it.
    [head] = store.read("select number, hash from audit_head where id = 1")
    return check(entries(store), [head, _known(known)])


def check(rows: Iterable[Entry], heads: Sequence[tuple[int, str]]) -> Verdict:
    """Whether rows are a chain, in which these numbers have these hashes."""
    number, previous = 0, NOTHING
    seen = {number: previous}
    for row in rows:
        if row.number != number + 1:
            return Verdict(number, previous, f"row {number + 1} is missing")
        if row.hash != row.expected(previous):
            return Verdict(number, previous, f"row {row.number} was changed, or is not where it was")
        number, previous = row.number, row.hash
        if any(number == at for at, _ in heads):
            seen[number] = previous
    for at, hash in heads:
        if at > number:
            return Verdict(number, previous, f"rows behind {number} are missing, up to {at}")
        if seen[at] != hash:
            return Verdict(number, previous, f"row {at} is another than it was when it was written down")
    return Verdict(number, previous)


def export(store: Store, key: Ed25519PrivateKey) -> Iterator[str]:
    """Each row as a line of JSON, and a last line that signs the head with the fleet's key."""
    number, hash = 0, NOTHING
    for entry in entries(store):
        number, hash = entry.number, entry.hash
        yield json.dumps(entry.told(), ensure_ascii=False)
    head = f"{number}:{hash}"
    yield json.dumps({"head": head, "signature": key.sign(_signed(head)).hex()})


def read_export(lines: Iterator[str], signer: Ed25519PublicKey) -> Verdict:
    """Whether an export is whole and of this fleet."""
    number, previous = 0, NOTHING
    for line in lines:
        try:
            told = json.loads(line)
            if "head" in told:
                signer.verify(bytes.fromhex(told["signature"]), _signed(told["head"]))
                whole = told["head"] == f"{number}:{previous}" and not any(lines)
                return Verdict(number, previous, "" if whole else f"it is not whole behind row {number}")
            detail = json.dumps(told["detail"], sort_keys=True, ensure_ascii=False)
            entry = Entry(**{name: told[name] for name in FIELDS} | {"detail": detail})
        except InvalidSignature:
            return Verdict(number, previous, "it is not signed by this fleet")
        except (ValueError, KeyError, TypeError):
            return Verdict(number, previous, f"the line behind row {number} is none of an export")
        if entry.number != number + 1 or entry.hash != entry.expected(previous):
            return Verdict(number, previous, f"row {number + 1} was changed, or is missing")
        number, previous = entry.number, entry.hash
    return Verdict(number, previous, "its last line, which signs it, is missing")


def _signed(head: str) -> bytes:
    return f"the audit log of a fleet, to {head}".encode()


def _known(text: str) -> tuple[int, str]:
    if not text:
        return 0, NOTHING
    number, _, hash = text.partition(":")
    if not number.isascii() or not number.isdigit() or len(hash) != 64:
        raise ApplianceError(f"{text!r} is no head of an audit log", "as verify prints it: NUMBER:HASH")
    return int(number), hash
