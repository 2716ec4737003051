"""From scores to probabilities and to three verdicts, learned from the desk's own phrases alone: each phrase
in turn plays a caller, and each intent in turn plays what the desk knows nothing of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.understanding.classifier import Classifier, Matrix

WRONG = 0.015
"""Share of the accepted phrases that may be of another intent."""

STRANGE = 0.1
"""Share of the phrases of unknown intents that may be accepted. The desk's other intents are its nearest
neighbours; what callers really say beside the matter is further off by far."""

LOST = 0.005
"""Share of the phrases that may be rejected, where nothing is known of what is outside."""

DEARER = 1.5
"""How much worse it is to reject what was meant than to ask back about what was not."""

SPARED = 1.2
"""Share of the phrases that may be rejected to keep out what is outside, divided by the square of how many an
intent has: a phrase of few is further from its fellows than a caller's words are from all of them."""

LEAST, MOST = 0.7, 0.97
"""Bounds of the probability at which a meaning is accepted, however few the phrases."""

CONTAINED = 0.98
"""Share of the phrases that are asked about whose intent has to be among what is offered."""

USUAL = np.array([17.0, 6.0])
SPREAD = np.array([5.0, 2.0])
"""Slope of the scores and level of the unknown at many desks; what a desk with few phrases begins from."""

USUAL_REJECT = 0.05

TRUST = 10
"""Phrases that the usual values weigh as much as."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How sure to be."""

    slope: float
    unknown: float
    """What meaning nothing known weighs, on the scale of slope times score."""
    accept: float
    """Probability from which a meaning is acted on."""
    reject: float
    """Probability below which nothing is taken to be meant."""
    enough: float
    """Share of all that is likely which the options hold together when the caller is asked."""

    def probabilities(self, scores: Matrix) -> Matrix:
        """Of each intent and, in a last column, of none; (rows, intents) to (rows, intents + 1)."""
        return _softmax(scores, self.slope, self.unknown)


def calibrate(classifier: Classifier) -> Calibration:
    scores, targets = classifier.unseen()
    known = targets.any(axis=1)
    outside = scores[~known]
    strange = np.concatenate([classifier.strange(), outside])
    scores, intents = scores[known], targets[known].argmax(axis=1)
    slope, unknown = _fit(scores, intents, strange)

    chances = _softmax(scores, slope, unknown)[:, :-1]
    best, wrong = chances.max(axis=1), chances.argmax(axis=1) != intents
    alien = _softmax(strange, slope, unknown)[:, :-1].max(axis=1)
    accept = next(
        (
            bound
            for bound in np.linspace(LEAST, MOST, 28).tolist()
            if _surely((wrong & (best >= bound)).sum()) <= WRONG * (best >= bound).sum()
            and (alien >= bound).sum() <= STRANGE * len(alien)
        ),
        MOST,
    )
    right = best[~wrong]
    outside = _softmax(outside, slope, unknown)[:, :-1].max(axis=1)
    reject = (len(right) * _reject(right, outside, SPARED / classifier.depth**2) + TRUST * USUAL_REJECT) / (
        len(right) + TRUST
    )
    asked = (best < accept) & (best >= reject)
    return Calibration(slope, unknown, accept, reject, _enough(chances[asked], intents[asked]))


def _reject(right: Matrix, outside: Matrix, most: float) -> float:
    """The bound at which least is rejected that was meant, and asked about that was not; with no more than
    `most` of the former."""
    if not len(right):
        return 0.0
    if not len(outside):
        return min(float(np.quantile(right, LOST)), LEAST / 4)
    bounds = np.geomspace(0.005, LEAST / 4, 60)
    lost = (right[:, None] < bounds).mean(axis=0)
    asked = (outside[:, None] >= bounds).mean(axis=0)
    return float(bounds[np.where(lost <= most, DEARER * lost + asked, np.inf).argmin()])


def _surely(count: int) -> float:
    """A count with one standard deviation of chance added, so that the aim is kept by callers too."""
    return float(count + count**0.5)


def _enough(chances: Matrix, intents: NDArray[np.intp]) -> float:
    """The least share that the options have to hold together so that the right one is nearly always there."""
    if not len(chances):
        return CONTAINED
    shares = chances / chances.sum(axis=1, keepdims=True)
    true = shares[np.arange(len(shares)), intents]
    # An option is offered where those that are likelier hold less than enough.
    likelier = (shares * (shares > true[:, None])).sum(axis=1)
    return min(0.99, float(np.quantile(likelier, CONTAINED)) + 1e-6)


def _fit(scores: Matrix, intents: NDArray[np.intp], strange: Matrix) -> tuple[float, float]:
    """Slope and unknown under which what really happened is likeliest: Newton's method on a convex sum."""
    rows = np.concatenate([scores, strange])
    count = rows.shape[1]
    truth = np.concatenate([intents, np.full(len(strange), count)])
    share = np.concatenate([np.full(len(each), 0.5 / max(len(each), 1)) for each in (scores, strange)])
    padded = np.concatenate([rows, np.zeros((len(rows), 1))], axis=1)
    trust = TRUST / max(len(scores), 1) / SPREAD**2
    value = USUAL.copy()
    for _ in range(30):
        chances = _softmax(rows, *value.tolist())
        none, mean = chances[:, -1], (chances * padded).sum(axis=1)
        gradient = np.array(
            [
                share @ (mean - padded[np.arange(len(rows)), truth]),
                share @ (none - (truth == count)),
            ]
        )
        slopes = share @ ((chances * padded**2).sum(axis=1) - mean**2)
        both = -share @ (none * mean)
        curve = np.array([[slopes, both], [both, share @ (none * (1 - none))]])
        step = np.linalg.solve(curve + np.diag(trust), gradient + trust * (value - USUAL))
        value = np.maximum(value - np.clip(step, -3, 3), 0.5)
        if np.abs(step).max() < 1e-3:
            break
    return float(value[0]), float(value[1])


def _softmax(scores: Matrix, slope: float, unknown: float) -> Matrix:
    weights = np.concatenate([slope * scores, np.full((len(scores), 1), unknown)], axis=1)
    weights = np.exp(weights - weights.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
