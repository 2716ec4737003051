"""A conversation is judged by what happened in it: yes, no, or not asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.app import App
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Box, read_desk
from appliance.config.keeping import CHECKS, Checklist
from appliance.memory.events import Event
from appliance.messages import Closing, Decision, Heard, Spoken, TakenBack, Turn, samples
from appliance.observe.account import kept
from appliance.observe.calls import Calls
from appliance.observe.score import Mark, score
from tests.desk import call
from tests.regulars import DESK
from tests.test_app import ENGINES

GREETING = Turn(
    "one", 1, None, Decision("greeting", "the call began"), spoken=Spoken("Hello", 0, 16_000, 0, True)
)


def turn(
    number: int, intent: str, played: str = "Yes.", whole: bool = True, start: float = 10.0, wait: float = 0.5
) -> Turn:
    """The caller speaks for a second from `start` on, and the desk answers after `wait`, in seconds."""
    first, end = samples(start), samples(start + 1)
    begins = end + samples(wait)
    heard = Heard("something", first, end, end, end)
    spoken = Spoken(played, begins, begins + samples(1), begins, whole)
    return Turn("one", number, heard, Decision(intent, "for a test"), meant=played, spoken=spoken)


def events(*happened: tuple[str, Mapping[str, Any]]) -> list[Event]:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    return [Event(number, "one", at, kind, data) for number, (kind, data) in enumerate(happened, 1)]


def mark(check: str, *turns: Turn, happened: list[Event] | None = None) -> Mark:
    [found] = score([kept(each) for each in turns], happened or [], Checklist((check,)))
    return found


def test_who_was_answered_well_passes_all_that_was_asked() -> None:
    marks = score([kept(each) for each in (GREETING, turn(2, "hours"))], [], Checklist())
    assert [each.check for each in marks] == list(CHECKS)
    assert {each.check for each in marks if each.passed is None} == {"confirmed", "handed_over"}
    assert not [each for each in marks if each.passed is False]


def test_a_caller_who_never_spoke_is_judged_by_the_greeting_alone() -> None:
    marks = score([kept(GREETING)], [], Checklist())
    assert {each.check for each in marks if each.passed} == {"greeted", "unrepeated", "closed"}


@pytest.mark.parametrize("intent", ["unknown", "again", "which"])
def test_what_was_not_understood_at_once_says_in_which_turn(intent: str) -> None:
    found = mark("understood", GREETING, turn(2, "hours"), turn(3, intent, start=20))
    assert (found.passed, found.turn) == (False, 3)


def test_an_answer_in_a_form_that_was_none_was_not_understood_unless_it_was_taken_back() -> None:
    missed = ("missed", {"form": 1})
    assert mark("understood", turn(2, "book"), happened=events(missed)).passed is False
    back = events(missed, ("undone", {"count": 1}))
    assert mark("understood", turn(2, "book"), happened=back).passed is True


def test_a_caller_who_goes_on_as_the_desk_begins_was_cut_off() -> None:
    first = turn(2, "hours", start=10)
    assert mark("uncut", GREETING, first, turn(3, "hours", start=11.6)).passed is False
    assert mark("uncut", GREETING, first, turn(3, "hours", start=13)).passed is True


def test_the_same_may_be_said_twice_and_not_three_times() -> None:
    said = [turn(number, "hours", "From nine.", start=10 * number) for number in (2, 3, 4)]
    assert mark("unrepeated", *said[:2]).passed is True
    found = mark("unrepeated", *said)
    assert (found.passed, found.turn) == (False, 4)


def test_a_deed_that_the_caller_did_not_hear_of_is_not_confirmed() -> None:
    done = ("outcome", {"action": "calendar.book", "ok": True, "why": ""})
    told: tuple[str, Mapping[str, Any]] = ("told", {})
    assert mark("confirmed", turn(2, "book"), happened=events(done, told)).passed is True
    assert mark("confirmed", turn(2, "book"), happened=events(told, done)).passed is False
    looked = ("outcome", {"action": "calendar.free", "ok": True, "why": "", "looked": True})
    assert mark("confirmed", turn(2, "book"), happened=events(looked)).passed is None


@pytest.mark.parametrize(
    ("ended", "reached"),
    [
        ("done", True),
        ("goto other", True),
        ("cancel", False),
        ("human", False),
        ("silence", False),
        (None, False),
    ],
)
def test_the_goal_is_reached_where_the_form_came_to_its_end(ended: str | None, reached: bool) -> None:
    happened = [("flow.started", {"form": 1, "flow": "book"})]
    happened += [("flow.ended", {"form": 1, "how": ended})] if ended else []
    assert mark("reached", turn(2, "book"), happened=events(*happened)).passed is reached


def test_a_question_without_an_answer_is_made_good_by_a_message() -> None:
    unknown = turn(2, "unknown")
    assert mark("reached", unknown).passed is False
    assert mark("reached", unknown, turn(3, "taken", start=20)).passed is True


def test_who_asked_for_a_person_got_one_or_left_a_message() -> None:
    asked = turn(2, "person")
    back = Turn("one", 3, TakenBack(samples(30), "busy"), Decision("person", "busy"), spoken=Spoken("Sorry."))
    assert mark("handed_over", turn(2, "hours")).passed is None
    assert mark("handed_over", asked).passed is True
    assert mark("handed_over", asked, back).passed is False
    assert mark("handed_over", asked, back, turn(4, "taken", start=40)).passed is True


def test_it_ended_politely_where_the_last_words_were_heard() -> None:
    assert mark("closed", turn(2, "goodbye")).passed is True
    assert mark("closed", turn(2, "hours", whole=False)).passed is False


def test_one_late_answer_is_late() -> None:
    found = mark("in_time", turn(2, "hours"), turn(3, "hours", start=20, wait=2.5))
    assert (found.passed, found.turn, found.why) == (False, 3, "an answer took 2.5 s")
    written = replace(turn(2, "hours"), cause=Heard("typed", 0, 0, 0, 0))
    assert mark("in_time", written).passed is None


async def test_a_good_call_by_sound_passes(tmp_path: Path) -> None:
    done = await call(tmp_path, ["when are you open", "thank you", "goodbye"])
    marks = score([kept(each) for each in done.turns], [], Checklist())
    assert not [each for each in marks if each.passed is False]


async def test_the_worst_calls_wait_first_until_a_person_looks(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(DESK)
    desk, _ = read_desk(tmp_path / "desk.toml")
    async with App(Box(tmp_path, engines=ENGINES), desk) as app:
        for name, *says in (
            ("good", "when are you open", "goodbye"),
            ("bad", "xyzzy plugh", "goodbye"),
            ("worse", "xyzzy plugh", "xyzzy plugh", "xyzzy plugh", "book an appointment"),
        ):
            await app.chat(ScriptedCaller(says, name))
    calls = Calls(tmp_path)
    assert [each.id for each in calls.page()] == ["worse", "bad", "good"]
    assert [each.id for each in calls.page("to review")] == ["worse", "bad"]
    first = calls.page("to review", count=1)[0]
    assert [each.id for each in calls.page("to review", (first.failed, first.number))] == ["bad"]
    calls.review("worse", "agreed")
    assert [each.id for each in calls.page("to review")] == ["bad"]
    assert calls.to_review() == 1
    assert first.flows == ("book",)
    calls.close()


def test_who_was_put_through_when_the_desk_was_stopped_is_not_held_against_it() -> None:
    person = turn(2, "person", "One moment.")
    bye = Turn("one", 3, Closing(samples(60)), Decision("closing", "the desk stops"), spoken=person.spoken)
    assert kept(bye)["cause"] == "closing"
    assert mark("handed_over", GREETING, person, bye).passed
    assert not mark("handed_over", GREETING, person, turn(3, "unknown"), bye).passed
