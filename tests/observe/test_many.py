"""Ten thousand calls, one after another: each has its trace and its score, and by sound a recording."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import soundfile

from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Box, read_desk
from appliance.engines.fake import FakeAsr
from appliance.observe.calls import Calls
from appliance.observe.encrypting import encrypt
from appliance.observe.trace import spans
from tests.desk import voice
from tests.observe.test_sealing import FAKES
from tests.regulars import DESK

SAYS = (
    ("when are you open", "thank you", "goodbye"),
    (
        "book an appointment",
        "next Thursday",
        "half past ten",
        "Ann Smith",
        "212 555 0142",
        "no",
        "never mind",
    ),
    ("do you sell stamps", "no", "goodbye"),
    ("can I speak to somebody", "yes", "please call me back on 212 555 0142", "goodbye"),
)
"""What callers say, in turn."""


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("by", "count"), [("text", 10_000), ("sound", 100)])
async def test_each_of_many_calls_can_be_explained(tmp_path: Path, by: str, count: int) -> None:
    (tmp_path / "desk.toml").write_text(DESK)
    desk, _ = read_desk(tmp_path / "desk.toml")
    began = time.monotonic()
    async with App(Box(tmp_path, recordings=True, engines=FAKES), desk) as app:
        worked = [time.process_time()]
        for number in range(count):
            says = SAYS[number % len(SAYS)]
            if by == "text":
                await app.chat(ScriptedCaller(says, f"call-{number}"))
            else:
                assert app.hearing
                app.hearing = replace(app.hearing, asr=FakeAsr(says))
                sayings = [Saying(voice(1.0)) for _ in says]
                await app.talk(RecordedCaller(sayings, f"call-{number}", pace=False))
            if (number + 1) % (count // 10) == 0:
                worked.append(time.process_time())
        calls = app.books.calls
        page = calls.page(count=count)
        assert len(page) == count
        for call in page:
            trace = spans(call, calls.turns(call.number))
            assert len(trace) > call.turns >= 1
            assert len(call.marks) == 9
            if by == "sound":
                length = soundfile.info(app.books.recordings / call.recording).frames
                assert abs(length - call.length) < 16_000
        calls.store.empty_log()
        app.place.store.empty_log()
    took = (time.monotonic() - began) / count
    size = {name: (tmp_path / name).stat().st_size / count for name in ("calls.db", "desk.db")}
    tenths = [1000 * (after - before) / (count // 10) for before, after in pairwise(worked)]
    print(f"{by}: {took:.3f} s and {size} bytes a call; of the processor, tenth by tenth, ms:")
    print(*(f"{each:.1f}" for each in tenths))


@pytest.mark.slow
@pytest.mark.parametrize("encrypted", [False, True])
def test_the_first_page_of_a_hundred_thousand_calls_is_there_at_once(tmp_path: Path, encrypted: bool) -> None:
    if encrypted:
        encrypt(tmp_path / "var", tmp_path / "key")
    calls, first = Calls(tmp_path / "var"), datetime(2026, 1, 1, tzinfo=UTC)
    with calls.store.write() as db:
        for number in range(1, 100_001):
            began = (first + timedelta(minutes=number)).isoformat(timespec="milliseconds")
            db.execute(
                "insert into call (id, trace, channel, agent, desk, began, ended, failed, recording)"
                " values (?, ?, 'sip', 'Alder House', 'x', ?, ?, ?, ?)",
                f"call-{number}", f"{number:032x}", began, began, number % 7 == 0, f"{number}.ogg",
            )  # fmt: skip
            for turn in range(6):
                db.execute(
                    "insert into turn values (?, ?, ?)", number, turn, '{"words": "' + "x" * 700 + '"}'
                )
    calls.close()
    took = {}
    for which in ("all", "to review"):
        for _ in range(3):
            calls = Calls(tmp_path / "var")  # As after a start: nothing is in memory.
            began = time.monotonic()
            assert len(calls.page(which)) == 50  # type: ignore[arg-type]
            assert calls.to_review() == 100_000 // 7
            took[which] = min(took.get(which, 60.0), time.monotonic() - began)
            calls.close()
    size = (tmp_path / "var" / "calls.db").stat().st_size
    print(f"{'encrypted' if encrypted else 'plain'}: {took}, {size / 1e6:.0f} MB")
    assert max(took.values()) < 0.3
