"""Whether a sentence answers a question."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from appliance.documents.asking import has_what_is_asked
from appliance.documents.index import Index, Row
from appliance.engines import Embed
from appliance.guard import stem

WEIGHTS = (6.3, 10.3, 2.1, 0.9)
BIAS = -10.1
"""Logistic regression over `Judge.measures`."""

SURE = 0.7
"""Probability from which a sentence is said."""

STRANGE = 0.45
"""A word that names another document keeps a sentence from being said where it comes no nearer than this."""

_BACK = re.compile(
    r"(?:it|its|they|them|their|these|those|this|that|he|she|his|her|there|then|otherwise|instead|both|such|also)\b",
    re.IGNORECASE,
)
_BUT = re.compile(
    r"(?:but|however|except|unless|only|otherwise|this does not|this applies|exceptions?|not on|not for)\b",
    re.IGNORECASE,
)


def leans_back(sentence: str) -> bool:
    """Whether it cannot be understood without the sentence before it."""
    return bool(_BACK.match(sentence))


def qualifies(sentence: str) -> bool:
    """Whether the sentence before it would mislead without it."""
    return bool(_BUT.match(sentence))


class Judge:
    """Weighs how alike question and sentence are in meaning and in words."""

    def __init__(self, embed: Embed, index: Index) -> None:
        self._embed = embed
        self._index = index

    def scores(
        self, question: str, words: Sequence[str], meaning: NDArray[np.float32], rows: Sequence[Row]
    ) -> list[float]:
        """How probable it is that each sentence answers the question, 0 to 1. `words`: the question's
        content; `meaning`: its vector."""
        if not rows or not words:
            return [0.0] * len(rows)
        measured, possible = self.measures(question, words, meaning, rows)
        sums = measured @ np.array(WEIGHTS) + BIAS
        return [float(score) for score in np.where(possible, 1 / (1 + np.exp(-sums)), 0.0)]

    def measures(
        self, question: str, words: Sequence[str], meaning: NDArray[np.float32], rows: Sequence[Row]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """What is weighed, shape (rows, len(WEIGHTS)): the cosine under the headings and without; how much
        of the question's words the sentence holds or comes near, rare words counting more; how near the one
        word comes that is farthest from it. And whether the sentence may answer the question at all."""
        whole, bare = self._index.meanings([row.id for row in rows])
        about = self._embed.embed(words)
        holding = [self._index.holding(word, [row.id for row in rows]) for word in words]
        size = self._index.size()
        weights = np.array([math.log(1 + size / (1 + count)) for count, _ in holding])
        weights /= weights.sum()
        held = np.array([[row.id in ids for _, ids in holding] for row in rows], dtype=np.float64)
        near = whole @ about.T
        nearest = np.maximum(held, np.maximum(near, bare @ about.T))
        covered = np.maximum(held, near)
        measured = np.stack([whole @ meaning, bare @ meaning, covered @ weights, nearest.min(axis=1)], axis=1)
        elsewhere = self._elsewhere(words, rows) & (nearest < STRANGE)
        asked = [has_what_is_asked(question, row.text) for row in rows]
        return measured, np.array(asked) & ~elsewhere.any(axis=1)

    def _elsewhere(self, words: Sequence[str], rows: Sequence[Row]) -> NDArray[np.bool_]:
        """Which words name another document than the row's: who asks about the museum is not told the
        rules of the hotel. Shape (rows, words)."""
        titles = {
            file: {root(word) for word in re.findall(r"\w+", text.lower())}
            for file, text in self._index.titles().items()
        }
        named = set().union(*titles.values()) if titles else set()
        stems = [root(word) for word in words]
        return np.array(
            [[word in named and word not in titles.get(row.file, ()) for word in stems] for row in rows]
        )


def root(word: str) -> str:
    return stem(word).removesuffix("e")


def sure(score: float) -> bool:
    """Whether a score is enough to say the sentence."""
    return score >= SURE
