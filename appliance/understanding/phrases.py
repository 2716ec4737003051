"""What a desk file's phrases match word for word, in hassil's template language: "(book|make) [an]
appointment [for {day}]"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import factorial, prod

from hassil.expression import Alternative, Expression, Group, ListReference, Permutation, RuleReference
from hassil.intents import Intent, IntentData, Intents, SlotList, WildcardSlotList
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError
from hassil.recognize import recognize_all
from hassil.sample import sample_expression

LONGEST = 400
"""Characters of an utterance that may match a template; a longer one is understood by its meaning."""

MOST = 2_000
"""Sentences that one phrase may stand for, and so the bound of the work that a match takes."""

HANDFUL = 6
"""Sentences of a template that the classifier learns from."""

NEAR = 0.9
"""Two intents tie where the second matched this share of the words that the first did."""

SLOT = re.compile(r"[^\W\d]\w*")
WORDS = "$€£%+@#&_"
"""Signs that are said, and kept; all other punctuation is as good as a space."""

SHORT: Mapping[str, str] = {
    "'m": " am", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would", "can't": "cannot",
    "won't": "will not", "n't": " not", "let's": "let us", "what's": "what is", "where's": "where is",
    "who's": "who is", "when's": "when is", "how's": "how is", "it's": "it is", "that's": "that is",
    "there's": "there is", "here's": "here is", "name's": "name is",
}  # fmt: skip
"""What people draw together, and a desk file may write either way."""

DRAWN = re.compile(
    "|".join(rf"(?<!\w){each}\b" if each[0].isalpha() and each != "n't" else rf"{each}\b" for each in SHORT),
    re.I,
)

FILLERS = re.compile(r"\b(?:u+h+m*|u+m+|e+rm*|h+m+|mm+)\b", re.IGNORECASE)

AROUND = re.compile(
    r"^(?:\W*\b(?:hi|hello|hey|yes|yeah|okay|ok|so|well|oh|please|there|good (?:morning|afternoon|evening"
    r"|day))\b)+|\b(?:please|thanks|thank you)\W*$",
    re.IGNORECASE,
)
"""What is said before or after a phrase and means nothing."""

TEMPLATE = "()[]{}<>|;"
USE = "write (a|b), [maybe] and {slot}"


@dataclass(frozen=True, slots=True)
class Match:
    """What an utterance matched."""

    intent: str
    slots: Mapping[str, str]
    """What the slots captured, as it was written."""


class Phrases:
    """The phrases of all intents. Raises ValueError(wrong, mend) for one that cannot be read."""

    def __init__(self, intents: Mapping[str, Sequence[str]]) -> None:
        templates = {intent: [_template(phrase) for phrase in intents[intent]] for intent in intents}
        self._intents = _intents(templates)
        self._samples = [(intent, _samples(phrase)) for intent in intents for phrase in intents[intent]]

    def samples(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each phrase's intent and some of the sentences it stands for; a slot is said by its name."""
        yield from self._samples

    def match(self, text: str) -> Match | None:
        """The intent one of whose phrases the text is; None where there is none, or where two intents come
        near each other."""
        text = drawn_out(" ".join(unicodedata.normalize("NFC", text).split()))
        if len(text) > LONGEST:
            return None
        bare = AROUND.sub("", FILLERS.sub("", text)).strip(" ,.")
        return self._match(text) or (self._match(bare) if bare != text else None)

    def _match(self, text: str) -> Match | None:
        best: dict[str, tuple[int, int, Match]] = {}
        for result in recognize_all(_plain(text), self._intents):
            spans = {entity.name: entity.text_span or (0, 0) for entity in result.entities_list}
            slots = {name: text[start:end] for name, (start, end) in spans.items()}
            found = (
                result.text_chunks_matched,
                -sum(map(len, slots.values())),
                Match(result.intent.name, slots),
            )
            if result.intent.name not in best or found[:2] > best[result.intent.name][:2]:
                best[result.intent.name] = found
        ranked = sorted(best.values(), key=lambda item: item[:2], reverse=True)
        if not ranked or (len(ranked) > 1 and ranked[1][0] >= NEAR * ranked[0][0]):
            return None
        return ranked[0][2]


def drawn_out(text: str) -> str:
    """What is drawn together, in full: "I'm" is "I am"."""
    return DRAWN.sub(lambda short: SHORT[short[0].lower()], text.replace("\u2019", "'"))


def _template(phrase: str) -> str:
    """A phrase as it is matched: without punctuation. Raises ValueError(wrong, mend)."""
    template = _plain(drawn_out(_unescaped(phrase)), TEMPLATE).strip()
    try:
        sentence = parse_sentence(template)
        count = _count(sentence.expression)
    except (ParseError, AssertionError, RecursionError) as error:
        raise _error(phrase, "has a bracket that is not closed, not opened, or empty", USE) from error
    names = {each.list_name for each in _each(sentence.expression) if isinstance(each, ListReference)}
    if bad := sorted(name for name in names if not SLOT.fullmatch(name)):
        raise _error(phrase, f"has the slot {{{bad[0]}}}", "its name is one word, like {day}")
    if any(isinstance(each, RuleReference) for each in _each(sentence.expression)):
        raise _error(phrase, "has < and >", "leave them out: a desk file has no rules")
    if count > MOST:
        raise _error(phrase, f"stands for {count} sentences", f"divide it: {MOST} is the most")
    if not sentence.get_required_clauses({}):
        raise _error(
            phrase, "can be said without a word of its own", "put one outside the brackets and slots"
        )
    own = _intents({"": [template]})
    samples = map(drawn_out, _samples(phrase))
    if lost := [text for text in samples if not any(recognize_all(_plain(text), own))]:
        raise _error(
            phrase, f'does not match "{lost[0]}", which it stands for', "put a word between its slots"
        )
    return template


def _error(phrase: str, wrong: str, mend: str) -> ValueError:
    return ValueError(f'the phrase "{phrase}" {wrong}', mend)


def _unescaped(phrase: str) -> str:
    return re.sub(r"\\.?", " ", unicodedata.normalize("NFC", phrase), flags=re.DOTALL)


def _intents(templates: Mapping[str, list[str]]) -> Intents:
    """What hassil matches with: any text may stand for a slot."""
    names = {name for each in templates.values() for one in each for name in parse_sentence(one).list_names()}
    return Intents(
        language="en",
        intents={intent: Intent(intent, [IntentData(each)]) for intent, each in templates.items()},
        slot_lists={name: WildcardSlotList(name) for name in names},
    )


def _plain(text: str, keep: str = "") -> str:
    """The text with a space for each sign that is not said; as long as before."""
    return "".join(c if c.isalnum() or c in WORDS or c in keep else " " for c in text)


def _each(expression: Expression) -> Iterator[Expression]:
    yield expression
    if isinstance(expression, Group):
        for item in expression.items:
            yield from _each(item)


def _count(expression: Expression) -> int:
    """Sentences that an expression stands for."""
    if not isinstance(expression, Group):
        return 1
    counts = [_count(item) for item in expression.items]
    if isinstance(expression, Alternative):
        return sum(counts)
    return prod(counts) * (factorial(len(counts)) if isinstance(expression, Permutation) else 1)


def _samples(phrase: str) -> tuple[str, ...]:
    """Some of the sentences of a phrase, evenly spread over all: with and without what may be left out."""
    sentence = parse_sentence(_unescaped(phrase))
    slots: dict[str, SlotList] = {name: WildcardSlotList(name) for name in sentence.list_names()}
    every = dict.fromkeys(
        " ".join(re.sub("[{}_]", " ", text).split())
        for text in islice(sample_expression(sentence.expression, slots), MOST)
    )
    step = max(1, -(-len(every) // HANDFUL))
    return tuple(islice(every, 0, None, step))
