"""What share of what was said was understood. Counted the same way for every engine: words as one would say
them (`spoken.words`), digits and spelled names as strings, orders by the slots found."""

from __future__ import annotations

from dataclasses import dataclass

import jiwer

from appliance import spoken
from appliance.bench import sets


@dataclass(frozen=True, slots=True)
class Score:
    """Of one clip, or the sum of many."""

    wrong: int = 0
    """Words, digits, letters or slots missed, added or changed."""
    of: int = 0
    exact: int = 0
    """Clips without an error."""
    clips: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.wrong + other.wrong, self.of + other.of, self.exact + other.exact, self.clips + other.clips
        )

    @property
    def error(self) -> float:
        """Errors in all as a share of what was there: WER for words, the same for digits and letters."""
        return self.wrong / self.of if self.of else 0.0

    @property
    def right(self) -> float:
        """Share of clips without an error."""
        return self.exact / self.clips if self.clips else 0.0


def score(measure: sets.Measure, reference: str, heard: str) -> Score:
    """Score one clip's transcript."""
    match measure:
        case "words":
            return _aligned(spoken.words(reference), spoken.words(heard))
        case "digits":
            return _aligned(list(spoken.digits(reference)), list(spoken.digits(heard)))
        case "letters":
            return _aligned(list(spoken.letters(reference)), list(spoken.letters(heard)))
        case "slots":
            return _found(sets.slots(reference), heard)
        case "nothing":
            words = len(spoken.words(heard))
            return Score(words, 0, int(words == 0), 1)


def _aligned(reference: list[str], heard: list[str]) -> Score:
    if not reference:
        return Score(len(heard), 0, int(not heard), 1)
    if not heard:
        wrong = len(reference)
    else:
        counts = jiwer.process_words(" ".join(reference), " ".join(heard))
        wrong = counts.substitutions + counts.deletions + counts.insertions
    return Score(wrong, len(reference), int(wrong == 0), 1)


def _found(values: list[str], heard: str) -> Score:
    """A slot is found when its words stand in the transcript, one after the other."""
    said = f" {' '.join(_singular(word) for word in spoken.words(heard))} "
    wrong = sum(
        f" {' '.join(_singular(word) for word in spoken.words(value))} " not in said for value in values
    )
    return Score(wrong, len(values), int(wrong == 0), 1)


def _singular(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word
