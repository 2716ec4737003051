"""A call is recorded only where its caller knows, and agreed where the desk must ask."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.answering.knowledge import Knowledge
from appliance.brain import Brain
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.config.calling import Recording
from appliance.conversation import converse
from appliance.ears import Hearing
from appliance.engines.fake import FakeAsr, FakeEmbed, FakeTts, FakeVad
from appliance.engines.inline import InlineThread
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import FRAME_BYTES, Audio, Turn
from appliance.observe.recorder import Recorder
from appliance.serving.consent import Consent
from appliance.speech import Speech
from appliance.voice import Voice
from tests.desk import DESK, voice


@dataclass
class Call:
    turns: list[Turn]
    recording: Path

    def played(self) -> list[str]:
        return [turn.spoken.text for turn in self.turns]


async def call(folder: Path, mode: Recording, says: Sequence[str]) -> Call:
    """A recorded call in scripted time."""
    thread, path = InlineThread(), folder / "call.wav"
    knowledge = Knowledge(DESK, FakeEmbed(), thread)
    await knowledge.load()
    store = Store(folder / "desk.db")
    recorder, turns = Recorder(path), list[Turn]()
    consent = Consent(mode, recorder)
    caller = RecordedCaller([Saying(voice(1.0)) for _ in says], pace=False)
    hears = Voice(
        caller, Hearing(FakeVad(), thread, FakeAsr(says), thread), Speech(FakeTts(), thread), recorder
    )
    brain = Brain(knowledge, Notebook(store, thread), None, caller.id, consent=consent)
    await converse(hears, brain, turns.append)
    consent.close()
    recorder.close()
    store.close()
    return Call(turns, path)


def seconds(path: Path) -> float:
    with wave.open(str(path)) as file:
        return float(file.getnframes() / file.getframerate())


async def test_that_it_is_recorded_is_said_first(tmp_path: Path) -> None:
    done = await call(tmp_path, "announce", ["when are you open"])
    assert done.played()[0] == f"{DESK.lines.recorded} {DESK.lines.greeting}"
    assert done.played()[1] == "We are open from nine to five."
    assert seconds(done.recording) > 5


async def test_who_agrees_is_recorded_from_the_first_word(tmp_path: Path) -> None:
    done = await call(tmp_path, "ask", ["yes", "when are you open"])
    assert done.played() == [DESK.lines.may_record, DESK.lines.greeting, "We are open from nine to five."]
    assert seconds(done.recording) > 5


@pytest.mark.parametrize(
    ("says", "then"),
    [
        (["no", "when are you open"], f"{DESK.lines.not_recorded} {DESK.lines.greeting}"),
        (["when are you open"], "We are open from nine to five."),
        (["well I do not know", "no"], None),
        ([], None),
    ],
)
async def test_without_a_yes_nothing_is_kept(tmp_path: Path, says: list[str], then: str | None) -> None:
    done = await call(tmp_path, "ask", says)
    assert done.played()[0] == DESK.lines.may_record
    if then:
        assert done.played()[1] == then
    assert not done.recording.exists()


async def test_who_says_at_any_time_that_there_is_to_be_no_recording_has_it_deleted(tmp_path: Path) -> None:
    done = await call(
        tmp_path, "announce", ["when are you open", "please do not record this", "where can I park"]
    )
    assert DESK.lines.not_recorded in done.played()
    assert len(done.turns) == 4
    assert not done.recording.exists()


def test_what_was_discarded_stays_so(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    recorder.caller(Audio(bytes(FRAME_BYTES), 0))
    recorder.discard()
    recorder.caller(Audio(bytes(FRAME_BYTES), 320))
    recorder.desk(Audio(bytes(FRAME_BYTES), 320))
    recorder.discard()
    recorder.close()
    assert list(tmp_path.iterdir()) == []
    assert recorder.failed == ""


@pytest.mark.parametrize("said", ["don't record me", "I do not want to be recorded", "please stop recording"])
def test_refusals_are_heard(tmp_path: Path, said: str) -> None:
    consent = Consent("announce", Recorder(tmp_path / "call.wav"))
    assert consent.refuses(said)
    assert not consent.refuses("I set a record")
    consent.refuse()


def test_a_yes_to_one_flow_is_none_to_the_next(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.asked", origin=0)
    consent = Consent("never", recorder)
    consent.follow("ask", "complain")
    consent.answer(True)
    consent.follow("ask", "complain")
    assert not recorder.paused
    consent.follow("ask", "claim")
    assert recorder.paused
    consent.close()
    recorder.close()
