"""smart-turn on real recordings: an utterance's end told from its middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.channels.recorded import read_recording
from appliance.engines.smartturn import SEEN, SmartTurn
from appliance.errors import ModelError
from appliance.messages import samples

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


def test_people_who_have_finished_sound_like_it_more_than_people_cut_short(smart_turn: SmartTurn) -> None:
    callers = sorted((DATA / "speech16k/s2i_coffee").glob("*.flac"))[:40]
    if not callers:
        pytest.skip("there are no recordings of callers at ../shared/data")
    whole, cut = [], []
    for caller in callers:
        sound = np.frombuffer(read_recording(caller), dtype="<i2")
        loud = np.flatnonzero(np.abs(sound) > np.abs(sound).max() / 20)
        first, last = int(loud[0]), int(loud[-1])
        middle = (first + last) // 2
        pause = np.zeros(samples(0.2), dtype="<i2")
        whole.append(smart_turn.finished(np.concatenate([sound[first:last], pause]).tobytes()))
        cut.append(smart_turn.finished(np.concatenate([sound[first:middle], pause]).tobytes()))
    # By chance it would be 20, and 28 once in 120 times.
    assert sum(w > c for w, c in zip(whole, cut, strict=True)) >= 28
