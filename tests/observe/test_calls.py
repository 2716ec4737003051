"""The file of all calls: a damaged one keeps nobody from being answered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.app import App
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Box, read_desk
from appliance.errors import StorageError
from appliance.observe.calls import ASIDE, Calls
from tests.regulars import DESK
from tests.test_app import ENGINES

GARBAGE = b"no database at all, but long enough to be looked at" * 100


async def test_a_desk_with_a_damaged_account_answers_and_begins_a_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "desk.toml").write_text(DESK)
    (tmp_path / "calls.db").write_bytes(GARBAGE)
    async with App(Box(tmp_path, engines=ENGINES), read_desk(tmp_path / "desk.toml")[0]) as app:
        assert "set aside as calls.db.damaged" in caplog.text
        await app.chat(ScriptedCaller(["when are you open"], "after"))
        assert [call.id for call in app.books.calls.page()] == ["after"]
    assert (tmp_path / ASIDE).read_bytes() == GARBAGE


def test_damage_that_opening_does_not_show_is_found_when_the_books_are_put_in_order(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    for number in range(500):
        calls.begin(f"call-{number}", "ab" * 16, "sip", "Alder House", "0123456789ab", datetime.now(UTC))
    calls.close()
    whole = (tmp_path / "calls.db").read_bytes()
    (tmp_path / "calls.db").write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    calls = Calls(tmp_path, anew=True)
    assert calls.settle() == 0
    assert calls.page() == []
    calls.begin("after", "ab" * 16, "sip", "Alder House", "0123456789ab", datetime.now(UTC))
    assert [call.id for call in calls.page()] == ["after"]
    calls.close()
    assert (tmp_path / ASIDE).exists()


def test_a_command_beside_the_desk_moves_no_file_away(tmp_path: Path) -> None:
    (tmp_path / "calls.db").write_bytes(GARBAGE)
    with pytest.raises(StorageError, match=r"damaged .* start the desk"):
        Calls(tmp_path)
    assert (tmp_path / "calls.db").read_bytes() == GARBAGE


def test_what_was_kept_of_a_call_is_written_again_only_where_it_came_to_be_something_else(
    tmp_path: Path,
) -> None:
    calls = Calls(tmp_path)
    number = calls.begin("one", "ab" * 16, "sip", "Alder House", "0123456789ab", datetime.now(UTC))
    turns = [{"number": each, "said": "hello"} for each in range(5)]
    for turn in turns:
        calls.keep(number, turn, 100)
    with calls.store.write() as db:
        db.execute("create table rewritten (number)")
        db.execute(
            """create trigger seen after update on turn begin
                insert into rewritten values (new.number); end"""
        )
    turns[3] = {**turns[3], "said": "my name is *"}
    calls.end(number, datetime.now(UTC), 100, [], turns=[*turns, {"number": 5, "said": "goodbye"}])
    assert calls.store.read("select number from rewritten") == [(3,)]
    assert [turn["said"] for turn in calls.turns(number)] == [*(turn["said"] for turn in turns), "goodbye"]
    assert calls.page()[0].turns == 6
    calls.close()
