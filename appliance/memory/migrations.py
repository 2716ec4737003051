"""What the file looks like, as ordered steps. A step that was released is never changed: the next one mends
it. `user_version` counts the steps that a file has been through."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appliance.errors import StorageError
from appliance.memory.sqlite import sqlite3

Step = Callable[[sqlite3.Connection], None]


def migrate(db: sqlite3.Connection, steps: Sequence[Step] | None = None) -> None:
    """Bring a file up to date, `desk.db` unless other steps are given; each step is done whole or not at all.
    StorageError where a newer program wrote it."""
    steps = STEPS if steps is None else steps
    version = _version(db)
    if version > len(steps):
        raise StorageError(
            f"the desk's memory is of version {version}, and this program knows {len(steps)}",
            "install the newer program again, or put back the backup of the older memory",
        )
    for number, step in enumerate(steps, 1):
        if number <= version:
            continue
        db.execute("begin immediate")
        try:
            if number > _version(db):  # Another process may have done it meanwhile.
                step(db)
                db.execute(f"pragma user_version = {number}")
            db.execute("commit")
        except BaseException:
            db.execute("rollback")
            raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("pragma user_version").fetchone()[0])


def notebook(db: sqlite3.Connection) -> None:
    # The first files had these tables and no version.
    each(
        db,
        "create table if not exists message (id integer primary key, call text, at text, text text)",
        "create table if not exists unanswered (id integer primary key, call text, at text, text text)",
    )


def events(db: sqlite3.Connection) -> None:
    each(
        db,
        """create table event (
            id integer primary key autoincrement, conversation text not null, at text not null,
            kind text not null, key text, data text not null)""",
        "create index event_conversation on event (conversation, kind)",
        "create index event_key on event (key, kind) where key is not null",
        "create index event_kind on event (kind, at)",
        """create unique index event_once on event (kind, key)
            where kind in ('intent', 'outcome') and key is not null""",
        # Deleting stays possible: people may ask to be forgotten.
        """create trigger event_stands before update on event
            begin select raise(abort, 'what happened is not changed'); end""",
    )


def people(db: sqlite3.Connection) -> None:
    each(
        db,
        """create table person (
            id integer primary key, number text unique, name text not null default '',
            since text not null)""",
        """create table slot (
            person integer not null references person on delete cascade, name text not null,
            value text not null, source text not null, confirmed text not null, expires text not null,
            primary key (person, name))""",
        """create table preference (
            person integer not null references person on delete cascade, name text not null,
            value text not null, agreed integer not null, primary key (person, name))""",
        """create table summary (
            conversation text primary key, person integer references person on delete cascade,
            at text not null, text text not null)""",
        "create index summary_person on summary (person, at)",
    )


def desk(db: sqlite3.Connection) -> None:
    each(
        db,
        """create table appointment (
            id integer primary key, reference text not null unique, uid text not null unique,
            start text not null, ends text not null, whole integer not null default 0,
            name text not null, phone text not null, conversation text, made text not null,
            state text not null default 'booked' check (state in ('booked', 'cancelled')))""",
        "create index appointment_start on appointment (start)",
        """create table contact (
            name text primary key, role text not null, extension text not null)""",
        """create table duty (
            contact text not null references contact on delete cascade, weekday integer not null,
            begins text not null, ends text not null)""",
        "alter table message add column name text not null default ''",
        "alter table message add column phone text not null default ''",
        "alter table message add column recipient text not null default ''",
        "alter table message add column state text not null default 'new'",
        """create table visit (
            badge integer primary key autoincrement, name text not null, firm text not null,
            host text not null, came text not null, went text)""",
        """create table notice (
            id integer primary key, at text not null, recipient text not null, text text not null,
            delivered text)""",
        """create table queue (
            id integer primary key, day text not null, service text not null, number integer not null,
            state text not null default 'waiting', unique (day, service, number))""",
        """create table callback (
            id integer primary key, at text not null, conversation text not null, name text not null,
            phone text not null, about text not null, state text not null default 'open')""",
    )


def regulars(db: sqlite3.Connection) -> None:
    # A number is no proof: two may give the same one. SQLite drops no unique column, so the tables are new.
    old = {
        "person": ("id, number, name, since", "id, coalesce(number, ''), name, since"),
        "slot": ("person, name, value, spoken, source, confirmed, expires",
                 "person, name, json_quote(value), value, source, confirmed, expires"),
        "preference": (
            "person, name, value, spoken, agreed", "person, name, json_quote(value), value, agreed",
        ),
        "summary": ("conversation, person, at, text", "conversation, person, at, text"),
    }  # fmt: skip
    each(
        db,
        "drop index summary_person",
        *(f"alter table {name} rename to old_{name}" for name in old),
        """create table person (
            id integer primary key, number text not null default '', name text not null default '',
            since text not null, salt blob, code blob)""",
        """create table slot (
            person integer not null references person on delete cascade, name text not null,
            value text not null, spoken text not null, source text not null, confirmed text not null,
            expires text not null, primary key (person, name))""",
        """create table preference (
            person integer not null references person on delete cascade, name text not null,
            value text not null, spoken text not null, agreed integer not null,
            primary key (person, name))""",
        """create table summary (
            conversation text primary key, person integer references person on delete cascade,
            at text not null, text text not null)""",
        *(f"insert into {name} ({into}) select {what} from old_{name}" for name, (into, what) in old.items()),
        *(f"drop table old_{name}" for name in reversed(old)),
        "create index person_number on person (number)",
        "create index summary_person on summary (person, at)",
        """create table recollection (
            id integer primary key autoincrement, person integer references person on delete cascade,
            conversation text not null, at text not null, kind text not null, text text not null)""",
        "create index recollection_person on recollection (person, at)",
    )


def telephone(db: sqlite3.Connection) -> None:
    each(
        db,
        """create table text (
            id integer primary key autoincrement, at text not null, number text not null,
            text text not null, conversation text not null default '', key text unique,
            tries integer not null default 0, state text not null default 'waiting')""",
        "create index text_number on text (number, at)",
        "create index text_state on text (state)",
        """create table refusal (
            number text primary key, at text not null, why text not null default '')""",
        """create table errand (
            id integer primary key autoincrement, at text not null, number text not null,
            what text not null, due text not null, until text not null, key text unique,
            conversation text not null default '', tries integer not null default 0,
            state text not null default 'waiting', outcome text not null default '')""",
        "create index errand_due on errand (state, due)",
    )


def receipts(db: sqlite3.Connection) -> None:
    each(
        db,
        # What is still to be erased elsewhere; it names nobody.
        """create table erasure (
            id integer primary key, at text not null, conversations text not null, counts text not null)""",
        """create table receipt (
            id integer primary key, at text not null, what text not null, counts text not null)""",
    )


def fleet(db: sqlite3.Connection) -> None:
    each(
        db,
        """create table boot (
            number integer primary key autoincrement, id text not null unique, at text not null,
            last integer not null default 0)""",
        """create table outbox (
            boot integer not null references boot, seq integer not null, ts integer not null,
            kind text not null, level integer not null, data text not null,
            primary key (boot, seq)) without rowid""",
        "create index outbox_level on outbox (level, boot, seq)",
        """create table command (
            id text primary key, at text not null, do text not null, expires integer not null,
            arguments text not null default '{}', state text not null default 'received')""",
        """create table desired (
            serial integer primary key, at text not null, desk text not null,
            state text not null default 'waiting', why text not null default '')""",
    )


def backups(db: sqlite3.Connection) -> None:
    each(
        db,
        # Whoever's key is deleted here and in every place is in no backup any more.
        "create table backup_key (unit text primary key, key blob not null) without rowid",
        "create table backup_place (path text primary key, behind integer not null default 0)",
        "create table backup_box (id text not null, identity text not null)",
    )


def refusals(db: sqlite3.Connection) -> None:
    # Without an id, the number of a row changes as the file is written anew, and with it whose key it has.
    each(
        db,
        "alter table refusal rename to old_refusal",
        """create table refusal (
            id integer primary key autoincrement, number text not null unique, at text not null,
            why text not null default '')""",
        "insert into refusal (number, at, why) select number, at, why from old_refusal",
        "drop table old_refusal",
    )


def bundles(db: sqlite3.Connection) -> None:
    each(
        db,
        # A wish is a manifest from now on, and not the desk file itself: the fleet sends it again.
        "drop table desired",
        """create table desired (
            serial integer primary key, at text not null, manifest text not null,
            state text not null default 'waiting', why text not null default '')""",
        "alter table command add column start text not null default ''",
        # A candidate that answers some of the calls; one row at the most.
        """create table candidate (
            version integer primary key, serial integer not null, at text not null, manifest text not null,
            secret blob not null, state text not null, evidence text not null default '{}',
            why text not null default '')""",
        # What the fleet has set, and stays so until it says otherwise: locked.
        "create table ordered (name text primary key, value text not null)",
    )


def sharing(db: sqlite3.Connection) -> None:
    # A desk file that answers some of the callers; one row at the most.
    each(
        db,
        """create table shared (
            desk text not null, beside text not null, percent integer not null, at text not null,
            secret blob not null, evidence text not null default '{}', why text not null default '')""",
    )


STEPS: tuple[Step, ...] = (
    notebook,
    events,
    people,
    desk,
    regulars,
    telephone,
    receipts,
    fleet,
    backups,
    refusals,
    bundles,
    sharing,
)


def each(db: sqlite3.Connection, *statements: str) -> None:
    for statement in statements:
        db.execute(statement)
