"""Which words of a sentence fill which slot, as in NLU++: a tagger that knows what the desk's own slot
finders see, beside one that counts words.

Both say of each word whether it begins a slot, goes on with it or is none (BIO), by logistic regressions over
the words around it; both choose the likeliest sequence in which nothing goes on that did not begin. A slot
counts where its name and its very words are right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import StorageError
from appliance.slots import FINDERS
from appliance.slots.lexer import Context, tokens

NOW = datetime(2022, 3, 15, 12)
"""When the sentences of NLU++ were written down."""

KINDS = ("date", "time", "duration", "number", "money", "phone", "name")
"""Slot finders that look at a sentence."""

STRENGTH = 10.0
"""How little the regressions are held back."""

Span = tuple[str, int, int]
"""A slot's name, its first character and the one after its last."""

Marked = list[tuple[str, frozenset[Span]]]
"""Sentences and the slots in each."""

Features = Callable[[str, "Sequence[Word]"], list[dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start: int
    end: int


def folds(folder: Path) -> list[Marked]:
    """The sentences of each fold*.json."""
    files = sorted(folder.glob("fold*.json"))
    if not files:
        raise StorageError(f"{folder} holds no folds", "give the folder above it by --data")
    return [
        [
            (each["text"], frozenset((name, *slot["span"]) for name, slot in each.get("slots", {}).items()))
            for each in json.loads(file.read_text("utf-8"))
        ]
        for file in files
    ]


def f1(found: Sequence[frozenset[Span]], test: Marked) -> float:
    """Micro F1: each slot of each sentence counts alike."""
    right = sum(len(one & true) for one, (_, true) in zip(found, test, strict=True))
    both = sum(map(len, found)) + sum(len(true) for _, true in test)
    return 2 * right / max(1, both)


def found_spans(train: Marked, texts: Sequence[str]) -> list[frozenset[Span]]:
    """What the words and the slot finders tell together."""
    return _tagged(train, texts, seen, rarity=False)


def words_spans(train: Marked, texts: Sequence[str]) -> list[frozenset[Span]]:
    """What TF-IDF of the words around each word and a logistic regression find."""
    return _tagged(train, texts, around, rarity=True)


def split(text: str) -> list[Word]:
    return [Word(each[0].lower(), *each.span()) for each in re.finditer(r"\d+|[^\W\d_]+|[^\w\s]", text)]


def around(_: str, words: Sequence[Word]) -> list[dict[str, float]]:
    """The word, two to either side, and the pairs that it is in."""
    said = ["", "", *(word.text for word in words), "", ""]
    rows = []
    for i in range(2, len(said) - 2):
        row = {f"{at:+d} {said[i + at]}": 1.0 for at in range(-2, 3)}
        row |= {f"{said[i - 1]} {said[i]}": 1.0, f"{said[i]} {said[i + 1]}": 1.0}
        rows.append(row)
    return rows


def seen(text: str, words: Sequence[Word]) -> list[dict[str, float]]:
    """The same, how the words are written, and of each value that a slot finder sees: whether the word begins
    or goes on with it, what stands before and after it, and whether it is the first of its kind."""
    rows = around(text, words)
    for row, word in zip(rows, words, strict=True):
        row[f"ends {word.text[-3:]}"] = row[f"begins {word.text[:3]}"] = 1.0
        row["digits" if word.text.isdigit() else "sign" if not word.text.isalpha() else "letters"] = 1.0
    heard = tokens(text)
    for kind in KINDS:
        spans = [
            (heard[each.start].start, heard[each.end - 1].end) for each in FINDERS[kind](heard, Context(NOW))
        ]
        for number, (start, end) in enumerate(_longest(spans)):
            inside = [i for i, word in enumerate(words) if word.start < end and word.end > start]
            if not inside:
                continue
            before = [words[i].text if i >= 0 else "^" for i in range(inside[0] - 3, inside[0])]
            after = [words[i].text if i < len(words) else "$" for i in range(inside[-1] + 1, inside[-1] + 3)]
            for i in inside:
                place = "B" if i == inside[0] else "I"
                rows[i] |= {
                    f"{place} {kind}": 2.0,
                    f"{place} {kind} number {min(number, 2)}": 1.0,
                    f"{place} {kind} after {before[-1]}": 1.0,
                    f"{place} {kind} after {' '.join(before[-2:])}": 1.0,
                    f"{place} {kind} before {after[0]}": 1.0,
                    f"{place} {kind} before {' '.join(after)}": 1.0,
                }
                rows[i] |= {f"{kind} near {word}": 0.7 for word in (*before, *after)}
            for i, name in ((inside[0] - 1, "next"), (inside[-1] + 1, "last")):
                if 0 <= i < len(rows):
                    rows[i][f"{name} {kind}"] = 1.0
    return rows


def _longest(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in their order, the longest where some overlap."""
    chosen: list[tuple[int, int]] = []
    for span in sorted(spans, key=lambda each: each[0] - each[1]):
        if all(span[1] <= start or end <= span[0] for start, end in chosen):
            chosen.append(span)
    return sorted(chosen)


def _tagged(train: Marked, texts: Sequence[str], features: Features, rarity: bool) -> list[frozenset[Span]]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    split_up = [split(text) for text, _ in train]
    rows = [features(text, words) for (text, _), words in zip(train, split_up, strict=True)]
    tags = [_tags(words, spans) for (_, spans), words in zip(train, split_up, strict=True)]

    if not any(spans for _, spans in train):
        return [frozenset()] * len(texts)
    vectors = make_pipeline(DictVectorizer(), TfidfTransformer(sublinear_tf=True, use_idf=rarity))
    model = OneVsRestClassifier(LogisticRegression(C=STRENGTH, solver="liblinear"))
    learned = _narrow(vectors.fit_transform([row for each in rows for row in each]))
    model.fit(learned, [tag for each in tags for tag in each])
    names = list(model.classes_)
    said = [split(text) for text in texts]
    asked = [row for text, words in zip(texts, said, strict=True) for row in features(text, words)]
    if not asked:
        return [frozenset()] * len(texts)
    chances = np.log(model.predict_proba(vectors.transform(asked)) + 1e-12)
    ends = np.cumsum([len(words) for words in said])
    return [
        frozenset(_spans(words, _likeliest(chances[end - len(words) : end], names))) if words else frozenset()
        for words, end in zip(said, ends.tolist(), strict=True)
    ]


def _narrow(rows: Any) -> Any:
    """liblinear takes sparse rows with 32-bit indices only."""
    rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    return rows


def _tags(words: Sequence[Word], spans: frozenset[Span]) -> list[str]:
    tags = []
    for word in words:
        inside = [
            (name, start) for name, start, end in sorted(spans) if word.start < end and word.end > start
        ]
        tags.append(f"{'B' if word.start <= inside[0][1] else 'I'} {inside[0][0]}" if inside else "O")
    return tags


def _likeliest(chances: NDArray[np.float64], tags: Sequence[str]) -> list[str]:
    """The likeliest tags of which none goes on with what did not begin (Viterbi)."""
    may = np.array([[_follows(one, other) for other in tags] for one in tags])
    score = np.where([tag[0] != "I" for tag in tags], chances[0], -np.inf)
    back = []
    for row in chances[1:]:
        step = np.where(may, score[:, None], -np.inf)
        back.append(step.argmax(axis=0))
        score = step.max(axis=0) + row
    path = [int(score.argmax())]
    for came in reversed(back):
        path.append(int(came[path[-1]]))
    return [tags[i] for i in reversed(path)]


def _follows(one: str, other: str) -> bool:
    return other[0] != "I" or (one[0] != "O" and one[2:] == other[2:])


def _spans(words: Sequence[Word], tags: Sequence[str]) -> Iterator[Span]:
    starts = [i for i, tag in enumerate(tags) if tag[0] == "B"]
    for start, next_start in pairwise([*starts, len(tags)]):
        end = next((i for i in range(start + 1, next_start) if tags[i] != f"I {tags[start][2:]}"), next_start)
        yield tags[start][2:], words[start].start, words[end - 1].end
