"""The tables of those who look after the fleet: steps of the schema, as in schema.py."""

from __future__ import annotations

import sqlite3

from appliance.fleet.storage.database import Writing

NOTHING = "0" * 64
"""The hash of the row before the first of the audit log."""


def audit(db: Writing) -> None:
    """What was changed, by whom: see people/audit.py."""
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
    # PostgreSQL has its own since `audit_kept`.
    if isinstance(db, sqlite3.Connection):
        for deed in ("update", "delete"):
            db.execute(
                f"""create trigger audit_{deed} before {deed} on audit
                    begin select raise(abort, 'the audit log is only added to'); end"""
            )


def alerts(db: Writing) -> None:
    """Which group has which sites; what is wrong with boxes, and who is told of it: see alerts/."""
    for statement in (
        "create table site (name text primary key, grp text not null)",
        """create table rule (
            name text primary key, kind text not null, fires real not null, clears real not null,
            after integer not null, calm integer not null, severity text not null,
            enabled integer not null)""",
        """create table trouble (
            rule text not null, cause text not null, box integer not null, phase text not null,
            since integer not null, turned integer not null, value real not null, why text not null,
            alert text not null, primary key (rule, cause, box))""",
        "create index trouble_alert on trouble (alert)",
        """create table alert (
            id text primary key, rule text not null, cause text not null, site text not null,
            severity text not null, since integer not null, fired integer not null, cleared integer,
            boxes integer not null, most integer not null, told integer not null default 0,
            acked_by text not null default '', acked integer, note text not null default '')""",
        "create index alert_cleared on alert (cleared, since)",
        """create table silence (
            id text primary key, rule text not null, site text not null, until integer not null,
            who text not null, note text not null)""",
        """create table route (
            name text primary key, kind text not null, target text not null, groups text,
            secret text not null, enabled integer not null)""",
        """create table delivery (
            id text primary key, alert text not null, route text not null, what text not null,
            body text not null, at integer not null, due integer not null, tries integer not null default 0,
            state text not null default 'waiting', error text not null default '')""",
        "create index delivery_due on delivery (state, due)",
    ):
        db.execute(statement)


def audit_kept(db: Writing) -> None:
    """PostgreSQL's audit log is only added to, as SQLite's is since it was made."""
    if not isinstance(db, sqlite3.Connection):
        db.execute(
            """create function audit_kept() returns trigger language plpgsql as
                $$ begin raise exception 'the audit log is only added to'; end $$"""
        )
        db.execute(
            """create trigger audit_kept before update or delete or truncate on audit
                for each statement execute function audit_kept()"""
        )
