"""What an utterance means: its likeness to the desk's phrases, weighed so that each phrase finds its intent.

Kernel ridge regression on sentence embeddings and on pieces of words. It does what logistic regression does,
a little better with ten phrases or fewer; it is solved in one step, always alike; and what it would have said
of a phrase that it had not learned from follows from the same matrix, so that cross-validation is free
(Rifkin and Lippert, "Notes on Regularized Least-Squares", 2007).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.engines import Embed

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the likeness is made of; chosen on the validation part of CLINC150 and the training part of
    BANKING77."""

    sharp: float = 3.0
    """How fast likeness falls with the cosine: exp(sharp * (cosine - 1))."""
    spelling: float = 0.1
    """Weight of the pieces of words beside the embedding's 1."""
    noise: float = 0.3
    """How little a single phrase is trusted."""


FEW = 3
"""Phrases that an intent needs before one of them can be spared to test with."""

PIECES = 2048
"""Places into which pieces of words are hashed."""


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence to learn from."""

    text: str
    intents: tuple[int, ...]
    """Numbers of what it means: one for a desk's phrase, none for what is said beside the matter."""
    phrase: int
    """Which phrase of the desk file it was made of: those of one phrase count as one together."""
    name: bool = False
    """True for an intent's name: it is learned from, but nobody says it."""


class Classifier:
    """Learns as it is made. Intents are numbers from 0 to `count` - 1."""

    def __init__(
        self, examples: Sequence[Example], count: int, embed: Embed, settings: Settings | None = None
    ) -> None:
        self._settings = settings or Settings()
        self._embed = embed
        texts = [each.text for each in examples]
        pieces = _pieces(texts)
        self._rarity = (np.log((1 + len(texts)) / (1 + (pieces > 0).sum(axis=0))) + 1).astype(np.float32)
        spelled = _unit(pieces * self._rarity)
        self._columns = np.ascontiguousarray(spelled.T)
        self._rows = embed.embed(texts)
        self._said = np.array([not each.name for each in examples])
        self._phrases = np.array([each.phrase for each in examples])
        self._targets = np.zeros((len(examples), count))
        for row, each in enumerate(examples):
            self._targets[row, list(each.intents)] = 1
        noise = self._settings.noise * np.bincount(self._phrases)[self._phrases]
        likeness = self._likeness(self._rows @ self._rows.T, spelled @ spelled.T)
        self._inverse = np.linalg.inv(likeness + np.diag(noise))
        self._weights = self._inverse @ self._targets

    def scores(self, text: str) -> Matrix:
        """Of each intent, about 0 (nothing like it) to 1 (its own phrases); shape (intents,)."""
        spelled = _unit(_pieces([text]) * self._rarity)[0]
        # A text has few pieces: only their columns are looked at. einsum works in this thread alone; a matrix
        # product would share so little work with another core, and wait for it where that is busy.
        some = np.flatnonzero(spelled)
        meant = np.einsum("ij,j->i", self._rows, self._embed.embed([text])[0])
        alike = np.einsum("ij,i->j", self._columns[some], spelled[some])
        return np.asarray(np.einsum("i,ij->j", self._likeness(meant, alike), self._weights))

    @property
    def depth(self) -> float:
        """Phrases of an intent, on average, names left aside."""
        phrases = [len(np.unique(self._phrases[rows[self._said[rows]]])) for rows in self._members()]
        return max(1.0, float(np.mean(phrases)))

    def unseen(self) -> tuple[Matrix, Matrix]:
        """The scores of each phrase as if it had not been learned, and 1 for what it means. Intents with
        fewer than FEW phrases are left out: without one they are another desk's."""
        scores = np.zeros_like(self._targets)
        for phrase in np.unique(self._phrases):
            rows = np.flatnonzero(self._phrases == phrase)
            scores[rows] = self._without(rows)
        phrases = np.array([len(np.unique(self._phrases[rows])) - 1 for rows in self._members()])
        shown = self._said & ~(self._targets @ (phrases < FEW)).astype(bool)
        return scores[shown], self._targets[shown]

    def strange(self) -> Matrix:
        """The scores of each intent's phrases as if that intent were unknown; its own are far below all."""
        scores = []
        for intent, rows in enumerate(self._members()):
            without = self._without(rows)
            without[:, intent] = -9.0
            scores.append(without[self._said[rows]])
        return np.concatenate(scores)

    def _members(self) -> list[NDArray[np.intp]]:
        return [np.flatnonzero(column) for column in self._targets.T]

    def _without(self, rows: NDArray[np.intp]) -> Matrix:
        error = np.linalg.solve(self._inverse[np.ix_(rows, rows)], self._weights[rows])
        return np.asarray(self._targets[rows] - error)

    def _likeness(self, meant: NDArray[np.float32], spelled: NDArray[np.float32]) -> Matrix:
        settings = self._settings
        likeness = np.exp(settings.sharp * (meant - 1)) + settings.spelling * spelled
        return np.asarray(likeness, dtype=np.float64)


def _pieces(texts: Sequence[str]) -> NDArray[np.float32]:
    """How often, on a logarithmic scale, each text has each piece of 3 to 5 letters."""
    counts = np.zeros((len(texts), PIECES), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in re.findall(r"[\w']+", text.lower()):
            padded = f" {word} "
            for length in (3, 4, 5):
                for at in range(len(padded) - length + 1):
                    counts[row, zlib.crc32(padded[at : at + length].encode()) % PIECES] += 1
    return np.log1p(counts)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6))
