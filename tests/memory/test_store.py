"""The file: made, brought up to date, refused; the log in it."""

from __future__ import annotations

from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.engines.inline import InlineThread
from appliance.errors import StorageError
from appliance.memory import migrations
from appliance.memory.events import EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.people import People
from appliance.memory.sqlite import PAGE, sqlite3
from appliance.memory.store import Store
from appliance.observe.encrypting import encrypt
from tests.conftest import resident


def schema(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("select name, sql from sqlite_master where name not like 'sqlite_%'").fetchall()


def old_file(path: Path) -> None:
    """As the first release left it."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("pragma journal_mode = wal")
        for table in ("message", "unanswered"):
            db.execute(f"create table {table} (id integer primary key, call text, at text, text text)")
            db.execute(f"insert into {table} (call, at, text) values ('c1', '2026-01-02', 'old {table}')")


def test_a_new_file_and_an_old_one_end_up_alike(tmp_path: Path) -> None:
    old_file(tmp_path / "old.db")
    for name in ("old.db", "new.db"):
        Store(tmp_path / name).close()
    plain = [[name for name, _ in schema(tmp_path / each)] for each in ("old.db", "new.db")]
    assert sorted(plain[0]) == sorted(plain[1])
    assert Notebook(Store(tmp_path / "old.db"), InlineThread()).messages() == [
        ("c1", "2026-01-02", "old message")
    ]


@pytest.mark.parametrize("version", range(len(migrations.STEPS)))
def test_a_file_of_any_age_is_brought_up_to_date(
    tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "desk.db"
    monkeypatch.setattr(migrations, "STEPS", migrations.STEPS[:version])
    Store(path).close()
    monkeypatch.undo()
    store = Store(path)
    assert store.read("pragma user_version") == [(len(migrations.STEPS),)]
    assert store.read("select * from visit") == []


def test_whoever_was_known_before_is_known_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "desk.db"
    with monkeypatch.context() as older, closing(sqlite3.connect(path, isolation_level=None)) as db:
        older.setattr(migrations, "STEPS", migrations.STEPS[:4])
        migrations.migrate(db)
        for values in (
            "person (id, number, name, since) values (1, '555', 'Ann', '2026')",
            "person (id, number, name, since) values (2, null, 'Bob', '2026')",
            "slot values (1, 'email', 'a@b', 'call', '2026', '2099')",
            "preference values (1, 'room', 'quiet', 3)",
            "summary values ('call', 1, '2026', 'nothing')",
        ):
            db.execute(f"insert into {values}")
    store = Store(path)
    about = People(store).about(1)
    assert about
    assert [(each.name, each.value) for each in (*about.slots, *about.preferences)] == [
        ("email", "a@b"),
        ("room", "quiet"),
    ]
    assert about.summaries == (("2026", "nothing"),)
    assert store.read("pragma foreign_key_check") == []
    People(store).forget(1)
    assert store.read("select count(*) from slot") == store.read("select count(*) from summary") == [(0,)]


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "desk.db"
    Store(path).close()
    before = schema(path)

    def broken(db: sqlite3.Connection) -> None:
        db.execute("create table half (id integer)")
        db.execute("create table half (id integer)")

    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, broken))
    with pytest.raises(StorageError):
        Store(path)
    assert schema(path) == before


def test_a_newer_file_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    Store(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 99")
    with pytest.raises(StorageError, match="version 99") as error:
        Store(path)
    assert "newer program" in error.value.mend


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "desk.db").write_bytes(b"not a database at all, but long enough to be looked at")
    with pytest.raises(StorageError, match=r"desk\.db"):
        Store(tmp_path / "desk.db")


def test_what_was_promised_is_forced_to_the_disk(tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db")
    assert store.read("pragma journal_mode") == [("wal",)]
    with closing(store.connect()) as other:
        for db in (other.execute("pragma synchronous").fetchone(), store.read("pragma synchronous")[0]):
            assert db == (2,)


def test_what_changes_costs_the_card_little_more_than_itself(tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db")
    log = tmp_path / "desk.db-wal"
    before = log.stat().st_size
    EventLog(store).append("call-1", "said", {"text": "hello"})
    assert log.stat().st_size - before <= 8 * (PAGE + 24)  # A row, its indexes, and the count of rows.
    store.close()


def test_a_block_that_fails_writes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db")

    def fail() -> None:
        with store.write() as db:
            db.execute("insert into unanswered (call, at, text) values ('c', 'now', 'what')")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert store.read("select * from unanswered") == []
    with store.write() as db:
        db.execute("insert into unanswered (call, at, text) values ('c', 'now', 'what')")
    assert len(store.read("select * from unanswered")) == 1


def test_events_are_read_in_the_order_in_which_they_happened(tmp_path: Path) -> None:
    moment = datetime(2026, 7, 13, 9, 0, tzinfo=UTC)
    log = EventLog(Store(tmp_path / "desk.db", lambda: moment))
    first = log.append("a", "began", {"channel": "kiosk"})
    log.append("b", "began")
    second = log.append("a", "heard", {"text": "Grüß Gott, 你好"})
    assert first < second
    assert [(each.kind, dict(each.data)) for each in log.read("a")] == [
        ("began", {"channel": "kiosk"}),
        ("heard", {"text": "Grüß Gott, 你好"}),
    ]
    assert log.read("a")[0].at == moment


def test_what_happened_is_not_changed(tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db")
    EventLog(store).append("a", "began")
    with pytest.raises(StorageError, match="what happened is not changed"), store.write() as db:
        db.execute("update event set kind = 'ended'")


def test_the_next_start_knows_what_was_under_way(tmp_path: Path) -> None:
    log = EventLog(Store(tmp_path / "desk.db"))
    for conversation in ("a", "b", "c"):
        log.append(conversation, "began")
    log.append("b", "ended")
    log.append("b", "late")
    assert EventLog(Store(tmp_path / "desk.db")).open_conversations() == ["a", "c"]


def test_a_case_begun_at_the_kiosk_goes_on_by_phone(tmp_path: Path) -> None:
    log = EventLog(Store(tmp_path / "desk.db"))
    log.append("kiosk 1", "slot.filled", {"slot": "day"})
    log.link("kiosk 1", "kiosk 1")
    log.append("phone 2", "began")
    log.append("phone 3", "began")
    log.link("phone 2", "kiosk 1")
    log.link("phone 3", "kiosk 1")
    log.link("phone 3", "case 8")
    log.append("kiosk 1", "ended")
    assert [(each.conversation, each.kind) for each in log.case("kiosk 1")] == [
        ("kiosk 1", "slot.filled"),
        ("kiosk 1", "linked"),
        ("phone 2", "linked"),
        ("kiosk 1", "ended"),
    ]
    assert {each.conversation for each in log.case("case 8")} == {"phone 3"}
    assert log.case("case 9") == []


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("select 1 from event where kind = ? and key = ? order by id desc limit 1", ("outcome", "k")),
        ("select 1 from event where kind = 'outcome' and at > ?", ("2026",)),
        ("select 1 from event where conversation = ? order by id", ("a",)),
    ],
)
def test_the_log_is_never_read_from_end_to_end(tmp_path: Path, query: str, values: tuple[str]) -> None:
    plan = Store(tmp_path / "desk.db").read(f"explain query plan {query}", *values)
    assert "SCAN" not in " ".join(str(row[3]) for row in plan)


async def test_the_notebook_keeps_messages_and_questions(tmp_path: Path) -> None:
    notebook = Notebook(Store(tmp_path / "desk.db"), InlineThread())
    await notebook.message("c1", "call Ann")
    await notebook.unanswered("c1", "is there a pool")
    again = Notebook(Store(tmp_path / "desk.db"), InlineThread())
    assert [(call, text) for call, _, text in again.messages()] == [("c1", "call Ann")]
    assert [(call, text) for call, _, text in again.questions()] == [("c1", "is there a pool")]


def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be read or written"):
        Store(tmp_path / "file" / "desk.db")


@pytest.mark.parametrize("encrypted", [False, True])
def test_scrubbing_copies_a_file_by_way_of_the_disk_and_an_encrypted_one_as_it_is(
    tmp_path: Path, encrypted: bool
) -> None:
    if encrypted:
        encrypt(tmp_path / "var", tmp_path / "key")
    store = Store(tmp_path / "var" / "desk.db")
    with store.write() as db:
        for _ in range(10_000):
            db.execute("insert into notice (at, recipient, text) values ('', '', ?)", "violet teapot" * 80)
    memory: list[float] = []
    plain: list[bool] = []

    def look() -> int:
        memory.append(resident())
        for file in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                if "etilqs" in str(file.readlink()):
                    with file.open("rb") as copy:
                        plain.append(b"violet teapot" in copy.read(1 << 20))
        return 0

    store._kept.set_progress_handler(look, 20_000)
    before = resident()
    store.scrub()
    assert max(memory) - before < 0.7 * (tmp_path / "var" / "desk.db").stat().st_size / 1e6
    assert plain
    assert any(plain) != encrypted
    store.close()
