"""Sentences that mean several things at once, as in NLU++: the desk's own classifier with a threshold, beside
what word counts can do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.engines import Embed
from appliance.errors import StorageError
from appliance.understanding.classifier import Classifier, Example, Settings

Labelled = list[tuple[str, frozenset[str]]]
"""Sentences and all that each means."""

SETTINGS = [Settings(*each) for each in product((1.5, 3.0), (0.1, 0.5), (0.1, 0.3))]
"""Chosen among by what was left out of the training folds: sentences of several meanings are less like each
other."""

Truth = NDArray[np.bool_]
Scores = NDArray[np.float64]


def folds(folder: Path) -> list[Labelled]:
    """The sentences of each fold*.json."""
    files = sorted(folder.glob("fold*.json"))
    if not files:
        raise StorageError(f"{folder} holds no folds", "give the folder above it by --data")
    return [
        [(each["text"], frozenset(each.get("intents", []))) for each in json.loads(file.read_text("utf-8"))]
        for file in files
    ]


def likeness_labels(train: Labelled, texts: Sequence[str], embed: Embed) -> list[frozenset[str]]:
    """What the desk's classifier finds in each text."""
    names = _names(train)
    examples = [
        Example(text, tuple(names.index(each) for each in sorted(labels)), row)
        for row, (text, labels) in enumerate(train)
    ]
    examples += [
        Example(name.replace("_", " "), (number,), len(train) + number, name=True)
        for number, name in enumerate(names)
    ]
    tried = []
    for settings in SETTINGS:
        classifier = Classifier(examples, len(names), embed, settings)
        unseen, targets = classifier.unseen()
        bound = _threshold(unseen, targets.astype(bool))
        tried.append((_f1(unseen >= bound, targets.astype(bool)), bound, classifier))
    _, bound, classifier = max(tried, key=lambda each: each[0])
    return _above(np.stack([classifier.scores(text) for text in texts]), bound, names)


def words_labels(train: Labelled, texts: Sequence[str]) -> list[frozenset[str]]:
    """What TF-IDF of words and pairs of words and a logistic regression per label find in each."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    names = _names(train)
    truth = np.array([[name in labels for name in names] for _, labels in train])
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        OneVsRestClassifier(LogisticRegression(C=10, class_weight="balanced")),
    )
    said = [text for text, _ in train]
    unseen = cross_val_predict(model, said, truth, cv=5, method="predict_proba")
    return _above(model.fit(said, truth).predict_proba(list(texts)), _threshold(unseen, truth), names)


def f1(found: Sequence[frozenset[str]], test: Labelled) -> float:
    """Micro F1: each label of each sentence counts alike."""
    right = sum(len(one & labels) for one, (_, labels) in zip(found, test, strict=True))
    both = sum(map(len, found)) + sum(len(labels) for _, labels in test)
    return 2 * right / max(1, both)


def _names(train: Labelled) -> list[str]:
    return sorted({label for _, labels in train for label in labels})


def _threshold(scores: Scores, truth: Truth) -> float:
    """The score at which what was not learned from is found best."""
    bounds: list[float] = np.linspace(0.05, 0.95, 91).tolist()
    return max(bounds, key=lambda bound: _f1(scores >= bound, truth))


def _f1(found: Truth, truth: Truth) -> float:
    return float(2 * (found & truth).sum() / max(1, found.sum() + truth.sum()))


def _above(scores: Scores, bound: float, names: Sequence[str]) -> list[frozenset[str]]:
    return [
        frozenset(name for name, score in zip(names, row, strict=True) if score >= bound) for row in scores
    ]
