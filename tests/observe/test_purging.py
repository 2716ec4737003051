"""What is too old goes by itself, and nothing else does."""

from __future__ import annotations

import json
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.config.keeping import Keep, Retention
from appliance.errors import StorageError
from appliance.memory.events import insert
from appliance.memory.store import stamp
from tests.observe.lived import found, lived, opened


async def test_each_kind_goes_when_its_time_is_over(tmp_path: Path) -> None:
    await lived(tmp_path)
    var = tmp_path / "var"
    store, calls, eraser = opened(var)
    now = datetime.now().astimezone()
    retention = Retention()
    store.now = lambda: now + timedelta(days=6)
    assert eraser.purge(retention) == {}
    store.now = lambda: now + timedelta(days=8)
    assert eraser.purge(retention) == {"recording": 3}
    assert list((var / "recordings").iterdir()) == []
    store.now = lambda: now + timedelta(days=31)
    assert eraser.purge(retention) == {"transcript": 3, "unanswered": 1}
    assert "violet teapot" not in json.dumps(calls.turns(2))
    assert calls.turns(2)[1]["heard"]["start"]
    store.now = lambda: now + timedelta(days=400)
    assert eraser.purge(retention)["call"] == 3
    assert store.read("select count(*) from event") == [(0,)]
    assert eraser.purge(retention) == {}
    assert found(var, ("violet teapot",)).keys() <= {"recall.db"}
    calls.close()
    store.close()


async def test_a_flow_may_be_kept_for_a_shorter_time(tmp_path: Path) -> None:
    await lived(tmp_path)
    store, calls, eraser = opened(tmp_path / "var")
    eraser.purge(Retention(flow={"book": Keep(audio=0, transcript=0)}))
    assert [call.recording for call in calls.page()] == ["", "ann-asks.ogg", ""]
    assert calls.turns(1)[1]["heard"]["words"] == []
    assert calls.turns(2)[1]["heard"]["words"]
    calls.close()
    store.close()


def test_a_recording_of_no_call_that_is_known_goes_too(tmp_path: Path) -> None:
    store, calls, eraser = opened(tmp_path)
    stray = tmp_path / "recordings" / "stray.ogg"
    stray.parent.mkdir()
    stray.write_bytes(b"sound")
    assert eraser.purge(Retention()) == {}
    os.utime(stray, (0, 0))
    assert eraser.purge(Retention()) == {"recording": 1}
    calls.close()
    store.close()


def test_what_still_waits_or_lasts_is_not_of_the_past(tmp_path: Path) -> None:
    store, calls, eraser = opened(tmp_path)
    now = datetime.now(UTC)
    today, later, before = stamp(now), stamp(now + timedelta(days=9)), stamp(now - timedelta(days=9))
    with store.write() as db:
        insert(db, "lasts", stamp(now - timedelta(minutes=5)), "flow.started", {"flow": "book", "form": 1})
        texts = "insert into text (at, number, text, state) values (?, '1', ?, ?)"
        db.execute(texts, before, "is late", "waiting")
        db.execute(texts, before, "went out", "sent")
        errands = "insert into errand (at, number, what, due, until) values (?, '1', ?, ?, ?)"
        db.execute(errands, before, "a reminder", today, later)
        db.execute(errands, before, "is over", before, before)
    eraser.purge(Retention(events=0))
    assert store.read("select text from text") == [("is late",)]
    assert store.read("select what from errand") == [("a reminder",)]
    assert store.read("select conversation from event") == [("lasts",)]
    calls.close()
    store.close()


def test_a_log_that_could_not_be_emptied_is_emptied_the_next_time(tmp_path: Path) -> None:
    store, calls, eraser = opened(tmp_path)
    with store.write() as db:
        db.execute("insert into notice (at, recipient, text) values ('2020', '', 'the violet teapot')")
    store._kept.execute("pragma busy_timeout = 10")
    with closing(store.connect()) as reader:
        reader.execute("begin")
        reader.execute("select * from notice").fetchone()
        with pytest.raises(StorageError, match="in use"):
            eraser.purge(Retention())
    assert eraser.purge(Retention()) == {}
    assert found(tmp_path, ("violet teapot",)) == {}
    calls.close()
    store.close()


def test_a_recording_that_is_sealed_meanwhile_stops_no_purge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, calls, eraser = opened(tmp_path)
    (tmp_path / "recordings").mkdir()
    gone = tmp_path / "recordings" / "gone.part"
    monkeypatch.setattr(Path, "iterdir", lambda _: iter([gone]))
    assert eraser.purge(Retention()) == {}
    calls.close()
    store.close()
