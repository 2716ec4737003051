"""The fleet's memory in PostgreSQL: a partition for each day, whatever it was killed at."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from appliance.fleet.storage.database import DAY
from appliance.fleet.storage.postgres import Postgres
from tests.fleet import databases

pytestmark = databases.needs_postgres


@pytest.fixture(scope="module")
def server() -> Iterator[databases.Server]:
    made = databases.Server()
    yield made
    made.close()


def told(database: Postgres, *days: int) -> None:
    with database.write() as db:
        database.keep(db, [(1, day, day * DAY, day * DAY, "health", "{}") for day in days])


def test_a_day_whose_deletion_was_cut_off_is_deleted_and_keeps_no_other(server: databases.Server) -> None:
    url = server.database()
    database = Postgres(url)
    told(database, 1, 2, 3)
    with psycopg.connect(url, autocommit=True) as cut:
        cut.execute("alter table message detach partition message_1")
        with psycopg.connect(url) as reader:
            reader.execute("select count(*) from message")
            cut.execute("set statement_timeout = '0.2s'")
            with pytest.raises(psycopg.errors.QueryCanceled):
                cut.execute("alter table message detach partition message_2 concurrently")
    assert database.forget(4 * DAY) == 3
    assert database.read("select count(*) from pg_class where relname in ('message_1', 'message_2')") == [
        (0,)
    ]
    assert database.read("select day from day") == []
    database.close()


def test_a_day_that_was_cut_off_as_it_was_made_is_made(server: databases.Server) -> None:
    url = server.database()
    database = Postgres(url)
    with psycopg.connect(url, autocommit=True) as cut:
        cut.execute("create table message_5 (like message)")
    told(database, 5)
    assert database.read("select seq from message") == [(5,)]
    database.close()
