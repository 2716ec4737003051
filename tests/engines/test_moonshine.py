from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance import spoken
from appliance.engines.moonshine import Moonshine
from appliance.errors import ModelError
from appliance.messages import RATE, Expect
from tests.engines.recognition import WORDLESS, clip, clipped, prompt

Model = Callable[[str], Path]


@pytest.fixture(scope="module")
def moonshine(model: Model) -> Moonshine:
    return Moonshine(model("moonshine-tiny-en"))


def hear(moonshine: Moonshine, pcm: bytes) -> str:
    stream = moonshine.stream(Expect())
    stream.push(pcm)
    return stream.finish().text


def test_it_hears_a_person(moonshine: Moonshine, speech: bytes) -> None:
    assert spoken.words(hear(moonshine, speech)) == spoken.words("go forward ten meters")


def test_it_hears_a_telephone(moonshine: Moonshine) -> None:
    heard = hear(moonshine, prompt("vm-passchanged")).lower()
    assert "passwords have been changed" in heard


@pytest.mark.parametrize("name", [name for name in WORDLESS if name not in ("white noise", "a tone")])
def test_no_words_where_nobody_speaks(moonshine: Moonshine, name: str) -> None:
    assert hear(moonshine, WORDLESS[name]) == ""


@pytest.mark.parametrize("name", WORDLESS)
def test_it_ends_whatever_it_is_given(moonshine: Moonshine, name: str) -> None:
    assert len(hear(moonshine, WORDLESS[name]).split()) < 20


def test_far_too_loud_is_still_heard(moonshine: Moonshine, speech: bytes) -> None:
    assert "forward" in hear(moonshine, clipped(speech)).lower()


def test_a_minute_of_speech_is_heard_to_its_end(moonshine: Moonshine, speech: bytes) -> None:
    once = speech + bytes(RATE)
    times = 60 * 2 * RATE // len(once)
    heard = hear(moonshine, once * times).lower()
    assert heard.count("forward") >= 0.7 * times


def test_its_memory_does_not_grow_with_the_number_of_lengths_heard(moonshine: Moonshine) -> None:
    speech = clip("librivox/sense_and_sensibility_01_austen_64kb-0890.wav")
    lengths = np.random.default_rng(3).integers(RATE // 2, len(speech) // 2, 60)
    moonshine.stream(Expect()).finish()
    hear(moonshine, speech)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for length in lengths:
        hear(moonshine, speech[: 2 * int(length)])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_a_broken_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        Moonshine(tmp_path)
    for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"):
        (tmp_path / name).write_bytes(b"not a model")
    with pytest.raises(ModelError, match="verify"):
        Moonshine(tmp_path)
