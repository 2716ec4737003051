"""What was changed in the fleet is written down, and nobody can take it back."""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import ApplianceError, StorageError
from appliance.fleet import office
from appliance.fleet.keeping.store import Store
from appliance.fleet.line import dispatch
from appliance.fleet.membership import members
from appliance.fleet.membership.authority import Authority
from appliance.fleet.people import audit
from appliance.fleet.people.audit import Entry, Verdict
from appliance.fleet.rollouts import bundles
from appliance.fleet.rollouts.bundles import Pieces
from tests.fleet import databases


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "fleet.db", lambda: 1_790_000_000.0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("keys"))


def write(store: Store, count: int) -> None:
    with store.write() as db:
        for n in range(count):
            audit.record(db, store.now() + n, "anna", "box.revoked", f"lobby-{n}", "a", "b", why=f"“{n}”")


def meddle(store: Store, *statements: tuple[str, tuple[Any, ...]]) -> None:
    """As one does who has the file, and knows how."""
    with sqlite3.connect(store.where) as db:
        for deed in ("update", "delete"):
            db.execute(f"drop trigger if exists audit_{deed}")
        for sql, values in statements:
            db.execute(sql, values)


def test_every_change_is_a_row_in_the_transaction_of_the_change(
    store: Store, authority: Authority, tmp_path: Path
) -> None:
    members.invite(store, authority, ["lobby"], "Alder House", who="anna")
    with store.write() as db:
        db.execute("insert into box (name, since, desk) values ('lobby', 0, 'old')")
    dispatch.ask(store, "lobby", "doctor", who="ben")
    pieces = Pieces(tmp_path / "pieces")
    bundles.send_desk(store, authority, pieces, "lobby", "[desk]", who="ben")
    members.revoke(store, "lobby", who="anna")
    for refused in (
        lambda: dispatch.ask(store, "nobody", "doctor"),
        lambda: bundles.send_desk(store, authority, pieces, "lobby", "[desk]"),
        lambda: members.revoke(store, "lobby"),
    ):
        with pytest.raises(ApplianceError):
            refused()
    told = [entry.told() for entry in audit.entries(store)]
    assert [(each["who"], each["what"], each["about"]) for each in told] == [
        ("anna", "box.invited", "lobby"),
        ("ben", "command.queued", "lobby"),
        ("ben", "bundle.made", "1"),
        ("ben", "bundle.sent", "lobby"),
        ("anna", "box.revoked", "lobby"),
    ]
    assert told[2]["after"] == told[3]["after"] == bundles.find(store, 1).hash
    assert told[0]["utc"] == "2026-09-21T14:13:20.000Z"
    assert audit.verify(store).wrong == ""


def test_a_row_is_neither_changed_nor_deleted_by_the_program(store: Store) -> None:
    write(store, 3)
    for sql in ("update audit set who = 'ben'", "delete from audit where number = 3"):
        with pytest.raises(StorageError, match="only added to"), store.write() as db:
            db.execute(sql)
    assert audit.verify(store).rows == 3


@databases.needs_postgres
def test_nor_in_postgresql() -> None:
    database = databases.Server()
    store = Store(database.database())
    write(store, 3)
    for sql in ("update audit set who = 'ben'", "delete from audit where number = 3", "truncate audit"):
        with pytest.raises(StorageError, match="only added to"), store.write() as db:
            db.execute(sql)
    assert audit.verify(store).rows == 3
    store.close()
    database.close()


def chain(count: int) -> list[Entry]:
    rows: list[Entry] = []
    for n in range(1, count + 1):
        bare = Entry(n, n, "anna", "box.revoked", f"lobby-{n}", "a", "b", "{}", "")
        rows.append(replace(bare, hash=bare.expected(rows[-1].hash if rows else audit.NOTHING)))
    return rows


@given(data=st.data(), count=st.integers(2, 12))
def test_any_changed_removed_or_moved_row_is_found(data: st.DataObject, count: int) -> None:
    rows = chain(count)
    heads = [(count, rows[-1].hash)]
    assert audit.check(rows, heads) == Verdict(count, rows[-1].hash)
    row, other = data.draw(st.permutations(range(count)))[:2]
    match data.draw(st.sampled_from(["changed", "removed", "moved", "renumbered"])):
        case "changed":
            field = data.draw(st.sampled_from(audit.FIELDS))
            was = getattr(rows[row], field)
            rows[row] = replace(rows[row], **{field: was + 1 if isinstance(was, int) else was + "x"})
        case "removed":
            del rows[row]
        case "moved":
            rows[row], rows[other] = rows[other], rows[row]
        case "renumbered":
            rows[row], rows[other] = (
                replace(rows[other], number=rows[row].number),
                replace(rows[row], number=rows[other].number),
            )
    assert audit.check(rows, heads).wrong


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        (["update audit set who = 'ben' where number = 2"], "row 2 was changed"),
        (["delete from audit where number = 2"], "row 2 is missing"),
        (["delete from audit where number = 4"], "rows behind 3 are missing, up to 4"),
        (["update audit set number = 9 where number = 2"], "row 2 is missing"),
    ],
)
def test_who_meddles_with_the_file_is_found(store: Store, statements: list[str], why: str) -> None:
    write(store, 4)
    meddle(store, *((sql, ()) for sql in statements))
    assert why in audit.verify(store).wrong


def test_a_log_that_was_written_anew_is_found_by_who_knows_its_head(store: Store) -> None:
    write(store, 5)
    known = audit.verify(store)
    head = f"{known.rows}:{known.head}"
    write(store, 2)
    assert audit.verify(store, head).wrong == ""
    meddle(
        store,
        ("delete from audit", ()),
        ("update audit_head set number = 0, hash = ?", (audit.NOTHING,)),
    )
    with store.write() as db:
        for _ in range(7):
            audit.record(db, store.now(), "nobody", "nothing.happened")
    assert audit.verify(store).wrong == ""
    assert "row 5 is another" in audit.verify(store, head).wrong
    with pytest.raises(ApplianceError, match="no head"):
        audit.verify(store, "5")


def test_an_export_is_signed_and_whole(store: Store, authority: Authority) -> None:
    write(store, 1_100)
    lines = list(audit.export(store, authority.bundle_key))
    signer = authority.bundle_key.public_key()
    assert audit.read_export(iter(lines), signer) == Verdict(1_100, json.loads(lines[-1])["head"][5:])
    changed = json.dumps(json.loads(lines[7]) | {"who": "ben"})
    forged = json.dumps(json.loads(lines[-1]) | {"signature": "00" * 64})
    for spoiled, why in (
        ([*lines[:7], changed, *lines[8:]], "row 8 was changed"),
        ([*lines[:7], *lines[8:]], "row 8 was changed"),
        (lines[:-1], "which signs it, is missing"),
        ([*lines[:-1], forged], "not signed by this fleet"),
        ([*lines[:-2], lines[-1]], "not whole"),
        ([*lines, lines[-1]], "not whole"),
        (["{", *lines], "none of an export"),
    ):
        assert why in audit.read_export(iter(spoiled), signer).wrong


def test_two_who_write_at_once_make_one_chain(store: Store) -> None:
    other = Store(store.where)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: write(other if n % 2 else store, 5), range(20)))
    other.close()
    assert audit.verify(store) == Verdict(100, audit.verify(store).head)


def test_an_export_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    asked = argparse.Namespace(folder=tmp_path, store="", known="", file=tmp_path / "audit.jsonl")
    with pytest.raises(ApplianceError, match=r"cannot be verified"):
        office._audit_verify(asked)
