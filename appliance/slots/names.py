"""Names and choices. Where it is known who can be meant, a name is matched by sound as well as by letters,
for telephones mishear: "doctor jonson" is Dr Johnson."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from appliance.slots.lexer import Context, Found, Token, Value, has, passes, word
from appliance.slots.numbers import ONES, cardinal, ordinal
from appliance.slots.sounds import alike, sound_of
from appliance.slots.spelling import runs
from appliance.spoken import TEENS, TENS

TITLES = {
    "doctor": "Dr", "dr": "Dr", "mister": "Mr", "mr": "Mr", "missus": "Mrs", "mrs": "Mrs", "misses": "Mrs",
    "miss": "Miss", "ms": "Ms", "professor": "Professor", "prof": "Professor", "father": "Father",
    "sister": "Sister", "nurse": "Nurse", "sir": "Sir", "lady": "Lady", "captain": "Captain",
    "reverend": "Reverend",
}  # fmt: skip
TITLES_SAID = {"Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus"}
PARTICLES = frozenset("van der den de von la le di da du del bin al ter ten".split())
CARRIERS = (
    "my name is", "my name's", "my name", "the name is", "the name's", "name is", "under the name of",
    "under the name", "in the name of", "this is", "it is", "it's", "its", "i am", "i'm", "call me", "that's",
    "that is", "you can call me", "here is", "to see", "speak to", "talk to", "speak with", "for", "under",
    "with", "surname is", "surname", "last name", "first name", "name",
    "spelled", "spelt",
)  # fmt: skip
SURE_CARRIERS = CARRIERS[:9]
"""Words after which a name comes, and nothing else."""
WEAK_CARRIERS = ("for", "with", "under")
"""Words after which much else comes too."""
ANDS = ("and my", "my number", "my phone", "and the number", "and the phone")
"""Words with which one goes on after a name."""
STOPS = frozenset(
    "me us him her them your his their our going being do does did is of in about by if there all any and"
    " my number phone at on for i please from speaking here calling the with is it's thanks thank you"
    " yes no not tomorrow today sorry i'd i'll i'm we can could would just so but to a an what when where"
    " who how"
    " already told tell said have has had there it he she they you know didn't can't won't because"
    " ok okay yeah yep sure don't do dont am are was want need like email e-mail address right maybe again"
    " next or say tell private secret personal"
    " spelled spelt everything nothing something anything everyone nobody none all"
    " monday tuesday wednesday thursday friday saturday sunday hello hi goodbye bye agent operator".split()
)

FIRST_NAME, LAST_NAME = 0.9, 0.93
"""How sure one is of somebody by one name alone."""
UNDECIDED = 0.45
"""How sure one is at most of an option that another rivals."""
TIE, NEARLY = 0.04, 0.1
"""How much nearer an option must be than another, and than one that sounds the same."""
MOST_OPTIONS = 2_000
"""Options that are looked through."""

_WITH = ("with a", "with an", "with double", "with two")
"""Before a letter of the name that was said."""
_COUNTS = frozenset([*ONES, *TEENS, *TENS])
_SMALL_WORDS = frozenset("the a an of to for please one i with and like want would i'd take".split())


def find_names(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every name: one of the options, or where there are none a name as it was said."""
    if context.options:
        yield from _listed(heard, context.options, people=True)
        return
    spelled = [run for run in runs(heard, digits=False) if sum(sign.strong for sign in run) > 1]
    inside = {i for run in spelled for i in range(run[0].start, run[-1].end)}
    for i in range(len(heard)):
        if i in inside or has(heard, i, *_WITH):
            continue
        if used := has(heard, i, *CARRIERS):
            sure = 0.9 if has(heard, i, *SURE_CARRIERS) else 0.45 if has(heard, i, *WEAK_CARRIERS) else 0.6
            yield from _name(heard, i + used, sure)
        if word(heard, i) in TITLES and not (i and word(heard, i - 1) in TITLES):
            yield from _name(heard, i, 0.7)
    first = passes(heard, 0, "so", "yes", "yeah", "well", "oh", "hi", "hello", "sure", "okay", "ok")
    if not has(heard, first, *CARRIERS):
        for found in _name(heard, first, 0.65):
            whole = all(
                token.word in ("please", "thanks", "speaking", "here") for token in heard[found.end :]
            )
            if whole or has(heard, found.end, *ANDS):
                yield found
            elif has(heard, found.end, "or"):
                yield found
                yield from _name(heard, found.end + 1, 0.65)


def find_choices(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every mention of an option, by what it is called or by where it stands in the list ("the second
    one")."""
    yield from _listed(heard, context.options, people=False)
    for i in range(len(heard)):
        if at := place(heard, i, len(context.options)):
            option = context.options[at[0]]
            yield Found(Value(option, option, at[2]), i, at[1])


def _listed(heard: Sequence[Token], options: Sequence[str], people: bool) -> Iterator[Found]:
    """The options that are near to something said. An option that fits as well as another, or sounds as
    another does, has at most UNDECIDED: the desk had better ask "A or B?"."""
    near = sorted(_fits(heard, tuple(options[:MOST_OPTIONS]), people), key=lambda fit: -fit.score)[:6]
    for fit in near:
        tied = any(rival.option != fit.option and fit.rivalled(rival) for rival in near)
        score = min(fit.score, UNDECIDED) if tied else fit.score
        yield Found(Value(fit.option, _aloud(fit.option), score), fit.start, fit.end)


@dataclass(frozen=True, slots=True)
class Fit:
    """An option that is near to a stretch of what was heard."""

    option: str
    score: float
    start: int
    end: int
    wanted: str
    """The letters of it that were compared."""
    spelled: bool
    """Whether it was said letter by letter."""

    def rivalled(self, other: Fit) -> bool:
        """Whether the other may as well have been said."""
        if other.start >= self.end or self.start >= other.end:
            return False
        homophone = sound_of(self.wanted) == sound_of(other.wanted) != "" and not self.spelled
        return other.score >= self.score - TIE or (homophone and abs(other.score - self.score) <= NEARLY)


def _fits(heard: Sequence[Token], options: tuple[str, ...], people: bool) -> list[Fit]:
    """For each option that is near to some stretch of the text: how near, and where."""
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    targets = _targets(options)
    stretches = _stretches(
        tuple(token.word for token in heard), max((target[3] for target in targets), default=0)
    )
    if not stretches or not targets:
        return []
    letters = cdist(
        [said for said, *_ in stretches],
        [wanted for wanted, *_ in targets],
        scorer=Levenshtein.normalized_similarity,
        score_cutoff=0.5,
    )
    best: dict[str, Fit] = {}
    for s, t in zip(*letters.nonzero(), strict=True):
        said, start, end = stretches[s]
        wanted, option, weight, most, least = targets[t]
        spelled = all(len(token.word) == 1 for token in heard[start:end])
        if (end - start > most and not spelled) or abs(len(said) - len(wanted)) > 3:
            continue
        score = alike(said, wanted, float(letters[s, t]))
        if score < least:
            continue
        if people and said != wanted and len(wanted) < 4 and not _expected(heard, start):
            continue
        if people and weight == FIRST_NAME and not _expected(heard, start):
            weight *= 0.6
        score *= weight * _titled(heard, start, option)
        if score >= 0.6 and (option not in best or score > best[option].score):
            best[option] = Fit(option, score, start, end, wanted, spelled)
    return list(best.values())


@lru_cache(maxsize=16)
def _targets(options: tuple[str, ...]) -> tuple[tuple[str, str, float, int, float], ...]:
    """What may be said for each option: letters, option, weight, most words, the least likeness. All of its
    words, or one of them: the surname before others."""
    targets: list[tuple[str, str, float, int, float]] = []
    for option in options:
        parts = _parts(option)
        targets += [("".join(parts), option, 1.0, len(parts) + 2, 0.75)] if parts else []
        if len(parts) > 1:
            weights = [FIRST_NAME] * (len(parts) - 1) + [LAST_NAME]
            targets += [(p, option, w, 2, 0.8) for p, w in zip(parts, weights, strict=True) if len(p) > 2]
    return tuple(targets)


def _expected(heard: Sequence[Token], start: int) -> bool:
    """Whether a name may be looked for here: in few words, after a title, or after what leads to a name."""
    leads = any(has(heard, start - len(carrier.split()), carrier) for carrier in CARRIERS)
    return (
        len(heard) <= 4
        or leads
        or word(heard, start - 1) in TITLES
        or word(heard, start - 1) in ("see", "and")
    )


def _titled(heard: Sequence[Token], start: int, option: str) -> float:
    """How well the title that was said goes with the option: it may have been left out of the list."""
    said = TITLES.get(word(heard, start - 1)) or TITLES.get(word(heard, start))
    first = TITLES.get(re.sub(r"\W", "", option.split()[0].lower()))
    if not said or said == first:
        return 1.0
    return 0.8 if first else 0.9


@lru_cache(maxsize=64)
def _stretches(said: tuple[str, ...], most: int) -> tuple[tuple[str, int, int], ...]:
    """Every stretch of up to so many words: its letters, start, end."""
    plain = [_numeral(re.sub(r"\W", "", word)) for word in said]
    found = []
    for start in range(len(plain)):
        if said[start] in TITLES:
            continue
        spelled = next((n for n in range(start, len(plain)) if len(plain[n]) != 1), len(plain))
        for end in range(start + 1, min(max(start + most, spelled), start + 20, len(plain)) + 1):
            letters = "".join(plain[start:end])
            if end == start + 1 and letters in _SMALL_WORDS:
                continue
            if 1 < len(letters) <= 40 or letters.isdigit():
                found.append((letters, start, end))
    return tuple(found)


@lru_cache(maxsize=4096)
def _parts(option: str) -> tuple[str, ...]:
    """The words of an option that tell it from others."""
    parts = [re.sub(r"[^\w]", "", part) for part in option.lower().replace("-", " ").split()]
    return tuple(_numeral(part) for part in parts if part and part not in TITLES and part not in _SMALL_WORDS)


def _numeral(name: str) -> str:
    value = ONES.get(name, TEENS.get(name))
    return name if value is None else str(value)


def _aloud(option: str) -> str:
    first, _, rest = option.partition(" ")
    title = TITLES_SAID.get(first.rstrip("."))
    return f"{title} {rest}" if title else option


def place(heard: Sequence[Token], i: int, count: int) -> tuple[int, int, float] | None:
    """Which of so many stands at i by its place ("the second one"): from 0, the token after it, how sure."""
    the = has(heard, i, "the")
    if the and (used := has(heard, i + 1, "last one", "last", "latter")):
        return (count - 1, i + 1 + used, 0.8) if count else None
    if the and (used := has(heard, i + 1, "former")):
        return (0, i + 1 + used, 0.8) if count else None
    if lead := has(heard, i, "number", "option", "choice"):
        said = cardinal(heard, i + lead)
    else:
        said = ordinal(heard, i + the)
        alone = said is not None and said[1] == len(heard)
        if said and not (alone or has(heard, said[1], "one", "option", "choice")):
            return None
    if not said or not 1 <= said[0] <= count:
        return None
    return said[0] - 1, passes(heard, said[1], "one", "option", "choice"), 0.85


def _name(heard: Sequence[Token], i: int, score: float) -> Iterator[Found]:
    """The name that begins at i: up to five words and the "de la" between them, what is spelled in it joined,
    a title in front."""
    parts: list[str] = []
    at = i
    starts = {run[0].start: run for run in runs(heard[i:], digits=False)}
    while at < len(heard) and sum(part.lower() not in PARTICLES for part in parts) < 5:
        token = heard[at]
        if parts and token.paused and at - i >= 2 and token.word not in PARTICLES and at - i not in starts:
            break
        run = starts.get(at - i)
        if run and len(run) > 1 and sum(sign.strong for sign in run) > 1:
            spelled = "".join(sign.char for sign in run).capitalize()
            near = [n for n, part in enumerate(parts) if part[:1] == spelled[:1] or part[:2] == spelled[:2]]
            parts = parts[: near[-1]] if near else parts
            parts.append(spelled)
            at = i + run[-1].end
            score = max(score, 0.8)
            continue
        if changed := _with_letter(heard, at, parts):
            parts, at, score = changed[0], changed[1], min(score, 0.75)
            continue
        if token.word in STOPS or token.word in _COUNTS or not token.word[:1].isalpha():
            if token.word == "-" and parts:
                at += 1
                continue
            break
        if token.hyphen and parts:
            parts[-1] += f"-{_cased(token)}"
        else:
            parts.append(_cased(token))
        at += 1
    if len(parts) > 2 and parts[0] == parts[-1]:  # "Smith, John Smith"
        parts = parts[1:]
    if parts and parts[-1] not in TITLES.values() and any(c.isalpha() for c in parts[-1]):
        name = " ".join([*parts[:-1], parts[-1][:1].upper() + parts[-1][1:]])
        yield Found(Value(name, _aloud(name), score if at - i <= 3 or score > 0.65 else score * 0.6), i, at)


def _with_letter(heard: Sequence[Token], i: int, parts: list[str]) -> tuple[list[str], int] | None:
    """ "Smith with a y" is Smyth, and "Steven with a p h" Stephen."""
    used = has(heard, i, *_WITH)
    letter = word(heard, i + used).removesuffix("'s") if used else ""
    if letter == "p" and word(heard, i + used + 1) == "h":
        letter, used = "ph", used + 1
    if not parts or (len(letter) != 1 and letter != "ph"):
        return None
    name = parts[-1]
    if word(heard, i + 1) in ("double", "two"):
        changed = name if letter * 2 in name.lower() else re.sub(f"({letter})", r"\1\1", name, count=1)
        return [*parts[:-1], changed], i + used + 1
    if letter in name.lower():
        return parts, i + used + 1
    swapped = {"y": "i", "i": "y", "k": "c", "c": "k", "v": "ph", "z": "s", "s": "z", "f": "ph"}
    instead = swapped.get(letter, ("v" if "v" in name else "f") if letter == "ph" else "")
    at = name.lower().find(instead) if instead else -1
    if at >= 0:
        put = letter.capitalize() if name[at].isupper() else letter
        return [*parts[:-1], name[:at] + put + name[at + len(instead) :]], i + used + 1
    return ([*parts[:-1], name + letter], i + used + 1) if len(letter) == 1 else None


def _cased(token: Token) -> str:
    if token.word in TITLES:
        return TITLES[token.word]
    if token.word in PARTICLES or any(c.isupper() for c in token.text[1:]):
        return token.text if token.text.islower() or not token.text.isupper() else token.text.capitalize()
    before, mark, after = token.text.partition("'")
    after = after[:1].upper() + after[1:] if len(before) < 3 else after
    return before[:1].upper() + before[1:] + mark + after
