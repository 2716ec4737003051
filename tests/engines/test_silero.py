from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance.engines.silero import WINDOW, Silero
from appliance.errors import ModelError
from appliance.messages import RATE

Model = Callable[[str], Path]


@pytest.fixture(scope="module")
def silero(model: Model) -> Silero:
    return Silero(model("silero-vad"))


def probabilities(silero: Silero, pcm: bytes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(silero.stream().push(pcm))


def noise(seconds: float, level: float) -> bytes:
    made = np.random.default_rng(1).normal(0, level * 32767, round(seconds * RATE))
    return np.clip(made, -32768, 32767).astype("<i2").tobytes()


def test_speech_is_speech_and_the_pause_around_it_is_not(silero: Silero, speech: bytes) -> None:
    quiet = bytes(2 * RATE)
    found = probabilities(silero, quiet + speech + quiet)
    windows = RATE // WINDOW
    assert found[:windows].max() < 0.1
    assert found[-windows // 2 :].max() < 0.1
    assert (found[windows:-windows] > 0.5).mean() > 0.5


@pytest.mark.parametrize("level", [0.0, 0.001, 0.02, 0.2, 1.0])
def test_noise_is_not_speech(silero: Silero, level: float) -> None:
    found = probabilities(silero, noise(4, level))
    assert (found > 0.5).mean() < 0.05


def test_real_callers_are_heard(silero: Silero, recording: Callable[[str], bytes]) -> None:
    found = probabilities(silero, recording("speech16k/librispeech/1089-134686-0000.flac"))
    assert (found > 0.5).mean() > 0.6


def test_a_probability_per_whole_window(silero: Silero) -> None:
    stream = silero.stream()
    assert stream.push(bytes(2 * WINDOW - 2)) == []
    assert len(stream.push(bytes(2))) == 1
    assert len(stream.push(bytes(2 * WINDOW * 3 + 100))) == 3
    assert stream.push(b"") == []


@pytest.mark.parametrize("cut", [1, 639, 640, 5000])
def test_however_the_sound_is_cut_the_answer_is_the_same(silero: Silero, speech: bytes, cut: int) -> None:
    speech = speech[:32000]
    stream = silero.stream()
    found = [p for at in range(0, len(speech), cut) for p in stream.push(speech[at : at + cut])]
    assert found == silero.stream().push(speech)


def test_streams_do_not_disturb_each_other(silero: Silero, speech: bytes) -> None:
    one, two = silero.stream(), silero.stream()
    found: list[float] = []
    for at in range(0, len(speech), 1024):
        found += one.push(speech[at : at + 1024])
        two.push(noise(0.032, 0.3))
    assert found == silero.stream().push(speech)


def test_listening_costs_a_small_part_of_a_core(silero: Silero, speech: bytes) -> None:
    stream, begun = silero.stream(), time.thread_time()
    for at in range(0, len(speech), 640):
        stream.push(speech[at : at + 640])
    assert time.thread_time() - begun < 0.05 * len(speech) / 2 / RATE


def test_a_missing_model_is_told_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models fetch"):
        Silero(tmp_path)


def test_a_corrupt_model_is_told_with_its_mend(tmp_path: Path, model: Model) -> None:
    whole = (model("silero-vad") / "silero_vad.onnx").read_bytes()
    (tmp_path / "silero_vad.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="models verify"):
        Silero(tmp_path)
