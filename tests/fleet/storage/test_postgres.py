"""The fleet's memory in PostgreSQL: a partition for each day, whoever is killed while it comes or goes."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from appliance.fleet.storage.database import DAY
from appliance.fleet.storage.postgres import Postgres
from tests.fleet import databases

pytestmark = databases.needs_postgres


@pytest.fixture
def url(postgres: databases.Server) -> str:
    return postgres.database()


@pytest.fixture
def database(url: str) -> Iterator[Postgres]:
    made = Postgres(url, lambda: 100 * DAY / 1000)
    yield made
    made.close()


def keep(database: Postgres, day: int) -> None:
    with database.write() as db:
        database.keep(db, [(1, day, day * DAY, day * DAY, "health", "{}")])


def days(database: Postgres) -> list[str]:
    return [name for (name,) in database.read("select tablename from pg_tables where tablename ~ '^message'")]


def test_a_day_whose_table_was_made_and_not_attached_is_written_to(database: Postgres, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as killed:
        killed.execute("create table message_105 (like message)")
    keep(database, 105)
    assert database.read("select seq from message") == [(105,)]


def test_an_old_day_that_was_being_taken_out_by_who_was_killed_goes(database: Postgres, url: str) -> None:
    keep(database, 90)
    keep(database, 91)
    with psycopg.connect(url) as reads, psycopg.connect(url, autocommit=True) as killed:
        reads.execute("select count(*) from message")
        killed.execute("set statement_timeout = 200")
        with pytest.raises(psycopg.errors.QueryCanceled):
            killed.execute("alter table message detach partition message_90 concurrently")
    assert database.forget(92 * DAY) == 2
    assert sorted(days(database)) == ["message", "message_100", "message_101"]
    assert database.read("select count(*) from day") == [(0,)]


def test_an_old_day_that_was_taken_out_and_not_dropped_goes(database: Postgres, url: str) -> None:
    keep(database, 90)
    with psycopg.connect(url, autocommit=True) as killed:
        killed.execute("alter table message detach partition message_90 concurrently")
    assert database.forget(91 * DAY) == 1
    assert sorted(days(database)) == ["message", "message_100", "message_101"]
