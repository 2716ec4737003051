"""smart-turn on real recordings: an utterance's end told from its middle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.channels.recorded import read_recording
from appliance.engines.smartturn import SEEN, SmartTurn
from appliance.engines.whisper import Whisper
from appliance.errors import ModelError
from appliance.messages import Expect, samples
from appliance.turns.patience import MANNERS, Pause

DATA = Path(__file__).parents[3] / "shared/data"


@pytest.fixture(scope="module")
def smart_turn(model: Callable[[str], Path]) -> SmartTurn:
    return SmartTurn(model("smart-turn-v3.2"))


@given(length=st.integers(0, SEEN + 5000), loud=st.floats(0, 1))
@settings(max_examples=8, deadline=None)
def test_any_sound_has_a_probability(smart_turn: SmartTurn, length: int, loud: float) -> None:
    sound = np.random.default_rng(length).normal(0, loud * 9000, length)
    assert 0 <= smart_turn.finished(np.clip(sound, -32768, 32767).astype("<i2").tobytes()) <= 1


def test_only_the_last_seconds_count(smart_turn: SmartTurn) -> None:
    sound = np.random.default_rng(1).normal(0, 3000, SEEN + samples(3)).astype("<i2").tobytes()
    assert smart_turn.finished(sound) == smart_turn.finished(sound[-2 * SEEN :])


def test_a_missing_model_is_told_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        SmartTurn(tmp_path)
    assert "models fetch" in error.value.mend


def whole_and_cut_short(callers: int) -> Iterator[tuple[bytes, bytes]]:
    """Orders of as many people, and the first halves of them, each with the beginning of a pause."""
    files = sorted((DATA / "speech16k/s2i_coffee").glob("*.flac"))[:callers]
    if not files:
        pytest.skip("there are no recordings of callers at ../shared/data")
    pause = np.zeros(samples(0.2), dtype="<i2")
    for file in files:
        sound = np.frombuffer(read_recording(file), dtype="<i2")
        loud = np.flatnonzero(np.abs(sound) > np.abs(sound).max() / 20)
        first, last = int(loud[0]), int(loud[-1])
        half = sound[first : (first + last) // 2]
        yield np.concatenate([sound[first:last], pause]).tobytes(), np.concatenate([half, pause]).tobytes()


def test_people_who_have_finished_sound_like_it_more_than_people_cut_short(smart_turn: SmartTurn) -> None:
    likelier = [
        smart_turn.finished(whole) > smart_turn.finished(cut) for whole, cut in whole_and_cut_short(40)
    ]
    # By chance it would be 20, and 28 once in 120 times.
    assert sum(likelier) >= 28


def test_people_cut_short_are_waited_for_longer(smart_turn: SmartTurn, model: Callable[[str], Path]) -> None:
    """By the voice and the words together."""
    whisper = Whisper(model("whisper-tiny.en"))

    def wait(pcm: bytes) -> float:
        stream = whisper.stream(Expect())
        stream.push(pcm)
        return MANNERS["normal"](Pause(stream.finish().text, Expect(), smart_turn.finished(pcm)))

    waits = np.array([(wait(whole), wait(cut)) for whole, cut in whole_and_cut_short(16)])
    ends, middles = waits.mean(axis=0)
    assert ends < 0.7
    assert middles > 1.5 * ends
