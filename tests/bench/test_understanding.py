from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from appliance.bench.labels import f1, folds, words_labels
from appliance.bench.sets import DATA
from appliance.bench.understanding import Figure, clinc, desk, main, measure
from appliance.engines.minilm import MiniLM
from appliance.models import ROOT
from appliance.understanding import OUTSIDE, Understanding

MODEL = ROOT / "minilm-l6-v2"

needs_model = pytest.mark.skipif(not MODEL.is_dir(), reason="the model minilm-l6-v2 is not here")
needs_data = pytest.mark.skipif(not (DATA / "nlu").is_dir(), reason="../shared/data/nlu is not here")

TRAIN = {
    "open": ["when do you open", "are you open on sunday", "opening hours please", "how late are you open"],
    "park": ["where can i park", "is there parking", "where do i leave my car", "is the car park free"],
    "pay": ["can i pay by card", "do you take cash", "how can i pay", "is contactless payment fine"],
}
TEST = [
    ("at what time do you open", "open"),
    ("a place for my car please", "park"),
    ("do you take cards", "pay"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A little of each set, of our own words."""
    nlu = tmp_path / "nlu"
    (nlu / "nlupp_hotels").mkdir(parents=True)
    train = [[text, intent] for intent, texts in TRAIN.items() for text in texts]
    sets = {"train": train, "test": TEST, "oos_test": [["sing me a song", "oos"], ["who is the pope", "oos"]]}
    (nlu / "clinc150.json").write_text(json.dumps(sets))
    for name, rows in (("train", train), ("test", TEST)):
        with (nlu / f"banking77_{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["text", "category"], *rows])
    for number in range(2):
        fold = [{"text": text, "intents": [intent, "ask"]} for text, intent in train]
        fold.append({"text": "my name is Kim", "slots": {"name": {"text": "Kim", "span": [11, 14]}}})
        (nlu / "nlupp_hotels" / f"fold{number}.json").write_text(json.dumps(fold))
    return tmp_path


@needs_model
def test_every_set_is_measured_and_told_as_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--data", str(data), "--shots", "4", "--seeds", "1", "--json"])
    told = json.loads(capsys.readouterr().out)
    by_name = {(each["data"], each["what"].strip()): each for each in told}
    assert by_name["CLINC150", "first is right"]["value"] == 1
    assert by_name["CLINC150", "beside the matter: accepted"]["value"] == 0
    assert by_name["BANKING77", "first is right"]["passed"] is True
    assert 0 < by_name["BANKING77", "one turn, p95"]["value"] < 1000
    assert by_name["NLU++ hotels, one fold to learn from", "intents F1"]["value"] > 0.9
    assert by_name["NLU++ hotels, one fold to learn from", "slots F1"]["value"] == 1


@needs_model
def test_a_table_has_the_marks(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--data", str(data), "--shots", "4", "--seeds", "1", "--sets", "clinc"])
    shown = capsys.readouterr().out
    assert "first is right" in shown
    assert ">= 91.0 %" in shown
    assert code == int("missed" in shown)


@needs_model
def test_what_is_missing_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(data / "nlu")
    assert main(["--data", str(data), "--sets", "clinc"]) == 2
    assert main(["--data", str(data), "--sets", "hotels"]) == 2
    shown = capsys.readouterr().err
    assert "clinc150.json cannot be read" in shown.replace("\n", "")
    assert "holds no folds" in shown.replace("\n", " ")


def test_an_unknown_set_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--sets", "clinc,banks"]) == 2
    assert "there is no set banks" in capsys.readouterr().err


def test_a_mark_is_at_least_or_at_most() -> None:
    assert Figure("x", "y", 0.91, 0.91).passed
    assert not Figure("x", "y", 0.9, 0.91).passed
    assert Figure("x", "y", 0.01, 0.015, most=True).passed
    assert not Figure("x", "y", 0.016, 0.015, most=True).passed
    assert Figure("x", "y", 0.5).passed is None


def test_a_desk_is_drawn_by_lot_and_always_alike() -> None:
    train = [(f"{intent} (number) {i}", intent) for intent in ("b", "a") for i in range(20)]
    assert desk(train, 5, 1) == desk(train, 5, 1) != desk(train, 5, 2)
    drawn = desk(train, 5, 1)
    assert list(drawn) == ["a", "b"]
    assert all(len(texts) == len(set(texts)) == 5 for texts in drawn.values())
    assert not any("(" in text for texts in drawn.values() for text in texts)


def test_f1_counts_each_label_alike() -> None:
    test = [("x", frozenset({"a", "b"})), ("y", frozenset[str]())]
    assert f1([frozenset({"a", "b"}), frozenset()], test) == 1
    assert f1([frozenset({"a"}), frozenset({"c"})], test) == pytest.approx(0.5)
    assert f1([frozenset(), frozenset()], test) == 0


def test_word_counts_learn_what_words_can_tell(data: Path) -> None:
    train, test = folds(data / "nlu" / "nlupp_hotels")
    assert f1(words_labels(train, [text for text, _ in test]), test) > 0.9


@needs_model
@needs_data
def test_a_real_desk_of_the_public_set_meets_its_marks() -> None:
    """One of the three desks that the bench draws, asked every tenth test sentence."""
    train, test, outside = clinc(DATA)
    understanding = Understanding(desk(train, 10, 0), MiniLM(MODEL, threads=2), OUTSIDE)
    measured = measure(understanding, test[::10], outside[::5])
    assert measured["first"] >= 0.88
    assert measured["three"] >= 0.95
    assert measured["error"] <= 0.04
    assert measured["strange_accepted"] <= 0.04
