from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance.engines.minilm import MiniLM
from appliance.errors import ModelError

Model = Callable[[str], Path]

TEXTS = [
    "When do you open?",
    "At what time does the office open tomorrow?",
    "I'd like to book an appointment for Tuesday.",
    "Where can I park my car?",
    "Yes",
    "Hello, I was wondering whether you could tell me where to leave a parcel for my sister, who works here.",
]


@pytest.fixture(scope="module")
def minilm(model: Model) -> MiniLM:
    return MiniLM(model("minilm-l6-v2"))


@pytest.mark.parametrize(
    ("one", "other", "published"),
    [
        ("The weather is lovely today.", "It's so sunny outside!", 0.6660),
        ("The weather is lovely today.", "He drove to the stadium.", 0.1046),
        ("It's so sunny outside!", "He drove to the stadium.", 0.1411),
    ],
)
def test_it_agrees_with_its_authors(minilm: MiniLM, one: str, other: str, published: float) -> None:
    """The figures that the sentence-transformers documentation gives for this model."""
    first, second = minilm.embed([one, other])
    assert first @ second == pytest.approx(published, abs=1e-4)


def test_the_same_question_in_other_words_is_nearer_than_another_question(minilm: MiniLM) -> None:
    rows = minilm.embed(TEXTS[:4])
    alike = rows @ rows.T
    assert alike[0, 1] > 0.6
    assert alike[0, 2:].max() < 0.4


def test_rows_are_of_unit_length(minilm: MiniLM) -> None:
    rows = minilm.embed(TEXTS)
    assert rows.shape == (len(TEXTS), minilm.dimensions) == (len(TEXTS), 384)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_text_has_one_row_whatever_its_company(minilm: MiniLM) -> None:
    together = minilm.embed([*TEXTS, *reversed(TEXTS), *TEXTS * 8])
    alone = np.concatenate([minilm.embed([text]) for text in TEXTS])
    assert np.abs(together[: len(TEXTS)] - alone).max() < 1e-5
    assert np.abs(together[-len(TEXTS) :] - alone).max() < 1e-5


def test_no_texts_make_no_rows(minilm: MiniLM) -> None:
    assert minilm.embed([]).shape == (0, 384)


@pytest.mark.parametrize("text", ["", "  ", "\x00\x07", "😀", "你好 мир", "x" * 100_000, "word " * 200_000])
def test_any_text_has_a_row(minilm: MiniLM, text: str) -> None:
    (row,) = minilm.embed([text])
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_capitals_do_not_count(minilm: MiniLM) -> None:
    first, second = minilm.embed(["WHERE IS ROOM 42", "where is room 42"])
    assert first @ second == pytest.approx(1, abs=1e-6)


def test_a_sentence_takes_less_than_15_ms_of_one_core(minilm: MiniLM) -> None:
    minilm.embed([TEXTS[1]])
    took = []
    for _ in range(20):
        begun = time.thread_time()
        minilm.embed([TEXTS[1]])
        took.append(time.thread_time() - begun)
    assert min(took) < 0.015


def test_a_missing_model_is_told_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models fetch"):
        MiniLM(tmp_path)


@pytest.mark.parametrize("kept", [0, 4, 5_000, 40_000_000])
def test_a_corrupt_model_is_told_with_its_mend(tmp_path: Path, model: Model, kept: int) -> None:
    for file in ("config.json", "tokenizer.json"):
        (tmp_path / file).write_bytes((model("minilm-l6-v2") / file).read_bytes())
    with (model("minilm-l6-v2") / "model.safetensors").open("rb") as whole:
        (tmp_path / "model.safetensors").write_bytes(whole.read(kept))
    with pytest.raises(ModelError, match="models verify"):
        MiniLM(tmp_path)
