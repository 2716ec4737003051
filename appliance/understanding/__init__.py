"""Understanding: which of the desk's intents an utterance means, and how sure that is. Blocking."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from appliance.engines import Embed
from appliance.understanding.calibration import calibrate
from appliance.understanding.classifier import Classifier, Example
from appliance.understanding.phrases import Phrases

NEAR = 0.005
"""Probability from which an intent is told of as near, though the text is rejected."""

OFFERED = 4
"""Candidates at most: nobody keeps more in mind."""

OUTSIDE = tuple(
    line
    for line in (Path(__file__).parent / "outside.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
)
"""What people say to any desk and what no desk is for."""

BESIDE = 0.6
"""Cosine to a phrase from which something said to be outside is taken to be the desk's own."""


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
    none of them; what comes near a phrase nevertheless is left out. `by_phrase`: intents that only their very
    phrases mean. Raises ValueError(wrong, mend) for a phrase that cannot be read."""

    def __init__(
        self,
        intents: Mapping[str, Sequence[str]],
        embed: Embed,
        outside: Sequence[str] = (),
        by_phrase: Collection[str] = (),
    ) -> None:
        self._by_phrase = frozenset(by_phrase)
        self._phrases = Phrases(intents)
        self._names = list(intents)
        examples: list[Example] = []
        phrase = 0
        for intent, sentences in self._phrases.samples():
            number = self._names.index(intent)
            examples += [Example(text, (number,), phrase) for text in sentences]
            phrase += 1
        for text in _apart(outside, [each.text for each in examples], embed):
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
        if likely[0].score < calibration.reject:
            return Understood("reject", "meaning", tuple(each for each in likely if each.score >= NEAR))
        if likely[0].score < calibration.accept:
            whole = sum(each.score for each in ranked)
            options = self._open(_options(likely, calibration.enough * whole))
            return Understood("ask" if options else "reject", "meaning", options)
        accepted = self._open(likely[:1])
        return Understood("accept" if accepted else "reject", "meaning", accepted)

    def _open(self, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """Those that may be meant in other words."""
        return tuple(each for each in candidates if each.intent not in self._by_phrase)

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


def _apart(outside: Sequence[str], phrases: Sequence[str], embed: Embed) -> list[str]:
    """What is outside and not near any phrase."""
    if not outside or not phrases:
        return []
    nearest = (embed.embed(outside) @ embed.embed(phrases).T).max(axis=1)
    return [text for text, cosine in zip(outside, nearest.tolist(), strict=True) if cosine < BESIDE]


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").replace(".", " ")
