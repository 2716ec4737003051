"""What callers asked in vain, put together by meaning: a fact that is missing, or other words for one that is
there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.understanding import Understood

APART = 0.55
"""Mean distance in meaning, 1 - cosine, up to which questions are one."""

LIKELY = 0.1
"""Mean probability from which they are taken for what the desk knows already."""

FEW = 2
"""Times that something must have been asked to be worth a proposal."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Questions that mean the same."""

    questions: tuple[str, ...]
    """The most often asked first."""
    times: int
    """How often any of them was asked."""
    intent: str = ""
    """The fact or flow that they may be other words for; empty where they are about something new."""


def propose(
    asked: Counter[str], meanings: NDArray[np.float32], understood: Sequence[Understood]
) -> list[Proposal]:
    """Groups of what was asked, most often asked first. `meanings`: a row of unit length for each question,
    as `asked` has them; `understood`: what the desk took each for."""
    questions = list(asked)
    groups: dict[int, list[int]] = {}
    for place, group in enumerate(_groups(meanings)):
        groups.setdefault(group, []).append(place)
    found = []
    for places in groups.values():
        places.sort(key=lambda place: -asked[questions[place]])
        times = sum(asked[questions[place]] for place in places)
        if times >= FEW:
            texts = tuple(questions[place] for place in places)
            found.append(Proposal(texts, times, _intent([understood[place] for place in places])))
    return sorted(found, key=lambda each: -each.times)


def _groups(meanings: NDArray[np.float32]) -> list[int]:
    if len(meanings) < 2:
        return [0] * len(meanings)
    from sklearn.cluster import AgglomerativeClustering

    clusters: Any = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=APART
    )
    return [int(group) for group in clusters.fit_predict(meanings)]


def _intent(understood: Sequence[Understood]) -> str:
    """What they are likely to mean together."""
    scores: dict[str, float] = {}
    for each in understood:
        for candidate in each.candidates:
            scores[candidate.intent] = scores.get(candidate.intent, 0.0) + candidate.score
    best = max(scores, key=lambda intent: scores[intent], default="")
    return best if best and scores[best] / len(understood) >= LIKELY else ""
