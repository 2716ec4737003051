"""What the fleet's file looks like, as ordered steps. A step that was released is never changed: the next one
mends it."""

from __future__ import annotations

from collections.abc import Callable

from appliance.errors import StorageError
from appliance.fleet.storage import tables
from appliance.fleet.storage.database import Writing


def migrate(db: Writing) -> None:
    """Bring a file up to date; each step is done whole or not at all."""
    [(version,)] = db.execute("pragma user_version")
    if version > len(STEPS):
        raise StorageError(
            f"the fleet's memory is of version {version}, and this program knows {len(STEPS)}",
            "install the newer program again",
        )
    for number, step in enumerate(STEPS, 1):
        db.execute("begin immediate")
        try:
            if number > db.execute("pragma user_version").fetchone()[0]:
                step(db)
                db.execute(f"pragma user_version = {number}")
            db.execute("commit")
        except BaseException:
            db.execute("rollback")
            raise


def beginning(db: Writing) -> None:
    for statement in (
        """create table box (
            id integer primary key, name text not null unique, site text not null default '',
            state text not null default 'member' check (state in ('member', 'revoked')),
            kicked integer not null default 0, since integer not null, online integer not null default 0,
            seen integer not null default 0, version text not null default '', desk text not null default '',
            began text not null default '{}', health text not null default '{}',
            calls integer not null default 0, outbox integer not null default 0,
            reported text not null default '{}', serial integer not null default 0,
            wanted text not null default '', wanted_serial integer not null default 0)""",
        "create index box_site on box (site, name)",
        "create index box_seen on box (seen)",
        """create table certificate (
            serial text primary key, box integer not null references box, at integer not null,
            revoked integer)""",
        """create table claim (
            code text primary key, name text not null, site text not null, at integer not null,
            until integer not null, used integer)""",
        """create table boot (
            number integer primary key, box integer not null references box, id text not null,
            at integer not null, unique (box, id))""",
        """create table seen (
            boot integer not null references boot, first integer not null, last integer not null,
            primary key (boot, first)) without rowid""",
        """create table message (
            id integer primary key, boot integer not null references boot, seq integer not null,
            at integer not null, received integer not null, kind text not null, data text not null,
            unique (boot, seq))""",
        "create index message_received on message (received)",
        """create table latency (
            box integer not null, span integer not null, at integer not null, bucket integer not null,
            n integer not null, unique (box, span, at, bucket))""",
        "create index latency_at on latency (span, at)",
        """create table outcome (
            day integer not null, box integer not null references box, outcome text not null,
            n integer not null, primary key (day, box, outcome)) without rowid""",
        """create table fault (
            box integer not null references box, cause text not null, since integer not null,
            why text not null default '', primary key (box, cause)) without rowid""",
        "create index fault_cause on fault (cause, since)",
        """create table command (
            id text primary key, box integer not null references box, do text not null, at integer not null,
            expires integer not null, arguments text not null default '{}',
            state text not null default 'queued', result text not null default '', answered integer,
            sent integer not null default 0)""",
        "create index command_box on command (box, at)",
        "create index command_state on command (state)",
        """create table desired (
            serial integer primary key autoincrement, at integer not null, device text not null,
            digest text not null, payload blob not null)""",
        "create table counter (name text primary key, n integer not null)",
    ):
        db.execute(statement)


def order(db: Writing) -> None:
    # By which message each thing about a box is known: what comes late must not undo what came after it.
    db.execute(
        """create table known (
            box integer not null references box, what text not null, boot integer not null,
            seq integer not null, at integer not null, primary key (box, what)) without rowid"""
    )


def days(db: Writing) -> None:
    # What boxes told lies by the day since, where the database keeps it; `kept` says up to which it counts.
    db.execute("drop table message")
    db.execute("create table day (day integer primary key, kept integer not null)")
    db.execute("create index outcome_box on outcome (box, day)")
    db.execute(
        """create table question (
            id integer primary key, box integer not null references box, at integer not null,
            received integer not null, text text not null)"""
    )
    db.execute("create index question_received on question (received)")


def rollouts(db: Writing) -> None:
    for statement in (
        """create table bundle (
            version integer primary key autoincrement, at integer not null, name text not null,
            by text not null default '', pieces text not null)""",
        "alter table desired add column version integer not null default 0",
        "create index desired_device on desired (device, serial)",
        """create table rollout (
            id integer primary key autoincrement, bundle integer not null references bundle,
            at integer not null, by text not null default '', begins integer not null, plan text not null,
            state text not null, wave integer not null default 0, wave_began integer not null default 0,
            evidence text not null default '{}', cursor integer not null default 0,
            why text not null default '', ended integer)""",
        """create table rollout_box (
            rollout integer not null references rollout, box integer not null references box,
            place integer not null, serial integer not null default 0, sent integer not null default 0,
            share integer not null default 0, answered integer not null default 0,
            wrong integer not null default 0, primary key (rollout, box)) without rowid""",
        """create table bulk (
            serial text primary key, site text not null, at integer not null, until integer not null,
            uses integer not null, used integer not null default 0, revoked integer)""",
        "alter table certificate add column until integer not null default 0",
        "alter table certificate add column renews text",
    ):
        db.execute(statement)


def hourly(db: Writing) -> None:
    # By the hour first: what is written lies close together, and so does what is too old.
    db.execute(
        """create table hourly (
            at integer not null, box integer not null, what text not null, n integer not null,
            total real not null, most real not null, primary key (at, box, what)) without rowid"""
    )


STEPS: tuple[Callable[[Writing], None], ...] = (
    beginning,
    order,
    tables.audit,
    tables.alerts,
    days,
    rollouts,
    tables.audit_kept,
    hourly,
)
