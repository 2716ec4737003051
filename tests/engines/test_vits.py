from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.engines.onnx import FLOAT, INT64, Graph, Whole, session
from appliance.engines.vits import FIRST, MOST, Vits
from appliance.errors import ModelError

Model = Callable[[str], Path]

QUIET = (0.0, 1.0, 0.0)
"""Without noise the same phonemes have the same sound."""


@pytest.fixture(scope="module")
def file(model: Model) -> Path:
    return model("piper-en_US-joe-medium") / "en_US-joe-medium.onnx"


@pytest.fixture(scope="module")
def vits(file: Path) -> Vits:
    return Vits(file)


def ids(count: int) -> list[int]:
    """Phonemes of a voice, any."""
    sounds = np.random.default_rng(count).integers(14, 60, count)
    return [1, *(each for sound in sounds for each in (int(sound), 0)), 2]


@pytest.mark.parametrize("count", [1, 5, 40, 90])
def test_made_in_stretches_it_is_the_sound_made_at_once(vits: Vits, file: Path, count: int) -> None:
    given = ids(count)
    whole = session(file).run(
        None,
        {
            "input": np.array([given]),
            "input_lengths": np.array([len(given)]),
            "scales": np.array(QUIET, np.float32),
        },
    )[0]
    stretches = list(vits.speak(given, QUIET))
    assert np.abs(np.concatenate(stretches) - whole.reshape(-1)).max() < 1e-4


def test_the_first_stretch_is_short_and_none_is_long(vits: Vits) -> None:
    lengths = [len(stretch) // 256 for stretch in vits.speak(ids(90), QUIET)]
    assert lengths[0] == FIRST
    assert max(lengths) <= MOST + FIRST // 2
    assert min(lengths) >= FIRST // 2


def test_a_voice_built_otherwise_speaks_a_sentence_at_a_time(tmp_path: Path) -> None:
    graph = Graph()
    graph.input("input", INT64, (1, "phonemes"))
    graph.input("scales", FLOAT, (3,))
    sound = graph.op("Cast", "input", to=FLOAT)
    graph.output(sound, FLOAT, (1, "samples"))
    (tmp_path / "voice.onnx").write_bytes(graph.model())
    (made,) = Vits(tmp_path / "voice.onnx").speak([1, 2, 3], QUIET)
    assert made.tolist() == [1, 2, 3]


def test_a_part_makes_what_the_whole_makes_there() -> None:
    graph = Graph()
    graph.input("x", FLOAT, (2,))
    graph.input("unused", FLOAT, (2,))
    middle = graph.op("Add", "x", "x")
    end = graph.op("Mul", middle, "x")
    graph.output(end, FLOAT, (2,))
    whole = Whole(graph.model())

    def run(part: bytes, **given: list[float]) -> NDArray[np.float32]:
        values = {name: np.array(value, np.float32) for name, value in given.items()}
        made: NDArray[np.float32] = session(part).run(None, values)[0]
        return made

    assert run(whole.part({}, {middle: (2,)}), x=[1, 2]).tolist() == [2, 4]
    # What the whole takes besides is taken by the part too.
    assert run(whole.part({middle: (2,)}, {end: (2,)}), **{middle: [2, 4], "x": [5, 6]}).tolist() == [10, 24]


@pytest.mark.parametrize("content", [b"", b"\xff" * 50, b"no model at all", b"\x3a\x7f\x00"])
def test_what_is_no_model_is_told_with_its_mend(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "voice.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="models verify"):
        Vits(tmp_path / "voice.onnx")
