"""Which questions are alike: by what they mean, or, where the model for that is not here, by the words that
they share. Either way gives the number of the group that each is of."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance import models
from appliance.errors import ModelError

log = logging.getLogger(__name__)

MODEL = "minilm-l6-v2"
"""By which boxes understand, too."""

APART = 0.55
"""Mean distance in meaning, 1 - cosine, up to which questions are one."""

SAME_WORDS = 0.45
"""The share of the words, by their worth, from which it does: 1 is the same words."""

WORD = re.compile(r"[^\W\d_]+")

COMMON = frozenset(
    (
        "a an and any are at be can could do does for from give have hello hi how i in is it me my of on or "
        "please shall should tell the there this to was we what whats when where which who will with would "
        "you your"
    ).split()
)
"""Words that say little of what is asked."""


class Meaning(Protocol):
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row of unit length for each text."""
        ...


def opened() -> Meaning | None:
    """The model of meanings; None where it is not on this machine."""
    try:
        folder = models.directory(MODEL)
        from appliance.engines.minilm import MiniLM

        return MiniLM(folder)
    except ModelError as error:
        log.debug("questions go by their words: %s", error)
        return None


def by_meaning(rows: NDArray[np.float32]) -> list[int]:
    """`rows`: one of unit length for each text. Groups grow together while they are near each other in the
    mean."""
    if len(rows) < 2:
        return [0] * len(rows)
    from sklearn.cluster import AgglomerativeClustering

    clusters: Any = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=APART
    )
    # All distances at once take a tenth of the time of the ones that it would work out pair by pair.
    return [int(group) for group in clusters.fit_predict(np.clip(1 - rows @ rows.T, 0, 2))]


def by_words(texts: Sequence[str]) -> list[int]:
    """`texts`: each once, the most often asked first. Each joins the group with whose first it shares most,
    if it shares enough; what a word is worth is less the more questions have it."""
    bags = [frozenset(_stem(word) for word in text.split() if word not in COMMON) for text in texts]
    spread = Counter(word for bag in bags for word in bag)
    worth = {word: math.log(1 + len(bags) / n) for word, n in spread.items()}
    having: dict[str, list[int]] = defaultdict(list)
    heads: list[frozenset[str]] = []
    groups: list[int] = []
    for bag in bags:
        near = {place for word in bag for place in having[word]}
        best = max(near, key=lambda place: (_shared(bag, heads[place], worth), -place), default=-1)
        if best < 0 or _shared(bag, heads[best], worth) < SAME_WORDS:
            best = len(heads)
            heads.append(bag)
            for word in bag:
                having[word].append(best)
        groups.append(best)
    return groups


def _shared(one: frozenset[str], other: frozenset[str], worth: dict[str, float]) -> float:
    both = sum(worth[word] for word in one & other)
    return both / sum(worth[word] for word in one | other) if both else 0.0


def _stem(word: str) -> str:
    """Without the ending that a plural, a tense or a person adds."""
    for ending in ("ing", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word
