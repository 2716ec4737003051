"""The desk as it is composed: what a kill leaves, what it writes for other programs, whom it knows."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.app import App
from appliance.channels.exchange import CallFailed
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Box, Engine, Engines, read_desk
from appliance.engines import fake
from appliance.engines.fake import FakeTts
from appliance.engines.rack import GIVES_WAY
from appliance.memory.events import EventLog
from appliance.memory.store import Store
from appliance.messages import Turn
from tests import desk as whole
from tests.audio_server import until
from tests.regulars import DESK

NONE = Engine("none")
ENGINES = Engines(NONE, NONE, NONE, NONE, NONE, NONE)
FAKE = Engine("fake")
LATE = (
    *("onnxruntime", "ctranslate2", "tokenizers", "piper", "vosk", "llama_cpp", "sounddevice", "scipy"),
    *("appliance.documents", "appliance.bench", "appliance.fleet.serve"),
)
"""Libraries of engines, which are loaded beside each other, and what judges papers: of who needs them."""

VOICE = replace(ENGINES, vad=FAKE, asr=FAKE, tts=FAKE, llm=NONE)
LEAVING = replace(
    whole.DESK, lines=replace(whole.LINES, greeting="Hello here is the desk", leaving="I must go")
)


class Caller(ScriptedCaller):
    def __init__(self, *lines: str, call: str, number: str = "") -> None:
        super().__init__(lines, call)
        self.caller = number


async def talked(folder: Path, *callers: Caller) -> list[str]:
    """What the desk said to them, one start of the box for all."""
    (folder / "desk.toml").write_text(DESK)
    desk, _ = read_desk(folder / "desk.toml")
    turns: list[Turn] = []
    async with App(Box(folder, engines=ENGINES), desk, turns.append) as app:
        for caller in callers:
            await app.chat(caller)
    return [turn.meant for turn in turns]


async def test_the_next_start_closes_what_was_under_way(tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db")
    log = EventLog(store)
    for kind, data in (
        ("began", {}),
        ("flow.started", {"flow": "book"}),
        ("slot.filled", {"slot": "day", "value": "2030-01-03", "spoken": "Thursday"}),
    ):
        log.append("killed", kind, {**data, "form": 1})
    store.close()
    await talked(tmp_path, Caller("when are you open", call="next"))
    store = Store(tmp_path / "desk.db")
    assert EventLog(store).open_conversations() == []
    assert EventLog(store).read("killed")[-1].data == {"how": "crash"}
    [(note,)] = store.read("select text from message")
    assert "making an appointment can be gone on with under the case number" in note
    store.close()


async def test_who_writes_is_answered_before_the_desk_can_hear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = threading.Event()

    def slow() -> FakeTts:
        loaded.wait(30)
        return FakeTts()

    monkeypatch.setattr(fake, "FakeTts", slow)
    (tmp_path / "desk.toml").write_text(DESK)
    desk, _ = read_desk(tmp_path / "desk.toml")
    turns: list[Turn] = []
    async with App(Box(tmp_path, engines=VOICE), desk, turns.append, early=True) as app:
        assert "tts: it is being loaded" in app.voice_off()
        await app.chat(Caller("when are you open", call="early"))
        assert len(turns) == 2
        by_sound = RecordedCaller([Saying(bytes(32_000))], "waits", pace=False)
        talking = asyncio.create_task(app.talk(by_sound))
        await app.prepared(within=0.05)
        assert not talking.done()
        loaded.set()
        await talking
        assert app.voice_off() == ""
        await app.prepared(within=0.05)
        assert not app._preparing.done(), "what makes it quicker waits until there is time"
        app.at_ease.set()
        await app.prepared()
        assert app._preparing.done()


def test_a_start_waits_for_nothing_that_the_first_answer_does_not_take() -> None:
    """Each of these is a tenth of the time until somebody is answered, or near it."""
    program = "import sys, appliance.commands.run; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    at_start = set(ran.stdout.split())
    assert "appliance.app" in at_start
    for late in LATE:
        assert late not in at_start, late


async def test_a_deed_is_in_the_calendar_file_when_the_call_is_over(tmp_path: Path) -> None:
    tomorrow = ("book an appointment", "next Thursday", "half past ten", "Ann Smith", "212 555 0142", "yes")
    await talked(tmp_path, Caller(*tomorrow, call="one"))
    text = (tmp_path / "calendar.ics").read_bytes()
    assert b"SUMMARY:Ann Smith" in text
    assert not (tmp_path / "calendar.new").exists()


async def test_the_number_that_a_call_comes_from_is_kept_and_offered_but_proves_nothing(
    tmp_path: Path,
) -> None:
    said = await talked(
        tmp_path, Caller("I have a code", "yes", "1 1 1 1 1 1", call="one", number="+12125550142")
    )
    assert "Shall I use" in said[1]
    assert "do not fit together" in said[-1]
    store = Store(tmp_path / "desk.db")
    [known] = [event for event in EventLog(store).read("one") if event.kind == "identified"]
    assert known.data == {"how": "caller_id", "number": "+12125550142"}
    store.close()


def test_nothing_is_left_beside_the_file_when_the_box_is_stopped(tmp_path: Path) -> None:
    asyncio.run(talked(tmp_path, Caller("when are you open", call="one")))
    assert not list(tmp_path.glob("desk.db-*"))


async def test_a_desk_that_stops_finishes_its_sentence_says_goodbye_and_takes_no_further_call(
    tmp_path: Path,
) -> None:
    turns: list[Turn] = []
    async with App(Box(tmp_path, engines=VOICE), LEAVING, turns.append) as app, asyncio.timeout(20):
        caller = RecordedCaller([Saying(whole.voice(1.0))])
        talking = asyncio.create_task(app.talk(caller))
        await until(lambda: caller.playout.queued)
        await app.leave.take(10.0)
        assert [turn.spoken.text for turn in turns] == ["Hello here is the desk", "I must go"]
        assert all(turn.spoken.whole for turn in turns)
        await talking
        late = RecordedCaller([Saying(whole.voice(1.0))], "late")
        await app.talk(late)
        with pytest.raises(CallFailed):  # Whom the desk called, and told nothing: it is to be tried again.
            await app.talk(RecordedCaller([]), opening="Your table is free")
    assert len(turns) == 2


async def test_a_desk_that_stops_does_not_wait_for_ever(tmp_path: Path) -> None:
    endless = replace(LEAVING, lines=replace(LEAVING.lines, greeting=" ".join(["word"] * 60)))
    async with App(Box(tmp_path, engines=VOICE), endless) as app, asyncio.timeout(20):
        caller = RecordedCaller([Saying(whole.voice(1.0))])
        talking = asyncio.create_task(app.talk(caller))
        await until(lambda: caller.playout.queued)
        began = asyncio.get_running_loop().time()
        await app.leave.take(0.3)
        assert asyncio.get_running_loop().time() - began < 1.0
        talking.cancel()


async def test_thinking_gives_way_to_hearing(tmp_path: Path) -> None:
    engines = replace(VOICE, llm=FAKE)
    async with App(Box(tmp_path, engines=engines), LEAVING) as app:

        def nice() -> int:
            return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

        threads = {kind: app.engine(kind)[1] for kind in ("vad", "asr", "tts", "llm")}
        levels = {kind: await thread.run(nice) for kind, thread in threads.items() if thread}
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert levels["asr"] == levels["vad"] == levels["tts"] == ours
    assert levels["llm"] == min(19, ours + GIVES_WAY["llm"])


@pytest.mark.parametrize("prepared", [True, False])
async def test_a_desk_that_is_over_holds_nothing_that_only_a_collection_would_free(
    tmp_path: Path, prepared: bool
) -> None:
    (tmp_path / "desk.toml").write_text(DESK)
    desk, _ = read_desk(tmp_path / "desk.toml")
    gc.collect()
    gc.disable()
    try:
        async with App(Box(tmp_path, engines=VOICE), desk) as app:
            if prepared:
                await app.prepared()
                await app.chat(ScriptedCaller(("book an appointment", "never mind"), "one"))
            assert app.hearing
            assert app.speech
            engines = (app.hearing.asr, app.speech, app.served.knowledge)
            held = [weakref.ref(each) for each in (app, app.books, *engines)]
        del app, engines
        await asyncio.sleep(0)
        assert [each() for each in held if each()] == []
    finally:
        gc.enable()
