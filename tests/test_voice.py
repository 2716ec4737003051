"""The desk speaks, and somebody else makes a sound: in scripted time, measured where it is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from appliance.channels.recorded import RecordedCaller, Saying
from appliance.ears import Hearing
from appliance.engines.fake import PACE, FakeAsr, FakeTts, FakeVad
from appliance.engines.inline import InlineThread
from appliance.messages import FRAME, RATE, Expect, Heard, Line, samples
from appliance.observe.recorder import Recorder
from appliance.speech import Speech
from appliance.voice import Voice
from tests.desk import DESK, LINES, Result, call, voice

ANSWER = "We are open from nine to five."


async def cut_in(
    folder: Path, words: str, lasting: float = 0.4, into: float = 1.0, desk: object = DESK
) -> tuple[Result, np.ndarray]:  # type: ignore[type-arg]
    """Somebody asks for the hours, and says `words` while they are told. The call, and what was played."""
    path = folder / "call.wav"
    sayings = [Saying(voice(1.0)), Saying(voice(lasting), into=into)]
    result = await call(folder, ["when are you open", words], sayings, desk=desk, record=path)  # type: ignore[arg-type]
    sound, _ = soundfile.read(path, dtype="int16")
    return result, sound


def stretches(sound: np.ndarray, quiet: float = 0.08) -> list[tuple[int, int]]:  # type: ignore[type-arg]
    """Where it sounds, with gaps of less than `quiet` seconds closed."""
    loud = np.flatnonzero(sound)
    breaks = np.flatnonzero(np.diff(loud) > samples(quiet))
    return list(zip(loud[[0, *(breaks + 1)]], loud[[*breaks, -1]] + 1, strict=True))


@pytest.mark.parametrize("words", ["mhm", "yeah", "okay", "right", "uh-huh", ""])
async def test_who_agrees_or_coughs_is_let_and_the_desk_goes_on_at_the_word(
    tmp_path: Path, words: str
) -> None:
    result, sound = await cut_in(tmp_path, words)
    assert len(result.turns) == 2
    turn = result.turns[1]
    assert turn.spoken.whole
    assert turn.spoken.text == turn.meant == ANSWER
    before, after = (s for s in stretches(sound[:, 1]) if s[0] >= turn.spoken.start)
    assert after[0] - before[1] < RATE
    # Every word is whole: those before the one it stopped in, and from that one on, from its beginning.
    said_again = -(-(before[1] - before[0]) // PACE) - 1
    assert after[1] - after[0] == pytest.approx((7 - said_again) * PACE, abs=FRAME + samples(0.05))


async def test_a_true_interruption_stops_it_within_150_ms_and_is_answered(tmp_path: Path) -> None:
    result, sound = await cut_in(tmp_path, "where can I park", lasting=1.2)
    cut, answer = result.turns[1:3]
    assert isinstance(answer.cause, Heard)
    played = np.flatnonzero(sound[: answer.spoken.start, 1])
    assert played[-1] - answer.cause.start < samples(0.15)
    assert not cut.spoken.whole
    assert cut.meant.startswith(cut.spoken.text)
    assert answer.spoken.text == "Park behind the house."


async def test_what_was_cut_off_is_remembered_to_the_word(tmp_path: Path) -> None:
    result, sound = await cut_in(tmp_path, "where can I park", lasting=1.2, into=1.3)
    spoken = result.turns[1].spoken
    played = np.flatnonzero(sound[: spoken.end, 1])[-1] - spoken.start
    assert len(spoken.text.split()) == pytest.approx(played / PACE, abs=1)


async def test_a_word_ends_where_it_was_heard_to_end_though_the_next_was_said_twice(tmp_path: Path) -> None:
    result, _ = await cut_in(tmp_path, "mhm")
    words = result.turns[1].spoken.words
    assert [word.text for word in words] == ANSWER.split()
    assert all(0 < word.end - word.start <= 1.5 * PACE for word in words)


async def test_a_click_lowers_the_voice_and_no_more(tmp_path: Path) -> None:
    result, sound = await cut_in(tmp_path, "never heard", lasting=0.02)
    assert result.turns[1].spoken.whole
    spoken = result.turns[1].spoken
    assert spoken.end - spoken.start == pytest.approx(7 * PACE, abs=FRAME)
    blocks = np.abs(sound[spoken.start : spoken.end, 1].astype(float))
    loud = blocks[: len(blocks) // PACE * PACE].reshape(-1, PACE).mean(axis=1)
    assert loud.min() < 0.8 * loud.max()


async def test_a_yes_to_a_question_that_is_almost_out_is_an_answer(tmp_path: Path) -> None:
    # "I don't know that shall I take a message" lasts 2.7 s.
    sayings = [Saying(voice(1.0)), Saying(voice(0.4), into=1.9)]
    result = await call(tmp_path, ["zebra quartz violin", "yes"], sayings)
    offer, accepted = result.turns[1:3]
    assert offer.spoken.whole
    assert accepted.spoken.text == LINES.message
    assert accepted.spoken.start >= offer.spoken.end


async def test_a_yes_to_a_question_that_is_not_out_is_none(tmp_path: Path) -> None:
    sayings = [Saying(voice(1.0)), Saying(voice(0.4), into=0.4)]
    result = await call(tmp_path, ["zebra quartz violin", "yes"], sayings)
    assert [turn.spoken.text for turn in result.turns][1:] == [LINES.unknown]
    assert result.turns[1].spoken.whole


@pytest.mark.parametrize(("awaited", "told"), [("digits", ["oh"]), ("any", [])])
async def test_a_nought_that_goes_on_with_a_number_is_no_agreement(awaited: Any, told: list[str]) -> None:
    thread = InlineThread()
    caller = RecordedCaller([Saying(voice(0.4), into=0.5)], pace=False, linger=2.0)
    hearing = Hearing(FakeVad(), thread, FakeAsr(["oh"]), thread, None, thread)
    call = Voice(caller, hearing, Speech(FakeTts(), thread))
    call.expect(Expect(awaited))
    call.expect(Expect())

    async def answer() -> AsyncIterator[Line]:
        yield Line(ANSWER)

    saying = asyncio.create_task(call.say(answer()))
    assert [event.text async for event in call.hear() if isinstance(event, Heard)] == told
    saying.cancel()
    await asyncio.wait([saying])


async def test_a_line_that_must_be_said_is_said_and_the_caller_answered_after_it(tmp_path: Path) -> None:
    desk = replace(DESK, uninterruptible=("greeting",))
    result = await call(tmp_path, ["when are you open"], [Saying(voice(0.8), into=0.3)], desk=desk)
    greeting, answer = result.turns
    assert greeting.spoken.whole
    assert greeting.spoken.end - greeting.spoken.start == pytest.approx(5 * PACE, abs=FRAME)
    assert answer.spoken.text == ANSWER
    assert answer.spoken.start >= greeting.spoken.end


async def test_the_same_line_is_cut_where_it_need_not_be_said(tmp_path: Path) -> None:
    result = await call(tmp_path, ["when are you open"], [Saying(voice(0.8), into=0.3)])
    assert not result.turns[0].spoken.whole
    assert result.turns[1].spoken.text == ANSWER


async def test_what_comes_after_such_a_line_gives_way_to_who_waits(tmp_path: Path) -> None:
    law = replace(DESK.fact["hours"], ask=("what is the law",), say="We record this.")
    hours = replace(DESK.fact["hours"], say="We record this. We are open from nine to five.")
    desk = replace(DESK, fact={**DESK.fact, "hours": hours, "law": law}, uninterruptible=("fact.law",))
    sayings = [Saying(voice(1.0)), Saying(voice(0.5), into=0.6)]
    result = await call(tmp_path, ["when are you open", "where can I park"], sayings, desk=desk)
    assert result.turns[1].spoken.text.startswith("We record this.")
    assert not result.turns[1].spoken.whole
    assert result.turns[2].cause.text == "where can I park"


async def test_a_desk_that_hears_its_own_words_says_them_to_the_end_and_then_is_half_duplex(
    tmp_path: Path,
) -> None:
    own = [Saying(voice(0.2), into=1.25), Saying(voice(1.0)), Saying(voice(0.3), into=1.3)]
    heard = ["desk", "when are you open", "from nine"]
    result = await call(tmp_path, heard, own)
    assert [turn.spoken.text for turn in result.turns] == [LINES.greeting, ANSWER]
    assert all(turn.spoken.whole for turn in result.turns)
    assert result.caller.half_duplex


@pytest.mark.parametrize("lasting", [3.0, 20.0])
async def test_a_machine_that_sounds_like_speech_does_not_silence_the_desk_for_long(
    tmp_path: Path, lasting: float
) -> None:
    result, sound = await cut_in(tmp_path, "", lasting=lasting, into=0.5)
    answer = result.turns[1]
    assert answer.spoken.whole
    gaps = np.diff(np.flatnonzero(sound[answer.spoken.start : answer.spoken.end, 1]))
    assert gaps.max() < samples(4.0)


async def test_a_radio_that_talks_on_and_on_does_not_keep_the_desk_from_every_answer(tmp_path: Path) -> None:
    radio = [Saying(voice(1.0)), *[Saying(voice(6.0), into=0.4)] * 3]
    words = ["when are you open", "where can I park", "when are you open", "where can I park"]
    result = await call(tmp_path, words, radio)
    assert [turn.spoken.whole for turn in result.turns[1:]] == [False, False, True, True]
    assert result.turns[3].spoken.text == ANSWER


async def test_one_noise_after_another_puts_the_answer_off_but_not_for_ever(tmp_path: Path) -> None:
    noises = [Saying(voice(0.3), into=0.4 + 0.9 * number) for number in range(6)]
    result = await call(
        tmp_path, ["when are you open"], [Saying(voice(1.0)), *noises], asr=FakeAsr(["when are you open"])
    )
    assert result.turns[1].spoken.whole
    assert result.turns[1].spoken.text == ANSWER


async def test_the_vad_alone_at_doubt_does_not_stop_it(tmp_path: Path) -> None:
    flicker = [0.0] * 200 + [0.9, 0.0, 0.0] * 200
    result = await call(tmp_path, [], [], vad=FakeVad(script=flicker))
    assert result.turns[0].spoken.whole


async def test_what_caller_and_person_tell_each_other_is_not_recorded(tmp_path: Path) -> None:
    thread = InlineThread()
    caller = RecordedCaller([Saying(voice(2.0))], pace=False, linger=1.0)
    recorder = Recorder(tmp_path / "call.wav", origin=0)
    hearing = Hearing(FakeVad(), thread, FakeAsr(["hello"]), thread, None, thread)
    joined = Voice(caller, hearing, Speech(FakeTts(), thread), recorder)
    person = bytearray()
    with joined.aside():
        joined.divert(lambda frame: person.extend(frame.pcm))
        speaking = asyncio.create_task(caller.playout.write(voice(1.0)))
        async for _ in joined.hear():
            pass
    await speaking
    recorder.close()
    sound, _ = soundfile.read(tmp_path / "call.wav", dtype="int16")
    assert len(sound) >= samples(2.0)
    assert np.any(np.frombuffer(person, dtype="<i2"))
    assert not np.any(sound)
