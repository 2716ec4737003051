"""What a candidate would have changed in yesterday's calls, before anybody hears it."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.commands import shadow as command
from appliance.config import Box, read_desk
from appliance.engines.fake import FakeAsr
from appliance.errors import EngineError
from appliance.observe.calls import Calls
from appliance.observe.encrypting import encrypt
from appliance.serving.served import Served
from appliance.voice import Voice
from appliance.workshop import shadow as shadowing
from appliance.workshop.shadow import Went, nightly, shadow
from tests.audio_server import until
from tests.desk import voice
from tests.observe.lived import NUMBER, found, lived, opened
from tests.observe.test_sealing import FAKES
from tests.regulars import DESK
from tests.test_app import ENGINES


async def test_a_candidate_is_tried_by_recorded_calls_and_nobody_hears_it(tmp_path: Path) -> None:
    desk = await lived(tmp_path)
    var = tmp_path / "var"
    fewer = replace(desk, flow={}, digest="candidate")
    store, calls, eraser = opened(var)
    before = store.read("select count(*) from event")
    async with App(Box(tmp_path / "alone", engines=ENGINES), desk) as app:
        same = await shadow((app, desk), (app, desk), calls)
        other = await shadow((app, desk), (app, fewer), calls)
    assert (same["calls"], same["changed"], same["better"], same["worse"]) == (3, [], 0, 0)
    assert other["changed"][0]["was"][0] == "book"
    assert other["changed"][0]["now"][0] != "book"
    assert other["worse"] + other["better"] > 0
    assert store.read("select count(*) from event") == before
    # It holds what callers said: it goes with whoever is erased.
    calls.keep_shadow(other)
    assert calls.shadow() == other
    eraser.erase(eraser.find(NUMBER))
    assert calls.shadow() is None
    calls.close()
    store.close()


async def test_where_flows_alone_are_recorded_nobody_agreed_to_be_replayed(tmp_path: Path) -> None:
    desk = replace(await lived(tmp_path), recording="never")
    calls = Calls(tmp_path / "var")
    async with App(Box(tmp_path / "alone", engines=ENGINES), desk) as app:
        assert (await shadow((app, desk), (app, desk), calls))["calls"] == 0
    calls.close()


async def test_of_who_is_erased_meanwhile_nothing_is_kept(tmp_path: Path) -> None:
    await lived(tmp_path)
    store, calls, eraser = opened(tmp_path / "var")
    changed = [{"call": call.id, "said": "", "was": ["", ""], "now": ["", ""]} for call in calls.page()]
    eraser.erase(eraser.find(NUMBER))
    calls.keep_shadow({"at": calls.store.stamp(), "changed": changed})
    assert [each["call"] for each in calls.shadow()["changed"]] == ["ben-books"]  # type: ignore[index]
    calls.close()
    store.close()


async def test_what_is_replayed_on_an_encrypted_box_is_never_in_the_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await lived(tmp_path)
    encrypt(tmp_path / "var", tmp_path / "key")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    there: list[dict[str, list[str]]] = []
    replayed = shadowing._replayed

    async def looks(app: App, served: Served, *rest: Any) -> Went:
        went = await replayed(app, served, *rest)
        assert served.place.store.read("select 1 from event")
        there.append(found(tmp_path / "temporary", ("next thursday", "half past")))
        return went

    monkeypatch.setattr(shadowing, "_replayed", looks)
    calls = Calls(tmp_path / "var")
    async with App(Box(tmp_path / "alone", engines=ENGINES), desk) as app:
        await shadow((app, desk), (app, desk), calls)
    calls.close()
    assert there == [{}] * 6


async def test_by_night_it_is_done_once_and_gives_way_to_whoever_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await lived(tmp_path)
    path = tmp_path / "candidate.toml"
    clock = [datetime.now().astimezone().replace(hour=14)]
    began: list[str] = []
    ended: list[str] = []
    replayed = shadowing._replayed

    async def watched(app: App, served: Served, call: Any, *rest: Any) -> Went:
        began.append(call.id)
        if len(began) == 2:
            await asyncio.Event().wait()  # It lasts until somebody calls.
        went = await replayed(app, served, call, *rest)
        ended.append(call.id)
        return went

    monkeypatch.setattr(shadowing, "_replayed", watched)
    monkeypatch.setattr(shadowing, "LOOK", 0)
    async with App(Box(tmp_path / "var", engines=ENGINES), desk) as app:
        calls = app.books.calls
        looks: list[datetime] = []

        def now() -> datetime:
            looks.append(clock[0])
            return clock[0]

        calls.store.now = now
        task = asyncio.create_task(nightly(app, path))
        later = datetime.now().astimezone()
        night = later.replace(hour=4 if later.hour == 3 else 3)  # Within a day of the calls.
        path.write_text((tmp_path / "desk.toml").read_text().replace("Alder House", "Elm House"))
        await until(lambda: len(looks) > 5)
        assert not began  # By day.
        clock[0] = night if night > later else night + timedelta(days=1)
        await until(lambda: len(began) == 2)
        with app.leave.talking(cast(Voice, object())):
            for _ in range(50):
                await asyncio.sleep(0.001)
            assert (len(began), len(ended)) == (2, 1)
        await until(lambda: calls.shadow() is not None)
        report = calls.shadow()
        assert report
        assert report["calls"] == 3
        assert (len(began), len(ended)) == (7, 6)
        assert began[1] == began[2]
        clock[0] += timedelta(minutes=30)
        looks.clear()
        await until(lambda: len(looks) > 5)
        assert len(began) == 7  # Once a night.
        task.cancel()


async def test_by_sound_another_ear_is_tried_by_the_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadowing, "RecordedCaller", partial(RecordedCaller, pace=False))
    (tmp_path / "desk.toml").write_text(DESK)
    desk, _ = read_desk(tmp_path / "desk.toml")

    async def hears(app: App, *says: str) -> App:
        await app.prepared()
        assert app.hearing
        app.hearing = replace(app.hearing, asr=FakeAsr(says))
        return app

    says = ("when are you open", "goodbye")
    async with App(Box(tmp_path / "var", recordings=True, engines=FAKES), desk) as app:
        await hears(app, *says)
        await app.talk(RecordedCaller([Saying(voice(2.0)) for _ in says], "ann-asks", pace=False))
    calls = Calls(tmp_path / "var")
    boxes = [Box(tmp_path / name, engines=FAKES) for name in ("before", "after")]
    async with App(boxes[0], desk) as before, App(boxes[1], desk) as after:
        await hears(before, *says)
        await hears(after, "do you sell stamps", "goodbye")
        report = await shadow((before, desk), (after, desk), calls, tmp_path / "var" / "recordings")
    calls.close()
    assert (report["by"], report["calls"], report["worse"]) == ("sound", 1, 1)
    (change,) = report["changed"]
    assert (change["said"], change["heard"]) == ("when are you open", "do you sell stamps")
    assert [change[which][0] for which in ("was", "now")] == ["hours", "unknown"]


def test_what_one_of_two_heard_in_pieces_is_told_once_and_an_answer_that_was_cut_short_not_at_all() -> None:
    before = [
        ("Yes, please.", "yes", "Go on."),
        ("Two by Friday.", "taken", "Noted."),
        ("Bye", "goodbye", "Bye."),
    ]
    after = [("Two by Friday", "taken", "Noted."), ("bye.", "goodbye", "")]
    pairs = list(shadowing._paired(before, after))
    assert pairs == [(before[0], ("", "", "")), (before[1], after[0]), (before[2], after[1])]
    assert [shadowing._other(*pair) for pair in pairs] == [True, False, False]
    assert shadowing._other(("a", "hours", "From nine."), ("a", "hours", "From ten."))


async def test_calls_without_a_recording_are_not_replayed(tmp_path: Path) -> None:
    desk = await lived(tmp_path)
    calls = Calls(tmp_path / "var")
    calls.unrecord([1, 2, 3])
    async with App(Box(tmp_path / "alone", engines=ENGINES), desk) as app:
        assert (await shadow((app, desk), (app, desk), calls))["calls"] == 0
    calls.close()


def test_engines_that_do_not_come_up_are_told_and_who_answers_nothing_is_not_the_better_one(
    tmp_path: Path,
) -> None:
    kinds = ("vad", "eot", "asr", "embed", "llm", "wake")
    fakes = "".join(f'{kind} = {{engine = "fake"}}\n' for kind in kinds)
    for name, tts in (("box", 'engine = "fake"'), ("other", 'engine = "piper", model = "none-such"')):
        text = f'data = "{tmp_path}/var"\n[engines]\n{fakes}tts = {{{tts}}}\n'
        (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(EngineError, match=r"nothing can be tried by sound: .*none-such"):
        command.run(tmp_path / "box.toml", None, None, tmp_path / "other.toml", 1)
    answered = Went([("when", "hours", "From nine.")], {"closed": False})
    assert Went().failed > answered.failed


def test_the_command_wants_something_to_try(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="nothing to try"):
        command.run(None, None, None, None, 1)
    assert read_desk(None)
