from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance.engines.onnx import FLOAT, Graph
from appliance.engines.openwakeword import OpenWakeWord
from appliance.engines.whisper import Whisper
from appliance.errors import EngineError, ModelError
from appliance.messages import RATE

Model = Callable[[str], Path]
Recording = Callable[[str], bytes]

ALEXA = [f"wake_pos/picovoice/alexa/{name}.flac" for name in ("1", "100", "101", "103", "105", "106")]
QUIET = bytes(2 * RATE)

MISTAKEN = "speech16k/speechocean762/adult/4005_040050180.flac"
"""I lack the ability to ..."""


@pytest.fixture(scope="module")
def alexa(model: Model) -> OpenWakeWord:
    return OpenWakeWord(model("openwakeword"))


def wakes(engine: OpenWakeWord, pcm: bytes, cut: int = 640) -> list[tuple[str, float]]:
    """Every wake and how many seconds into the sound it was told."""
    stream = engine.stream()
    found = []
    for at in range(0, len(pcm), cut):
        if woken := stream.push(pcm[at : at + cut]):
            found.append((woken.word, (at + cut) / 2 / RATE))
    return found


@pytest.mark.parametrize("name", ALEXA)
def test_the_word_wakes_once(alexa: OpenWakeWord, recording: Recording, name: str) -> None:
    assert [word for word, _ in wakes(alexa, recording(name) + QUIET)] == ["alexa"]


def test_it_wakes_within_half_a_second_of_the_word(alexa: OpenWakeWord, recording: Recording) -> None:
    spoken = recording(ALEXA[0])
    ((_, at),) = wakes(alexa, QUIET + spoken + QUIET)
    loud = np.flatnonzero(np.abs(np.frombuffer(spoken, dtype="<i2").astype(int)) > 1500)
    assert at < 1 + loud[-1] / RATE + 0.5


def test_each_new_call_wakes_again(alexa: OpenWakeWord, recording: Recording) -> None:
    pcm = b"".join(recording(name) + 2 * QUIET for name in ALEXA[:3])
    assert len(wakes(alexa, pcm)) == 3


def test_streams_do_not_disturb_each_other(alexa: OpenWakeWord, recording: Recording) -> None:
    spoken = recording(ALEXA[1]) + QUIET
    one, two = alexa.stream(), alexa.stream()
    woken = []
    for at in range(0, len(spoken), 640):
        woken.append(one.push(spoken[at : at + 640]))
        assert two.push(bytes(640)) is None
    assert sum(each is not None for each in woken) == 1


@pytest.mark.parametrize("cut", [2, 641, 2560, 100_000])
def test_however_the_sound_is_cut_it_wakes(alexa: OpenWakeWord, recording: Recording, cut: int) -> None:
    assert len(wakes(alexa, recording(ALEXA[2]) + QUIET, cut)) == 1


def test_plain_speech_does_not_wake(alexa: OpenWakeWord, speech: bytes) -> None:
    assert wakes(alexa, speech) == []


def test_another_word_does_not_wake(alexa: OpenWakeWord, recording: Recording) -> None:
    assert (
        wakes(
            alexa, recording("wake_pos/picovoice/computer/0386da81-9db7-499c-b4f8-910beec53c23.flac") + QUIET
        )
        == []
    )


def test_what_only_sounds_like_the_word_is_refused_on_second_thoughts(
    model: Model, recording: Recording
) -> None:
    judged = OpenWakeWord(model("openwakeword"), threshold=0.3, judge=Whisper(model("whisper-tiny.en"), 1))
    unjudged = OpenWakeWord(model("openwakeword"), threshold=0.3)
    mistaken = recording(MISTAKEN) + QUIET
    assert wakes(unjudged, mistaken) != []
    assert wakes(judged, mistaken) == []
    for name in ALEXA[:3]:
        assert [word for word, _ in wakes(judged, recording(name) + QUIET)] == ["alexa"]


def test_judged_it_tells_where_the_word_ended(model: Model, recording: Recording) -> None:
    judge = Whisper(model("whisper-tiny.en"), 1)
    stream = OpenWakeWord(model("openwakeword"), threshold=0.3, judge=judge).stream()
    spoken = QUIET + recording(ALEXA[0]) + QUIET
    loud = np.flatnonzero(np.abs(np.frombuffer(spoken, dtype="<i2").astype(int)) > 1500)
    for at in range(0, len(spoken), 640):
        if woken := stream.push(spoken[at : at + 640]):
            ended = (at + 640) // 2 - woken.after
            assert abs(ended - int(loud[-1])) < 0.25 * RATE
            return
    pytest.fail("not woken")


@pytest.mark.parametrize("level", [0, 300, 30000])
def test_silence_and_noise_do_not_wake(alexa: OpenWakeWord, level: int) -> None:
    noise = np.random.default_rng(2).integers(-level - 1, level + 1, 5 * RATE).astype("<i2").tobytes()
    assert wakes(alexa, noise) == []


def test_several_words_are_told_apart(model: Model, recording: Recording) -> None:
    engine = OpenWakeWord(model("openwakeword"), ("hey_jarvis", "alexa", "hey_mycroft"))
    assert [word for word, _ in wakes(engine, recording(ALEXA[3]) + QUIET)] == ["alexa"]


def test_the_same_sound_has_the_same_answer(alexa: OpenWakeWord, recording: Recording) -> None:
    spoken = recording(ALEXA[4])
    assert wakes(alexa, spoken) == wakes(alexa, spoken)


def test_listening_costs_a_small_part_of_a_core(alexa: OpenWakeWord) -> None:
    stream, begun = alexa.stream(), time.thread_time()
    for _ in range(250):
        stream.push(bytes(640))
    assert time.thread_time() - begun < 0.10 * 5


def test_an_unknown_word_is_told_with_those_there_are(model: Model) -> None:
    with pytest.raises(ModelError, match=r"'open sesame'.*alexa, hey_jarvis"):
        OpenWakeWord(model("openwakeword"), ("open sesame",))


def test_no_word_is_told(model: Model) -> None:
    with pytest.raises(EngineError, match="no wake word"):
        OpenWakeWord(model("openwakeword"), ())


def test_a_model_that_cannot_wake_is_told(model: Model, tmp_path: Path) -> None:
    for name in ("melspectrogram.onnx", "embedding_model.onnx"):
        (tmp_path / name).symlink_to(model("openwakeword") / name)
    several = Graph()
    several.input("features", FLOAT, (1, 16, 96))
    several.output(several.op("Flatten", "features"), FLOAT, (1, 1536))
    (tmp_path / "several_v1.onnx").write_bytes(several.model())
    with pytest.raises(EngineError, match="'several' tells several phrases apart"):
        OpenWakeWord(tmp_path, ("several",))


def test_a_missing_model_is_told_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models fetch"):
        OpenWakeWord(tmp_path)
