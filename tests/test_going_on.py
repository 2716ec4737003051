"""Who goes on with what he was saying, though the desk has begun to answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.channels.recorded import Saying
from appliance.clerk import Clerk
from appliance.engines.fake import FakeAsr, FakeEndOfTurn
from appliance.errors import StorageError
from appliance.messages import Heard, Turn, samples
from tests.desk import LINES, call, voice

TWICE = voice(1.0) + bytes(2 * samples(0.9)) + voice(1.0)
"""A second of speech, a pause that is taken for the end, and another second."""


def heard(turn: Turn) -> Heard:
    assert isinstance(turn.cause, Heard)
    return turn.cause


async def test_who_goes_on_before_the_answer_is_heard_said_one_thing(tmp_path: Path) -> None:
    """The desk thinks for longer than the caller pauses."""
    sayings, eot = [Saying(TWICE)], FakeEndOfTurn()
    result = await call(tmp_path, ["are you", "open when"], sayings, eot=eot, thinking=0.8)
    answered = result.turns[-1]
    assert heard(answered).text == "are you open when"
    assert heard(answered).false_ends == 1
    assert answered.spoken.text == "We are open from nine to five."
    assert not any(turn.spoken.text for turn in result.turns[1:-1])


async def test_a_noise_before_the_answer_is_heard_does_not_lose_the_question(tmp_path: Path) -> None:
    sound = voice(1.0) + bytes(2 * samples(0.5)) + voice(0.2)
    sayings, eot = [Saying(sound)], FakeEndOfTurn()
    result = await call(tmp_path, ["are you open when", ""], sayings, eot=eot, thinking=0.8)
    assert result.turns[-1].spoken.text == "We are open from nine to five."
    assert heard(result.turns[-1]).false_ends == 0


async def test_who_goes_on_just_as_the_answer_begins_said_one_thing(tmp_path: Path) -> None:
    sayings = [Saying(voice(1.0)), Saying(voice(1.0), into=0.1)]
    result = await call(tmp_path, ["are you", "open when"], sayings, eot=FakeEndOfTurn())
    assert heard(result.turns[-1]).text == "are you open when"
    assert heard(result.turns[-1]).false_ends == 1
    assert result.turns[-1].spoken.text == "We are open from nine to five."


async def test_who_goes_on_is_answered_though_the_disk_takes_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: Clerk) -> bool:
        raise StorageError("the disk is full")

    monkeypatch.setattr(Clerk, "retract", full)
    sayings = [Saying(voice(1.0)), Saying(voice(1.0), into=0.1)]
    result = await call(tmp_path, ["are you", "where can I park"], sayings, eot=FakeEndOfTurn())
    assert result.turns[-1].spoken.text == "Park behind the house."


@pytest.mark.parametrize("into", [0.4, 0.6, 0.8])
async def test_who_goes_on_soon_after_the_answer_began_said_one_thing(tmp_path: Path, into: float) -> None:
    """A pause of a second in the middle of a sentence."""
    sayings = [Saying(voice(1.0)), Saying(voice(1.0), into=into)]
    result = await call(tmp_path, ["are you", "open when"], sayings, eot=FakeEndOfTurn())
    begun, answered = result.turns[1:]
    assert begun.spoken.end - begun.spoken.start <= samples(into + 0.15)
    assert heard(answered).text == "are you open when"
    assert answered.spoken.text == "We are open from nine to five."


async def test_who_speaks_later_than_that_speaks_of_the_answer(tmp_path: Path) -> None:
    sayings = [Saying(voice(1.0)), Saying(voice(1.0), into=1.3)]
    result = await call(tmp_path, ["are you", "open when"], sayings, eot=FakeEndOfTurn())
    assert heard(result.turns[-1]).text == "open when"


@pytest.mark.parametrize(
    ("more", "joined"),
    [("no wait", False), ("where can I park", False), ("help", False), ("please", True)],
)
async def test_words_that_mean_something_by_themselves_go_on_with_nothing(
    tmp_path: Path, more: str, joined: bool
) -> None:
    sayings = [Saying(voice(1.0)), Saying(voice(1.0), into=0.6)]
    result = await call(tmp_path, ["are you open", more], sayings, eot=FakeEndOfTurn())
    said = [turn.cause.text for turn in result.turns if isinstance(turn.cause, Heard)]
    assert (f"are you open {more}" in said) is joined


async def test_an_answer_that_was_only_begun_was_given_to_nobody(tmp_path: Path) -> None:
    """What it asked for is asked anew, and its yes is none to what follows."""
    sayings = [Saying(voice(1.0)), Saying(voice(1.0), into=0.7), Saying(voice(1.0))]
    says = ["zebra quartz", "violin", "yes"]
    result = await call(tmp_path, says, sayings, eot=FakeEndOfTurn())
    assert [turn.spoken.text for turn in result.turns[2:]] == [LINES.unknown, LINES.message]
    assert heard(result.turns[2]).text == "zebra quartz violin"


async def test_what_was_expected_before_a_false_end_is_expected_after_it(tmp_path: Path) -> None:
    """A question that was not heard changes nothing."""
    asr = FakeAsr(["zebra quartz violin", "lute and harp"])
    sayings, eot = [Saying(TWICE)], FakeEndOfTurn()
    result = await call(tmp_path, [], sayings, asr=asr, eot=eot, thinking=1.2)
    assert heard(result.turns[-1]).text == "zebra quartz violin lute and harp"
    assert [expect.kind for expect in asr.expected] == ["any", "any"]


@pytest.mark.parametrize("more", ["violin", "mhm"])
async def test_who_goes_on_is_listened_to_as_before_and_the_next_as_the_desk_asked(
    tmp_path: Path, more: str
) -> None:
    asr = FakeAsr(["zebra quartz", more, "yes"])
    sayings = [Saying(voice(1.0)), Saying(voice(1.0), into=0.6), Saying(voice(1.0))]
    await call(tmp_path, [], sayings, asr=asr, eot=FakeEndOfTurn())
    assert [expect.kind for expect in asr.expected] == ["any", "any", "yes_no"]
