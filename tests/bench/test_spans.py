"""Slots of sentences: what counts as found, and that knowing values beats counting words."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from appliance.bench.spans import Marked, _likeliest, f1, folds, found_spans, split, words_spans
from appliance.errors import StorageError


def marked(text: str, **slots: str) -> tuple[str, frozenset[tuple[str, int, int]]]:
    return text, frozenset(
        (name, text.index(words), text.index(words) + len(words)) for name, words in slots.items()
    )


def stays(days: list[str]) -> Marked:
    return [
        marked(text.format(one, other), date_from=one, date_to=other)
        for one, other in itertools.pairwise(days)
        for text in ("we stay from {} to {}", "a room please, from {} until {}")
    ]


SEEN = stays(["Monday", "Tuesday", "the third of May", "the fourth of May", "Friday", "tomorrow"])
UNSEEN = stays(["Saturday", "Sunday", "the ninth of July", "June 3rd", "Wednesday"])


def test_values_that_were_never_seen_are_found_by_what_they_are() -> None:
    ours = f1(found_spans(SEEN, [text for text, _ in UNSEEN]), UNSEEN)
    theirs = f1(words_spans(SEEN, [text for text, _ in UNSEEN]), UNSEEN)
    assert ours >= 0.9
    assert ours > theirs


def test_a_slot_counts_where_name_and_words_are_right() -> None:
    test = [marked("from Monday to Friday", date_from="Monday", date_to="Friday")]
    (true,) = (spans for _, spans in test)
    assert f1([true], test) == 1
    assert f1([frozenset({("date_from", 5, 11)})], test) == pytest.approx(2 / 3)
    assert f1([frozenset({("date_from", 5, 10), ("date_to", 15, 21)})], test) == pytest.approx(0.5)
    assert f1([frozenset()], test) == 0


def test_nothing_goes_on_that_did_not_begin() -> None:
    tags = ["B date", "I date", "I time", "O"]
    chances = np.log(np.array([[0.3, 0.5, 0.1, 0.1], [0.1, 0.3, 0.5, 0.1], [0.1, 0.1, 0.7, 0.1]]))
    best = _likeliest(chances, tags)
    assert best[0] in ("B date", "O")
    assert "I time" not in best


def test_what_was_learned_without_slots_finds_none() -> None:
    assert found_spans([("hello", frozenset())], ["from Monday"]) == [frozenset()]


def test_words_stand_where_they_were() -> None:
    text = "at 4:25, for Zoë's party"
    assert [text[word.start : word.end].lower() for word in split(text)] == [
        word.text for word in split(text)
    ]


def test_folds_are_read_with_their_slots(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="holds no folds"):
        folds(tmp_path)
    each = {"text": "on Monday", "slots": {"date": {"text": "Monday", "span": [3, 9], "value": {}}}}
    (tmp_path / "fold0.json").write_text(json.dumps([each, {"text": "hello"}]))
    assert folds(tmp_path) == [[marked("on Monday", date="Monday"), ("hello", frozenset())]]
