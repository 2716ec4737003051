"""Hearing: when a turn is taken to be over, by the voice, the words and what is awaited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appliance.channels.recorded import Saying
from appliance.config import Fact
from appliance.engines.fake import FakeAsr, FakeEndOfTurn
from appliance.messages import Heard, Noise, Partial, Turn, samples, seconds
from appliance.turns.patience import MANNERS
from tests.desk import DESK, LINES, Result, call, voice

NORMAL = MANNERS["normal"]


def waited(result: Result) -> float:
    """Seconds from the end of the caller's last words to the certainty that it was the end."""
    heard = result.turns[-1].cause
    assert isinstance(heard, Heard)
    return seconds(heard.decided - heard.end)


def with_pause(lasting: float) -> list[Saying]:
    return [Saying(voice(1.0) + bytes(2 * samples(lasting)) + voice(1.0))]


async def test_a_voice_that_has_finished_is_answered_sooner_than_one_that_has_not(tmp_path: Path) -> None:
    waits = []
    for number, finished in enumerate((0.99, 0.15, 0.02)):
        (tmp_path / str(number)).mkdir()
        eot = FakeEndOfTurn([finished])
        waits.append(waited(await call(tmp_path / str(number), ["is there any way to park"], eot=eot)))
    assert waits[0] < 0.4
    assert waits[0] < waits[1] < waits[2]


async def test_a_pause_after_which_the_voice_hangs_is_part_of_the_turn(tmp_path: Path) -> None:
    eot = FakeEndOfTurn([0.02, 0.99])
    result = await call(tmp_path, ["are you open when"], with_pause(0.9), eot=eot)
    assert [turn.cause.text for turn in result.turns[1:]] == ["are you open when"]
    assert result.turns[1].cause.false_ends == 0


async def test_a_phrase_of_the_desks_is_answered_sooner_than_other_words(tmp_path: Path) -> None:
    desk = replace(DESK, fact={**DESK.fact, "taxi": Fact(("taxi",), "It stands outside.")})
    waits = []
    for number, word in enumerate(("taxi", "bus")):
        (tmp_path / str(number)).mkdir()
        waits.append(waited(await call(tmp_path / str(number), [word], desk=desk, eot=FakeEndOfTurn([0.2]))))
    assert waits[0] < 0.4 < waits[1]


async def test_words_with_which_nobody_ends_are_waited_for(tmp_path: Path) -> None:
    asr = FakeAsr(["I have a question and"])
    result = await call(tmp_path, [""], with_pause(1.2), asr=asr, eot=FakeEndOfTurn())
    assert len(result.turns) == 2


async def test_a_yes_to_the_offer_is_heard_at_once(tmp_path: Path) -> None:
    result = await call(tmp_path, ["zebra quartz violin and lute", "no"], eot=FakeEndOfTurn([1.0, 0.3]))
    assert result.turns[-1].spoken.text == LINES.declined
    assert waited(result) < 0.3


async def test_without_an_engine_for_it_quiet_and_words_end_a_turn(tmp_path: Path) -> None:
    assert 0.4 < waited(await call(tmp_path, ["is there any way to park"])) < 1.5


async def test_an_engine_that_fails_is_one_that_cannot_tell(tmp_path: Path) -> None:
    class Broken(FakeEndOfTurn):
        def finished(self, pcm: bytes) -> float:
            raise RuntimeError("no memory")

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    without = waited(await call(tmp_path / "a", ["is there any way to park"]))
    assert waited(await call(tmp_path / "b", ["is there any way to park"], eot=Broken())) == without


async def test_the_engine_is_given_the_voice_and_the_beginning_of_the_pause_once(tmp_path: Path) -> None:
    class Listening(FakeEndOfTurn):
        sounds: tuple[bytes, ...] = ()

        def finished(self, pcm: bytes) -> float:
            self.sounds += (pcm,)
            return 0.02 if len(self.sounds) == 1 else 1.0

    eot = Listening()
    await call(tmp_path, ["are you open when"], with_pause(0.5), eot=eot)
    assert len(eot.sounds) == 2
    for pcm, lasting in zip(eot.sounds, (1.0, 2.5), strict=True):
        sound = np.frombuffer(pcm, dtype="<i2")
        loud = np.flatnonzero(sound)
        assert loud[-1] - loud[0] == pytest.approx(samples(lasting), abs=samples(0.05))
        assert samples(0.1) < len(sound) - loud[-1] < samples(0.25)


async def test_the_words_in_a_pause_are_told_as_such(tmp_path: Path) -> None:
    result = await call(tmp_path, ["are you open when"], with_pause(0.4), eot=FakeEndOfTurn([0.02]))
    told = [event for event in result.events if isinstance(event, Partial) and event.paused]
    assert [event.text for event in told] == ["are you open when"] * 2
    assert [isinstance(turn, Turn) for turn in result.turns] == [True, True]


async def test_recognition_that_fails_leaves_a_noise_and_the_caller_is_asked_again(tmp_path: Path) -> None:
    class Failing(FakeAsr):
        def next_line(self) -> str:
            raise RuntimeError("no memory")

    result = await call(tmp_path, [""], asr=Failing())
    noise = next(event for event in result.events if isinstance(event, Noise))
    assert noise.end - noise.start == pytest.approx(samples(1.0), abs=samples(0.1))
    assert [turn.spoken.text for turn in result.turns] == [LINES.greeting, LINES.again]


async def test_a_recogniser_that_hears_how_the_voice_ends_is_asked_alone(tmp_path: Path) -> None:
    eot, waits = FakeEndOfTurn([0.0]), []
    for number, finished in enumerate((0.97, 0.2, 0.05)):
        (tmp_path / str(number)).mkdir()
        asr = FakeAsr(["is there any way to park"], finished=[finished])
        waits.append(waited(await call(tmp_path / str(number), [""], asr=asr, eot=eot)))
    assert waits[0] < 0.4
    assert waits[0] < waits[1] < waits[2]
    assert eot.finished(b"") == 0.0  # Its first answer: nobody has asked it yet.


async def test_the_words_so_far_are_asked_for_less_often_while_the_desk_is_silent(tmp_path: Path) -> None:
    asr = FakeAsr(["one two three four five six seven eight nine ten"], streams=False)
    result = await call(tmp_path, [""], [Saying(voice(3.2))], asr=asr)
    told = [event for event in result.events if isinstance(event, Partial) and not event.paused]
    assert len(told) == 1


async def test_the_recogniser_is_told_what_is_said_while_the_desk_speaks(tmp_path: Path) -> None:
    asr = FakeAsr(["when are you open", "stop"])
    await call(tmp_path, [""], [Saying(voice(1.0)), Saying(voice(1.0), into=1.0)], asr=asr)
    assert [expect.cuts_in for expect in asr.expected] == [False, True]
