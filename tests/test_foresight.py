"""What may be said next is ready before it is certain; nothing of it is heard, kept or done."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.actions import Hands
from appliance.answering.memo import Memo
from appliance.brain import Brain
from appliance.channels.recorded import Saying
from appliance.clerk import Clerk
from appliance.engines.fake import FakeEndOfTurn, FakeLlm, FakeTts
from appliance.engines.inline import InlineThread
from appliance.flows.state import Event, fold
from appliance.foresight import Foresight, first_line
from appliance.memory.events import EventLog
from appliance.messages import Heard, Spoken, Turn, samples
from appliance.speech import Speech
from tests.desk import call, voice
from tests.flows.test_booking import BOOK, NOW, Desk


class Mind:
    """A brain in the middle of a call, and all that it could leave a trace in."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.log = EventLog(self.desk.store)
        thread = self.desk.thread
        hands = Hands(thread)
        self.clerk = Clerk(self.desk.desk, self.log, self.desk.runner, thread, hands, "call", lambda: NOW)
        self.brain = Brain(self.desk.knowledge, self.desk.notebook, None, "call", self.clerk)
        self.turns = 0

    async def hears(self, *lines: str) -> str:
        """Answer them as in a call in which all is played; the last answer's words."""
        if not self.turns:
            await self.desk.knowledge.load()
        for line in lines:
            self.turns += 1
            answer = await self.brain.decide(heard(line))
            assert answer
            text = " ".join([line.text async for line in answer.lines])
            self.brain.remember(Turn("call", self.turns, heard(line), answer.decision, text, played(text)))
        return text

    def traces(self) -> tuple[object, ...]:
        notebook = self.desk.notebook
        unmarked = {"_before": None, "_cause": None}
        return (
            self.clerk.state, self.log.read("call"), notebook.messages(), notebook.questions(),
            self.desk.bookings(), *(dict(vars(part)) | unmarked for part in self.brain._parts()),
        )  # fmt: skip


def heard(text: str) -> Heard:
    return Heard(text, 0, 0, 0, 0)


def played(text: str) -> Spoken:
    return Spoken(text, 0, 0, 0, whole=True)


@pytest.fixture
def mind(tmp_path: Path) -> Mind:
    return Mind(tmp_path)


@pytest.mark.parametrize("so_far", range(len(BOOK) + 1))
@pytest.mark.parametrize("text", ["yes", "no", "Friday", "where can I park", "zebra quartz", "goodbye", "hm"])
async def test_thinking_ahead_leaves_no_trace(mind: Mind, so_far: int, text: str) -> None:
    await mind.hears("hello", *BOOK[:so_far])
    before = mind.traces()
    await first_line(mind.brain.rehearsal(), heard(text))
    assert mind.traces() == before


async def test_what_is_foreseen_is_what_is_said(mind: Mind) -> None:
    await mind.hears("hello")
    for line in BOOK:
        foreseen = await first_line(mind.brain.rehearsal(), heard(line))
        assert foreseen
        assert (await mind.hears(line)).startswith(foreseen.text)


async def test_what_an_action_would_do_is_not_foreseen(mind: Mind) -> None:
    await mind.hears("hello", *BOOK)
    assert mind.clerk.confirming
    assert await first_line(mind.brain.rehearsal(), heard("yes")) is None
    assert mind.desk.bookings() == []


async def test_a_decision_of_which_nothing_was_heard_is_taken_back(mind: Mind) -> None:
    await mind.hears("hello", "book an appointment")
    before = mind.clerk.state
    await mind.brain.decide(thursday := heard("Thursday"))
    assert mind.clerk.state != before
    assert await mind.brain.retract(thursday)
    assert mind.clerk.state == before
    logged = [Event(event.kind, event.data) for event in mind.log.read("call")]
    assert fold(logged) == before
    assert await mind.hears("Thursday") == "At what time?"


async def test_what_was_cut_off_before_it_was_decided_takes_back_nothing_else(mind: Mind) -> None:
    await mind.hears("hello", "book an appointment", "Thursday")
    before = mind.clerk.state
    assert await mind.brain.retract(heard("at"))
    assert mind.clerk.state == before


async def test_a_decision_is_taken_back_once(mind: Mind) -> None:
    await mind.hears("hello", "book an appointment", "Thursday")
    before = mind.traces()
    await mind.brain.decide(nine := heard("nine"))
    assert await mind.brain.retract(nine)
    assert await mind.brain.retract(nine)
    assert mind.clerk.state == before[0]
    assert mind.traces()[-3:] == before[-3:]


async def test_what_was_done_is_not_taken_back(mind: Mind) -> None:
    await mind.hears("hello", *BOOK)
    await mind.brain.decide(yes := heard("yes"))
    assert not await mind.brain.retract(yes)
    assert len(mind.desk.bookings()) == 1


async def test_a_phrase_of_the_desks_and_an_answer_to_its_question_are_enough(mind: Mind) -> None:
    await mind.hears("hello")
    assert await mind.brain.enough("book an appointment")
    assert not await mind.brain.enough("I was wondering whether")
    await mind.hears("book an appointment")
    assert await mind.brain.enough("Thursday")
    assert not await mind.brain.enough("well let me see")


class CountingTts(FakeTts):
    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []

    def speak(self, text: str, pace: float = 1.0) -> Iterator[bytes]:
        self.made.append(text)
        return super().speak(text, pace)


async def settle() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


async def test_in_a_pause_the_sound_of_the_answer_is_made(
    mind: Mind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.foresight.SURE", 0)
    await mind.hears("hello", "book an appointment", "Thursday", "half past ten")
    tts, enough = CountingTts(), []
    foresight = Foresight(mind.brain, Speech(tts, InlineThread()), enough.append)
    foresight.paused("Ann Smith")
    await settle()
    assert "Ann Smith, is that right?" in tts.made
    assert enough == ["Ann Smith"]
    assert foresight.heard("Ann Smith")
    assert (foresight.right, foresight.wrong) == (1, 0)


async def test_what_was_prepared_for_other_words_is_thrown_away_and_counted(mind: Mind) -> None:
    await mind.hears("hello")
    foresight = Foresight(mind.brain)
    foresight.paused("I need")
    foresight.paused("I need an appointment")
    assert not foresight.heard("I need an appointment on Thursday")
    assert (foresight.right, foresight.wrong) == (0, 2)
    foresight.close()


async def test_while_the_desk_reads_back_what_follows_a_yes_and_a_no_is_made(mind: Mind) -> None:
    text = await mind.hears("hello", *BOOK[:-1])
    tts = CountingTts()
    foresight = Foresight(mind.brain, Speech(tts, InlineThread()))
    foresight.answering(Turn("call", mind.turns, heard("Ann Smith"), None, text, played(text)))
    await settle()
    made = " ".join(tts.made)
    assert "Book Thursday" in made
    assert "Sorry, could you say that again?" in made
    assert mind.desk.bookings() == []


async def test_the_llm_words_in_the_pause_what_is_said_after_it(tmp_path: Path) -> None:
    llm = FakeLlm(["You can park behind the house."])
    sayings = [Saying(voice(1.0))]
    result = await call(tmp_path, ["where can I park"], sayings, llm=llm, eot=FakeEndOfTurn([0.05]))
    answered = result.turns[1]
    assert answered.spoken.text == "You can park behind the house."
    assert answered.foreseen
    assert len(llm.asked) == 1


async def test_a_caller_who_goes_on_makes_what_was_foreseen_wrong(tmp_path: Path) -> None:
    sound = voice(1.0) + bytes(2 * samples(0.5)) + voice(1.0)
    eot = FakeEndOfTurn([0.01, 1.0])
    result = await call(tmp_path, ["where can I park"], [Saying(sound)], eot=eot)
    assert [turn.spoken.whole for turn in result.turns] == [True, True]
    assert result.turns[1].cause.false_ends == 0


async def test_work_that_is_asked_for_twice_is_done_once() -> None:
    memo: Memo[int] = Memo(most=2)
    done: list[str] = []

    async def work(name: str) -> int:
        await asyncio.sleep(0)
        done.append(name)
        if name == "bad":
            raise ValueError(name)
        return len(done)

    first = asyncio.create_task(memo.get("a", lambda: work("a")))
    await asyncio.sleep(0)
    impatient = asyncio.create_task(memo.get("a", lambda: work("a")))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await first == await memo.get("a", lambda: work("a")) == 1
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            await memo.get("bad", lambda: work("bad"))
    await memo.get("b", lambda: work("b"))
    await memo.get("a", lambda: work("a"))
    assert done == ["a", "bad", "bad", "b", "a"]


@pytest.mark.parametrize(("thinking", "at_once"), [(0.0, True), (0.2, True), (1.2, False)])
async def test_what_was_prepared_in_the_pause_sounds_as_soon_as_the_wait_is_over(
    tmp_path: Path, thinking: float, at_once: bool
) -> None:
    eot = FakeEndOfTurn([0.5])
    result = await call(tmp_path, ["is there any way to park"], eot=eot, thinking=thinking)
    turn = result.turns[1]
    assert turn.foreseen
    assert isinstance(turn.cause, Heard)
    assert turn.spoken.start is not None
    assert turn.cause.decided - turn.cause.end > samples(0.3), "there was a wait"
    assert (turn.spoken.start - turn.cause.decided <= samples(0.08)) == at_once


async def test_what_was_being_prepared_as_a_call_ended_holds_nothing_of_it(mind: Mind) -> None:
    await mind.hears(*BOOK[:1])
    foresight = Foresight(mind.brain)
    gone = weakref.ref(foresight)
    gc.disable()
    try:
        foresight.paused("next Thursday")
        await asyncio.sleep(0.01)  # It waits for the pause to go on.
        foresight.close()
        del foresight
        await asyncio.sleep(0.01)
        assert gone() is None
    finally:
        gc.enable()
