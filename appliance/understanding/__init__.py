"""Understanding: which of the desk's intents an utterance means, and how sure that is. Blocking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from appliance.engines import Embed
from appliance.understanding.calibration import calibrate
from appliance.understanding.classifier import Classifier, Example
from appliance.understanding.phrases import Phrases

NEAR = 0.005
"""Probability from which an intent is told of as near, though the text is rejected."""

OFFERED = 4
"""Candidates at most: nobody keeps more in mind."""


@dataclass(frozen=True, slots=True)
class Candidate:
    intent: str
    score: float
    """Probability, 0 to 1; what is missing to 1 is spread over the others and over none of them."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What an utterance means."""

    verdict: Literal["accept", "ask", "reject"]
    how: Literal["phrase", "meaning"]
    candidates: tuple[Candidate, ...]
    """Best first, at most four: one to act on, those to ask between, or, where nothing is likely enough to be
    asked, what is nearest; none where nothing is near."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """What the phrase's slots captured, as it was said."""


class Understanding:
    """Learns as it is made, from each intent's phrases and its name. `outside`: things that are said and mean
    none of them. Raises ValueError(wrong, mend) for a phrase that cannot be read."""

    def __init__(
        self, intents: Mapping[str, Sequence[str]], embed: Embed, outside: Sequence[str] = ()
    ) -> None:
        self._phrases = Phrases(intents)
        self._names = list(intents)
        examples: list[Example] = []
        phrase = 0
        for intent, sentences in self._phrases.samples():
            number = self._names.index(intent)
            examples += [Example(text, (number,), phrase) for text in sentences]
            phrase += 1
        for text in outside:
            examples.append(Example(text, (), phrase))
            phrase += 1
        for number, name in enumerate(self._names):
            examples.append(Example(_words(name), (number,), phrase, name=True))
            phrase += 1
        self._classifier = Classifier(examples, len(self._names), embed) if self._names else None
        self.calibration = calibrate(self._classifier) if self._classifier else None

    def understand(self, text: str) -> Understood:
        text = " ".join(text.split())
        if match := self._phrases.match(text):
            return Understood("accept", "phrase", (Candidate(match.intent, 1.0),), match.slots)
        if not self._classifier or not self.calibration or not any(c.isalnum() for c in text):
            return Understood("reject", "meaning", ())
        ranked = self.rank(text)
        calibration, likely = self.calibration, ranked[:OFFERED]
        if likely[0].score >= calibration.accept:
            return Understood("accept", "meaning", likely[:1])
        if likely[0].score >= calibration.reject:
            whole = sum(each.score for each in ranked)
            return Understood("ask", "meaning", _options(likely, calibration.enough * whole))
        return Understood("reject", "meaning", tuple(each for each in likely if each.score >= NEAR))

    def rank(self, text: str) -> tuple[Candidate, ...]:
        """All intents by what the text means, likeliest first, phrases left aside."""
        if not self._classifier or not self.calibration:
            return ()
        chances = self.calibration.probabilities(self._classifier.scores(text)[None])[0, :-1]
        ranked = (Candidate(name, chance) for name, chance in zip(self._names, chances.tolist(), strict=True))
        return tuple(sorted(ranked, key=lambda each: -each.score))


def _options(likely: tuple[Candidate, ...], enough: float) -> tuple[Candidate, ...]:
    """The fewest candidates that hold enough of the likelihood; never a single one, where there are more."""
    held = 0.0
    for count, each in enumerate(likely, 1):
        held += each.score
        if held >= enough and count > 1:
            return likely[:count]
    return likely


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").replace(".", " ")
