"""The loop, in scripted time on the fakes that ship."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from appliance.answering.answers import Answer, fixed
from appliance.answering.smalltalk import SmallTalk
from appliance.bench.turns.clock import run_scripted
from appliance.channels.recorded import Saying
from appliance.conversation import decide
from appliance.engines.fake import GAP, PACE, FakeAsr, FakeEmbed, FakeLlm, FakeTts, FakeVad
from appliance.engines.inline import InlineThread
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import FRAME, Expect, Heard, Line, Noise, Silence, SpeechStarted, Turn, samples
from tests.desk import DESK, LINES, call, voice


def said(turns: list) -> list[str]:  # type: ignore[type-arg]
    return [turn.spoken.text for turn in turns]


async def test_the_desk_greets_and_answers_from_its_file(tmp_path: Path) -> None:
    result = await call(tmp_path, ["when are you open"])
    assert said(result.turns) == [LINES.greeting, "We are open from nine to five."]
    assert result.turns[1].decision.intent == "hours"
    assert result.turns[1].decision.source == "desk.toml fact.hours"
    assert result.turns[1].spoken.whole


async def test_a_turn_tells_when_everything_happened(tmp_path: Path) -> None:
    turn = (await call(tmp_path, ["when are you open"])).turns[1]
    heard, spoken = turn.cause, turn.spoken
    assert isinstance(heard, Heard)
    assert abs(heard.end - heard.start - samples(1.0)) <= 2 * FRAME
    assert heard.end < heard.transcribed <= heard.decided <= spoken.first_text <= spoken.start < spoken.end
    assert spoken.end - spoken.start == pytest.approx(7 * PACE, abs=FRAME)


async def test_the_recording_has_both_sides_where_the_record_says(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    result = await call(tmp_path, ["when are you open"], record=path)
    sound, _ = soundfile.read(path, dtype="int16")
    heard, spoken = result.turns[1].cause, result.turns[1].spoken
    left, right = np.flatnonzero(sound[:, 0]), np.flatnonzero(sound[:, 1])
    assert abs(left[0] - heard.start) <= 2 * FRAME
    assert abs(left[-1] - heard.end) <= 2 * FRAME
    answer = right[right > heard.end]
    assert abs(answer[0] - spoken.start) <= 2
    assert abs(answer[-1] - (spoken.end - GAP)) <= 2


async def test_caller_interrupts_and_the_desk_stops_at_the_word(tmp_path: Path) -> None:
    sayings = [Saying(voice(1.0)), Saying(voice(1.0), into=1.0)]
    result = await call(tmp_path, ["when are you open", "where can I park"], sayings)
    cut = result.turns[1]
    assert not cut.spoken.whole
    assert cut.meant == "We are open from nine to five."
    assert cut.meant.startswith(cut.spoken.text)
    # Interrupted after 1 s, noticed within 0.3 s, at a word every 0.3 s.
    assert len(cut.spoken.text.split()) in (3, 4)
    assert result.turns[2].spoken.text == "Park behind the house."


async def test_what_was_cut_is_not_heard_any_more(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    sayings = [Saying(voice(1.0)), Saying(voice(2.0), into=1.0)]
    result = await call(tmp_path, ["when are you open", "where can I park"], sayings, record=path)
    sound, _ = soundfile.read(path, dtype="int16")
    interruption = next(
        e for e in result.events if isinstance(e, SpeechStarted) and e.at > result.turns[1].spoken.start
    )
    talking_over = np.flatnonzero(sound[interruption.at : interruption.at + samples(1.5), 1])
    assert talking_over[-1] < samples(0.35)


async def test_a_cough_does_not_stop_the_desk(tmp_path: Path) -> None:
    result = await call(tmp_path, ["when are you open"], [Saying(voice(1.0)), Saying(voice(0.15), into=0.6)])
    assert result.turns[1].spoken.whole


async def test_after_a_noise_that_held_no_words_the_desk_goes_on_at_the_word(tmp_path: Path) -> None:
    result = await call(tmp_path, ["when are you open"], [Saying(voice(1.0)), Saying(voice(0.5), into=0.6)])
    assert len(result.turns) == 2
    spoken = result.turns[1].spoken
    assert spoken.whole
    assert spoken.text == result.turns[1].meant
    # The pause, and the word that is said again.
    assert samples(0.5) < spoken.end - spoken.start - 7 * PACE < samples(1.3)


async def test_a_noise_when_the_desk_is_quiet_gets_no_answer(tmp_path: Path) -> None:
    result = await call(tmp_path, [], [Saying(voice(0.5))])
    assert said(result.turns) == [LINES.greeting]


async def test_nobody_there_is_asked_twice_and_then_left(tmp_path: Path) -> None:
    result = await call(tmp_path, [], linger=30.0)
    plainly = f"{LINES.unheard} {LINES.still_there}"
    assert said(result.turns) == [LINES.greeting, LINES.still_there, plainly, LINES.goodbye]
    assert all(isinstance(turn.cause, Silence) for turn in result.turns[1:])
    gaps = [b.spoken.start - a.spoken.end for a, b in zip(result.turns, result.turns[1:], strict=False)]
    assert all(gap == pytest.approx(samples(DESK.silence), abs=samples(0.2)) for gap in gaps)


def quiet(seconds: float) -> bytes:
    return bytes(2 * samples(seconds))


async def test_who_says_nothing_to_an_offer_is_asked_it_again_and_a_yes_is_one_to_that(
    tmp_path: Path,
) -> None:
    offer = "Shall I take a message?"
    desk = replace(DESK, lines=replace(LINES, unknown=f"I don't know that. {offer}"))
    sayings = [Saying(voice(1.0)), Saying(quiet(20.0) + voice(1.0))]
    result = await call(tmp_path, ["zebra quartz violin", "yes"], sayings, desk)
    assert said(result.turns)[2:] == [offer, f"{LINES.unheard} {offer}", LINES.message]


async def test_a_voice_of_which_no_words_come_is_asked_once_to_say_it_again(tmp_path: Path) -> None:
    mumbling, asking = voice(1.4), quiet(3.0) + voice(1.0)
    sayings = [Saying(mumbling), Saying(mumbling + asking), Saying(mumbling)]
    result = await call(tmp_path, ["", "", "when are you open", ""], sayings)
    assert said(result.turns) == [LINES.greeting, LINES.again, DESK.fact["hours"].say, LINES.again]


async def test_goodbye_ends_the_call(tmp_path: Path) -> None:
    result = await call(tmp_path, ["goodbye"], linger=60.0)
    assert said(result.turns) == [LINES.greeting, LINES.goodbye]
    assert result.caller.now() < samples(15)


async def test_what_the_desk_does_not_know_becomes_a_message_for_a_person(tmp_path: Path) -> None:
    result = await call(tmp_path, ["zebra quartz violin", "yes", "it is Ann and I would like one"])
    assert said(result.turns)[1:] == [LINES.unknown, LINES.message, LINES.taken]
    assert [text for _, _, text in result.notebook.messages()] == ["it is Ann and I would like one"]
    assert [text for _, _, text in result.notebook.questions()] == ["zebra quartz violin"]


async def test_a_yes_is_expected_after_the_offer_and_so_awaited_less_long(tmp_path: Path) -> None:
    asr = FakeAsr(["zebra quartz violin", "no"])
    await call(tmp_path, ["", ""], asr=asr)
    assert [expect.kind for expect in asr.expected] == ["any", "yes_no"]


async def test_the_llm_words_what_it_may_word(tmp_path: Path) -> None:
    llm = FakeLlm(["You can park behind the house."])
    result = await call(tmp_path, ["where can I park"], llm=llm)
    assert said(result.turns)[1] == "You can park behind the house."


@pytest.mark.parametrize(
    "invented", ["Park before the house.", "Park behind the house for 5 dollars.", "", "Don't."]
)
async def test_what_the_llm_invents_is_never_said(tmp_path: Path, invented: str) -> None:
    result = await call(tmp_path, ["where can I park"], llm=FakeLlm([invented]))
    assert said(result.turns)[1] == "Park behind the house."


async def test_the_llm_is_not_asked_about_fixed_lines(tmp_path: Path) -> None:
    result = await call(tmp_path, ["when are you open"])
    assert result.llm.asked == []


async def test_say_that_again(tmp_path: Path) -> None:
    result = await call(tmp_path, ["when are you open", "can you repeat that"])
    assert said(result.turns)[1:] == ["We are open from nine to five."] * 2


async def test_a_full_disk_is_told_to_the_caller_as_a_line_and_not_as_an_error(tmp_path: Path) -> None:
    desk = replace(DESK, lines=replace(LINES, not_taken="I could not note that"))

    class Full(FakeAsr):
        def next_line(self) -> str:
            line = super().next_line()
            if line == "my message":
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, held[1]))
            return line

    held = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        result = await call(
            tmp_path, ["", "", ""], desk=desk, asr=Full(["zebra quartz violin", "yes", "my message"])
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, held)
    assert said(result.turns)[-1] == "I could not note that"


class Broken(FakeTts):
    def speak(self, text: str, pace: float = 1.0):  # type: ignore[no-untyped-def]
        yield next(iter(super().speak(text)))
        raise RuntimeError("the voice broke")


async def test_a_voice_that_breaks_ends_the_sentence_and_not_the_call(tmp_path: Path) -> None:
    result = await call(tmp_path, ["when are you open"], tts=Broken())
    assert len(result.turns) == 2
    assert not any(turn.spoken.whole for turn in result.turns)
    assert all(len(turn.spoken.text.split()) <= 1 for turn in result.turns)


class Deaf(FakeAsr):
    def stream(self, expect):  # type: ignore[no-untyped-def]
        stream = super().stream(expect)
        stream.finish = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        return stream


async def test_recognition_that_fails_is_like_a_noise(tmp_path: Path) -> None:
    result = await call(tmp_path, ["when are you open"], asr=Deaf(["when are you open"]))
    assert said(result.turns) == [LINES.greeting, LINES.again]
    assert any(isinstance(event, Noise) for event in result.events)


async def test_ten_minutes_without_a_pause_are_heard_whole_and_then_answered(tmp_path: Path) -> None:
    words = [f"part {number}" for number in range(9)] + ["when are you open"]
    result = await call(tmp_path, [], [Saying(voice(600.0))], asr=FakeAsr(words))
    (heard,) = (event for event in result.events if isinstance(event, Heard))
    assert heard.text == " ".join(words)
    assert heard.end - heard.start == pytest.approx(samples(600.0), abs=samples(1.0))
    assert len(result.turns) == 2


class WideVad(FakeVad):
    """Looks at more than a frame at a time, as real ones do."""

    window = 512

    def stream(self):  # type: ignore[no-untyped-def]
        stream = super().stream()
        inner, rest = stream._probability, bytearray()

        def push(pcm: bytes) -> list[float]:
            rest.extend(pcm)
            found = []
            while len(rest) >= 1024:
                found.append(inner(bytes(rest[:1024])))
                del rest[:1024]
            return found

        stream.push = push  # type: ignore[method-assign]
        return stream


async def test_speech_times_are_where_the_sound_is_whatever_the_vads_window(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    result = await call(tmp_path, ["when are you open"], record=path, vad=WideVad())
    sound, _ = soundfile.read(path, dtype="int16")
    first = int(np.flatnonzero(sound[:, 0])[0])
    heard = result.turns[1].cause
    assert -WideVad.window <= heard.start - first <= 0


async def test_a_message_in_two_breaths_is_one_message(tmp_path: Path) -> None:
    sayings = [Saying(voice(1.0)), Saying(voice(1.0) + bytes(2 * samples(1.2)) + voice(1.0))]
    result = await call(tmp_path, ["leave a message", "it is Ann, and I am late"], sayings)
    assert [text for _, _, text in result.notebook.messages()] == ["it is Ann, and I am late"]


async def test_who_goes_on_before_the_thanks_adds_to_the_message(tmp_path: Path) -> None:
    sayings = [Saying(voice(1.0)), Saying(voice(1.0)), Saying(voice(1.0), into=0.1)]
    result = await call(tmp_path, ["leave a message", "it is Ann", "and I am late"], sayings)
    assert [text for _, _, text in result.notebook.messages()] == ["it is Ann and I am late"]


async def test_an_offer_that_was_hardly_heard_was_not_made(tmp_path: Path) -> None:
    sayings = [Saying(voice(1.0)), Saying(voice(1.0), into=0.6)]
    result = await call(tmp_path, ["zebra quartz violin", "yes please"], sayings)
    assert result.turns[1].decision.intent == "unknown"
    assert result.turns[2].decision.intent == "yes"


async def test_a_goodbye_cut_by_a_noise_still_ends_the_call(tmp_path: Path) -> None:
    desk = replace(DESK, lines=replace(LINES, goodbye="Goodbye and thank you for calling"))
    result = await call(
        tmp_path, ["goodbye"], [Saying(voice(1.0)), Saying(voice(0.5), into=0.6)], desk=desk, linger=60.0
    )
    assert result.turns[-1].spoken.text.endswith("for calling")
    assert result.caller.now() < samples(20)


async def test_a_message_said_into_a_line_that_goes_dead_is_kept(tmp_path: Path) -> None:
    result = await call(tmp_path, ["leave a message", "it is Ann"], linger=0.2)
    assert [text for _, _, text in result.notebook.messages()] == ["it is Ann"]


async def test_a_mind_that_fails_asks_to_say_it_again(tmp_path: Path) -> None:
    class Failing(FakeEmbed):
        def embed(self, texts):  # type: ignore[no-untyped-def]
            if len(texts) == 1:
                raise RuntimeError("no more memory")
            return super().embed(texts)

    result = await call(tmp_path, ["are you open when"], embed=Failing())
    assert said(result.turns)[1] == DESK.lines.again


async def test_a_turn_is_shown_once_when_the_answer_is_over(tmp_path: Path) -> None:
    result = await call(tmp_path, ["when are you open"])
    assert sum(isinstance(event, Turn) for event in result.events) == len(result.turns)


async def test_no_task_is_left_when_the_call_is_over(tmp_path: Path) -> None:
    await call(tmp_path, ["when are you open"], [Saying(voice(1.0)), Saying(voice(1.0), into=0.5)])
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_message_is_kept_though_its_caller_cuts_in_while_it_is_written_down(tmp_path: Path) -> None:
    class SlowPen(InlineThread):
        async def run(self, do: Callable[..., Any], *args: Any) -> Any:
            for _ in range(20):
                await asyncio.sleep(0)
            return do(*args)

    store = Store(tmp_path / "desk.db")
    notebook = Notebook(store, SlowPen())
    smalltalk = SmallTalk(LINES, notebook, "call")
    taking = asyncio.create_task(smalltalk.take_message("it is Ann"))
    await asyncio.sleep(0)
    taking.cancel()
    assert (await smalltalk.take_message("and I would like one")).decision.intent == "taken"
    assert [text for _, _, text in notebook.messages()] == ["it is Ann and I would like one"]
    store.close()


@pytest.mark.parametrize(("takes", "fillers"), [(0.7, []), (0.9, [0.8])])
def test_who_waits_longer_than_800_ms_for_an_answer_hears_that_it_comes(
    takes: float, fillers: list[float]
) -> None:
    class Slow:
        filler = LINES.moment

        async def decide(self, cause: object) -> Answer:
            await asyncio.sleep(takes)
            return answer

    class Listening:
        def __init__(self) -> None:
            self.heard: list[tuple[str, float]] = []

        async def say(self, lines: AsyncIterator[Line]) -> None:
            self.heard += [(line.text, asyncio.get_running_loop().time()) async for line in lines]

    async def work() -> tuple[Answer | None, float]:
        found = await decide(call, Slow(), Turn("call", 2))  # type: ignore[arg-type]
        return found, asyncio.get_running_loop().time()

    answer = fixed("hours", "told", "Nine to five.", Expect())
    call = Listening()
    found, at = run_scripted(work())
    assert found is answer
    assert at == pytest.approx(takes)
    assert call.heard == [(LINES.moment, pytest.approx(at)) for at in fillers]
