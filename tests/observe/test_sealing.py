"""The recording that is kept: as long as the call, with a tone for what is private, whole after a kill."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Box, DeskFile, Engine, read_desk
from appliance.conversation import converse
from appliance.engines.fake import FakeAsr
from appliance.messages import (
    FRAME,
    RATE,
    Audio,
    Closing,
    Decision,
    Event,
    Expect,
    Heard,
    Notice,
    Silence,
    Spoken,
    Turn,
    samples,
)
from appliance.observe import sealing
from appliance.observe.account import kept, last
from appliance.observe.calls import Calls
from appliance.observe.recorder import Recorder
from appliance.observe.sealing import TONE, Beep, beeps, known, seal
from tests.audio_server import until
from tests.desk import voice
from tests.test_app import ENGINES

FAKES = replace(ENGINES, vad=Engine("fake"), asr=Engine("fake"), tts=Engine("fake"))
DESK = """name = "Alder House"

[fact.hours]
ask = ["when are you open", "what are your hours", "are you open today"]
say = "We are open from nine."

[flow.pay]
phrases = ["I want to pay"]
record = "paused"
done = "Thank you."

[[flow.pay.ask]]
slot = "sum"
type = "number"
prompt = "How much?"
"""

Sound = NDArray[np.float64]


def part(folder: Path, seconds: float, hertz: float = 300) -> Path:
    """The caller hums all the time, the desk a third lower."""
    recorder = Recorder(folder / "20261123T090000Z-one.part", origin=0)
    moments = np.arange(samples(seconds)) / RATE
    for at in range(0, len(moments), FRAME):
        for put, tone in ((recorder.desk, 0.7 * hertz), (recorder.caller, hertz)):
            hum = 8000 * np.sin(2 * np.pi * tone * moments[at : at + FRAME])
            put(Audio(hum.astype("<i2").tobytes(), at))
    recorder.close()
    return recorder.path


def sound(path: Path) -> Sound:
    read, rate = soundfile.read(path)
    assert rate == RATE
    return read


def loud(side: Sound, start: float, end: float, hertz: float) -> float:
    """How much of a stretch, in seconds, is a tone of that height; 0 to 1."""
    stretch = side[samples(start) : samples(end)]
    power = np.abs(np.fft.rfft(stretch * np.hanning(len(stretch)))) ** 2
    at = np.fft.rfftfreq(len(stretch), 1 / RATE)
    return float(power[np.abs(at - hertz) < 30].sum() / max(power.sum(), 1e-9))


@pytest.mark.parametrize("seconds", [0.02, 0.5, 1.0, 7.34, 30.02])
def test_it_is_exactly_as_long_as_the_call_caller_left_desk_right(tmp_path: Path, seconds: float) -> None:
    path = seal(part(tmp_path, seconds), [])
    left = sound(path)
    assert soundfile.info(path).subtype == "OPUS"
    assert left.shape == (samples(seconds), 2)
    assert list(tmp_path.iterdir()) == [path]
    if seconds >= 0.5:
        assert loud(left[:, 0], 0.1, 0.4, 300) > 0.95
        assert loud(left[:, 1], 0.1, 0.4, 210) > 0.95


def test_a_call_that_was_over_before_its_first_sound_has_a_recording_that_plays(tmp_path: Path) -> None:
    kept_as = seal(part(tmp_path, 0.0), [])
    assert len(sound(kept_as)) == 1


def test_where_something_private_was_said_there_is_a_tone_and_nothing_else_changes(tmp_path: Path) -> None:
    left = sound(seal(part(tmp_path, 6), [Beep(0, samples(2), samples(3))]))
    assert loud(left[:, 0], 1.75, 3.25, TONE) > 0.95
    assert loud(left[:, 0], 1.75, 3.25, 300) < 0.001
    assert loud(left[:, 0], 0.2, 1.6, 300) > 0.95
    assert loud(left[:, 0], 3.4, 5.8, 300) > 0.95
    assert loud(left[:, 1], 1.75, 3.25, 210) > 0.95


def test_of_a_card_all_of_the_breath_is_a_tone_and_of_a_name_the_name() -> None:
    card = Heard("my card is 4111 1111 1111 1111", samples(1), samples(5), samples(5), samples(5))
    name = Heard("my name is Annika Lindqvist", samples(11), samples(15), samples(15), samples(15))
    said = Spoken("Thank you, Annika Lindqvist.", samples(16), samples(18), samples(16), True)
    turns = [kept(Turn("one", 2, card)), kept(Turn("one", 3, name, Decision("x", "y"), spoken=said))]
    first, second, third = beeps(turns)
    assert first == Beep(0, samples(1), samples(5))
    assert (second.side, second.end) == (0, samples(15))
    assert samples(12) < second.start < samples(13)
    assert (third.side, third.end) == (1, samples(18))


def record_and_die(path: Path) -> None:
    """Eight seconds of a call, in a process that is killed then."""
    if os.fork() == 0:
        recorder = Recorder(path, origin=0)
        for at in range(0, samples(8), FRAME):
            recorder.caller(Audio(voice(0.02), at))
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()


async def test_what_a_kill_left_can_be_played_and_what_nobody_understood_is_silent(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "var")
    number = calls.begin("one", "ab" * 16, "sip", "Alder House", "0123456789ab", datetime.now(UTC))
    heard = Heard("my number is 212 555 0142", samples(1), samples(3), samples(3), samples(3))
    said = Spoken("Yes.", samples(3), samples(4), 0, True)
    turn = Turn("one", 2, heard, Decision("hours", "near"), spoken=said)
    calls.keep(number, kept(turn), last(turn))
    calls.close()
    record_and_die(tmp_path / "var" / "recordings" / "20261123T090000Z-one.part")
    async with App(Box(tmp_path / "var", engines=ENGINES), desk(tmp_path)) as app:
        kept_calls = app.books.calls
        await until(lambda: kept_calls.older(datetime.now(UTC), "recorded"))
        (call,) = kept_calls.older(datetime.now(UTC), "recorded")
        left = sound(app.books.recordings / call.recording)
        names = [path.name for path in app.books.recordings.iterdir()]
    assert names == ["20261123T090000Z-one.ogg"]
    assert len(left) >= samples(6)
    assert loud(left[:, 0], 2.5, 3.0, TONE) > 0.9
    assert np.abs(left[samples(4.5) :]).max() < 0.001


async def test_what_was_not_agreed_to_when_the_power_went_is_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "recordings"
    for name in ("20261123T090000Z-one.asked", "20261123T090000Z-two.part", "20261123T090000Z-three.new"):
        Recorder(folder / name, origin=0).close()
    async with App(Box(tmp_path / "var", engines=ENGINES), desk(tmp_path)):
        await until(lambda: not list(folder.iterdir()))


# The desk as it is composed.


def desk(folder: Path, **changed: Any) -> DeskFile:
    path = folder / "desk.toml"
    path.write_text(DESK)
    return replace(read_desk(path)[0], **changed)


Talked = tuple[list[dict[str, Any]], int, Path | None]


async def talked(folder: Path, says: Sequence[str], **changed: Any) -> Talked:
    """A call by sound that is recorded, in scripted time: its turns, its length, and its recording."""
    async with App(Box(folder / "var", recordings=True, engines=FAKES), desk(folder, **changed)) as app:
        assert app.hearing
        app.hearing = replace(app.hearing, asr=FakeAsr(says))
        caller = RecordedCaller([Saying(voice(2.0)) for _ in says], "0123456789ab", pace=False)
        await app.talk(caller)
        call = app.books.calls.call("0123456789ab")
        assert call
        turns = app.books.calls.turns(call.number)
        return turns, call.length, app.books.recordings / call.recording if call.recording else None


async def test_a_call_is_kept_with_a_tone_in_the_place_of_its_private_words(tmp_path: Path) -> None:
    turns, length, path = await talked(tmp_path, ["when are you open", "my card is 4111 1111 1111 1111"])
    assert path
    left = sound(path)
    assert abs(len(left) - length) <= samples(0.1)
    heard = [turn["heard"] for turn in turns if turn["heard"]]
    plain, card = ([each["start"] / RATE, each["end"] / RATE] for each in heard[:2])
    assert loud(left[:, 0], *plain, 220) > 0.9
    assert loud(left[:, 0], *card, TONE) > 0.9


async def test_while_a_flow_wants_it_neither_side_is_recorded(tmp_path: Path) -> None:
    turns, _, path = await talked(tmp_path, ["I want to pay", "fifty", "when are you open"])
    assert path
    left = sound(path)
    asked = next(turn["spoken"] for turn in turns if turn["decision"]["intent"] == "pay")
    told = next(turn["heard"] for turn in turns if turn["heard"] and turn["number"] == 3)
    assert np.abs(left[asked["start"] : told["end"]]).max() < 0.001
    before = next(turn["heard"] for turn in turns if turn["number"] == 2)
    assert loud(left[:, 0], before["start"] / RATE, before["end"] / RATE, 220) > 0.9


async def test_where_a_flow_wants_none_all_of_it_is_deleted(tmp_path: Path) -> None:
    flows = desk(tmp_path).flow
    never = {"pay": replace(flows["pay"], record="never")}
    _, _, path = await talked(tmp_path, ["when are you open", "I want to pay", "fifty"], flow=never)
    assert path is None
    assert list((tmp_path / "var" / "recordings").iterdir()) == []


async def test_who_was_asked_and_agreed_is_kept_who_did_not_is_not(tmp_path: Path) -> None:
    for answer, kept_it in (("yes", True), ("no", False)):
        folder = tmp_path / answer
        folder.mkdir()
        _, _, path = await talked(folder, [answer, "when are you open"], recording="ask")
        assert bool(path) is kept_it


async def test_without_room_on_the_disk_nothing_is_recorded_and_nobody_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "ROOM", 1 << 60)
    turns, _, path = await talked(tmp_path, ["when are you open"])
    assert path is None
    assert "recorded" not in str(turns[0]["spoken"]["words"])


async def test_who_cannot_wait_for_it_has_the_call_kept_all_the_same(tmp_path: Path) -> None:
    """As where the page is closed: the conversation is cancelled, and soon once more."""
    async with App(Box(tmp_path / "var", recordings=True, engines=FAKES), desk(tmp_path)) as app:
        assert app.hearing
        app.hearing = replace(app.hearing, asr=FakeAsr(["when are you open"]))
        answered = asyncio.Event()

        def watch(notice: Notice) -> None:
            if isinstance(notice, Turn) and notice.number == 2:
                answered.set()

        sayings = [Saying(voice(2.0))]
        caller = RecordedCaller(sayings, "0123456789ab", pace=False, linger=600, watch=watch)
        talking = asyncio.create_task(app.talk(caller))
        await answered.wait()
        for _ in range(2):
            talking.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([talking])
    calls = Calls(tmp_path / "var")
    call = calls.call("0123456789ab")
    calls.close()
    assert call
    assert call.ended
    assert soundfile.info(tmp_path / "var" / "recordings" / call.recording).frames > samples(3)


async def test_wherever_it_is_cancelled_the_line_is_hung_up_and_the_call_has_an_end(tmp_path: Path) -> None:
    callers = []
    async with App(Box(tmp_path / "var", recordings=True, engines=FAKES), desk(tmp_path)) as app:
        for steps in range(1, 40, 3):
            caller = RecordedCaller([Saying(voice(1.0))], f"call-{steps}", pace=False, linger=600)
            talking = asyncio.create_task(app.talk(caller))
            for _ in range(steps):
                await asyncio.sleep(0)
            for _ in range(4):
                talking.cancel()
                await asyncio.sleep(0)
            await asyncio.wait([talking])
            callers.append(caller)
        assert app.calls == 0
    assert app.books.metrics.under_way == 0
    assert all(caller._gone for caller in callers)
    calls = Calls(tmp_path / "var")
    page = calls.page()
    calls.close()
    assert len(page) == len(callers)
    assert all(call.ended for call in page)
    assert not list((tmp_path / "var" / "recordings").glob("*.part"))


async def test_what_was_said_after_the_last_words_that_were_understood_is_not_kept_as_sound(
    tmp_path: Path,
) -> None:
    """Its words may be a card number that nobody wrote down."""
    async with App(Box(tmp_path / "var", recordings=True, engines=FAKES), desk(tmp_path)) as app:
        assert app.hearing
        app.hearing = replace(app.hearing, asr=FakeAsr(["when are you open"]))
        sayings = [Saying(voice(2.0)), Saying(voice(30.0))]
        caller = RecordedCaller(sayings, "0123456789ab", pace=False)
        talking = asyncio.create_task(app.talk(caller))
        await until(lambda: not caller._waiting and len(caller._saying) < 800_000)
        await caller.hang_up()
        await talking
        call = app.books.calls.call("0123456789ab")
        assert call
        turns = app.books.calls.turns(call.number)
        left = sound(app.books.recordings / call.recording)
    heard = max(turn["heard"]["end"] for turn in turns if turn["heard"])
    spoken = max(turn["spoken"]["end"] or 0 for turn in turns)
    assert abs(len(left) - call.length) <= samples(0.1)
    assert len(left) > spoken + samples(3)
    assert np.abs(left[heard + samples(0.1) :, 0]).max() < 0.001
    assert np.abs(left[spoken + samples(0.1) :, 1]).max() < 0.001


def test_who_is_told_goodbye_in_the_middle_of_a_sentence_is_not_kept_as_sound(tmp_path: Path) -> None:
    """Nor is who speaks while the desk makes up its mind that nobody does."""
    heard = Heard("when are you open", samples(1), samples(2), samples(2), samples(2))
    said = Spoken("From nine.", samples(2.5), samples(3.5), 0, True)
    goodbye = Spoken("Goodbye.", samples(7), samples(8), 0, True)
    turns = [
        Turn("one", 2, heard, Decision("hours", "near"), answered=samples(2.4), spoken=said),
        Turn("one", 3, Silence(samples(5)), Decision("silence", "quiet"), answered=samples(6)),
        Turn("one", 4, Closing(samples(6)), Decision("closing", ""), answered=samples(6.5), spoken=goodbye),
    ]
    left = sound(seal(part(tmp_path, 10), [], known([kept(turn) for turn in turns])))
    assert loud(left[:, 0], 0.2, 1.9, 300) > 0.95
    assert np.abs(left[samples(2.1) :, 0]).max() < 0.001
    assert loud(left[:, 1], 6, 7.9, 210) > 0.95
    assert np.abs(left[samples(8.1) :, 1]).max() < 0.001


class Stuck:
    """A mind that takes long and will take nothing back."""

    filler, expects = "", Expect()

    async def decide(self, cause: object) -> None:
        if isinstance(cause, Heard) and "Annika" in cause.text:
            await asyncio.sleep(3600)

    async def retract(self, cause: Heard) -> bool:
        return False


async def test_words_that_came_to_no_answer_and_stand_are_known_to_whoever_keeps_what_was_said() -> None:
    first, second = (
        Heard(text, at, at, at, at) for text, at in (("my name is Annika Lindqvist", 9), ("so", 99))
    )

    class Caller(ScriptedCaller):
        async def hear(self) -> AsyncIterator[Event]:
            for each in (first, second):
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                yield each

    turns: list[Turn] = []
    await converse(Caller(()), Stuck(), turns.append)  # type: ignore[arg-type]
    assert [turn.cause for turn in turns] == [first]
    (beep,) = beeps([kept(turns[0])])
    assert beep.side == 0
