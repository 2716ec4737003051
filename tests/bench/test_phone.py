"""The bench of the telephone: its instrument is right to the sample, and what it tells is of real calls."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.bench import phone
from appliance.bench.phone import answers, caller, echoes, network, tones, ulaw
from appliance.bench.phone.answers import Callers
from appliance.bench.phone.caller import PACKET, Network
from appliance.bench.phone.tones import EVERY, Onsets, burst
from appliance.bench.turns.recordings import Clip, Library
from appliance.config.box import Box, Engine, Engines
from tests.bench.test_turns_scenes import make_data

QUIET = bytes(2 * PACKET)


@given(st.integers(-32_000, 32_000))
def test_mu_law_is_within_half_a_step(sample: int) -> None:
    pcm = np.array([sample], dtype="<i2").tobytes()
    back = int(np.frombuffer(ulaw.decode(ulaw.encode(pcm)), dtype="<i2")[0])
    # G.711: a step is a sixteenth of a segment, and segments double from 132 below nought on.
    assert abs(back - sample) <= (abs(sample) + 132) / 32


def test_an_onset_is_found_to_the_sample_and_once() -> None:
    onsets, sound = Onsets(), bytes(2 * 40) + burst()
    for number in range(50):
        onsets.push(QUIET, number * 0.02)
    for at in range(0, len(sound), 2 * PACKET):
        onsets.push(sound[at : at + 2 * PACKET], 1.0 + at / 16_000)
    assert onsets.found == pytest.approx([1.005], abs=0.0002)
    assert onsets.late([0.95]) == pytest.approx([0.055], abs=0.0002)
    assert onsets.late([1.1, 0.95 - EVERY]) == []


async def test_what_a_leg_adds_is_measured_and_a_leg_that_fails_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count, processor, median, p95 = await echoes.legs(1.0, 3)
    assert (count.value, count.count, count.met) == (0, 3, True)
    assert processor.value
    assert median.value
    assert p95.value
    assert 10 < median.value <= p95.value < 1000
    monkeypatch.setattr(caller, "TRIES", 1)
    monkeypatch.setattr(caller, "ANSWERED_WITHIN", 0.1)
    assert await asyncio.to_thread(tones.at_once, 9, 2, 1) == [([], 0), ([], 0)]


async def test_a_recording_is_as_long_as_its_call_whatever_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = (Network(), Network(loss=0.3, jitter=0.06))
    monkeypatch.setattr(network, "NETWORKS", ways)
    engines = Engines(**{kind: Engine("fake") for kind in ("vad", "eot", "echo", "asr", "tts", "embed")})
    clips = [Clip("one", np.zeros(16_000, dtype=np.float32), "one two three")]
    figures = await network.network(clips, Box(engines=engines), tmp_path)
    assert [figure.what.split(",")[0] for figure in figures] == [
        "words wrong",
        "recording against its call",
    ] * 2
    assert all(figure.met for figure in figures[1::2])
    unhurt, hurt = (int(figure.note.split()[0]) for figure in figures[::2])
    assert unhurt < 0.1 * 110 < hurt


@pytest.mark.slow
async def test_beyond_what_the_box_holds_callers_are_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once, of whom the box can talk to one."""
    monkeypatch.setattr(answers, "TOGETHER", (2,))
    monkeypatch.setattr("appliance.serving.capacity.MOST", 1)
    kinds = ("vad", "eot", "echo", "asr", "tts", "embed")
    lines = ["[engines]", *(f'{kind} = {{engine = "fake"}}' for kind in kinds), 'llm = {engine = "none"}']
    (tmp_path / "box.toml").write_text("\n".join([*lines, ""]))
    (tmp_path / "data").mkdir()
    callers = Callers(Library(make_data(tmp_path / "data"), "all"), 2)
    monkeypatch.setattr(answers, "EACH", 1)
    most, median, *_ = await answers.together(callers, tmp_path / "box.toml", tmp_path)
    assert most.value == 1
    assert "told that it is busy" in median.note


def test_the_command_writes_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echoes, "LEGS", 2)
    monkeypatch.setattr(phone.command, "PARTS", ("legs",))
    told = tmp_path / "phone.json"
    phone.main(["--part", "legs", "--quick", "--json", str(told)])
    figures = json.loads(told.read_text())["figures"]
    assert figures[0]["what"].endswith("media legs at once: failed")
    assert figures[0]["value"] == 0
