"""The tables of those who look after the fleet: steps of the schema, as in schema.py."""

from __future__ import annotations

import sqlite3

NOTHING = "0" * 64
"""The hash of the row before the first of the audit log."""


def audit(db: sqlite3.Connection) -> None:
    """What was changed, by whom: see audit.py."""
    db.execute(
        """create table audit (
            number integer primary key, at integer not null, who text not null, what text not null,
            about text not null, before text not null, after text not null, detail text not null,
            hash text not null)"""
    )
    db.execute("create index audit_about on audit (about, number)")
    # One row: who writes takes it first, so that two never stand behind the same row.
    db.execute(
        "create table audit_head (id integer primary key, number integer not null, hash text not null)"
    )
    db.execute("insert into audit_head values (1, 0, ?)", (NOTHING,))
    for deed in ("update", "delete"):
        db.execute(
            f"""create trigger audit_{deed} before {deed} on audit
                begin select raise(abort, 'the audit log is only added to'); end"""
        )
