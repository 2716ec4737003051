"""Names and choices. Where it is known who can be meant, a name is matched by sound as well as by letters,
for telephones mishear: "doctor jonson" is Dr Johnson."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from appliance.slots.lexer import Context, Found, Token, Value, has, passes, word
from appliance.slots.numbers import ONES, TEENS, cardinal, ordinal
from appliance.slots.spelling import runs

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
    "with", "name",
)  # fmt: skip
SURE_CARRIERS = CARRIERS[:9]
"""Words after which a name comes, and nothing else."""
STOPS = frozenset(
    "and my number phone at on for i please from speaking here calling the with is it's thanks thank you"
    " yes no not tomorrow today sorry i'd i'll i'm we can could would just so but to a an what when where"
    " who how"
    " ok okay yeah yep sure don't do dont am are was want need like email e-mail address right maybe again"
    " next"
    " monday tuesday wednesday thursday friday saturday sunday hello hi goodbye bye agent operator".split()
)

_SMALL_WORDS = frozenset("the a an of to for please one i with and like want would i'd take".split())


def find_names(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every name: one of the options, or where there are none a name as it was said."""
    if context.options:
        yield from _listed(heard, context.options)
        return
    for i in range(len(heard)):
        if used := has(heard, i, *CARRIERS):
            sure = has(heard, i, *SURE_CARRIERS) > 0
            yield from _name(heard, i + used, 0.9 if sure else 0.6)
        if word(heard, i) in TITLES and not (i and word(heard, i - 1) in TITLES):
            yield from _name(heard, i, 0.7)
    first = passes(heard, 0, "yes", "yeah", "well", "oh", "hi", "hello", "sure", "okay", "ok")
    if not has(heard, first, *CARRIERS):
        for found in _name(heard, first, 0.65):
            whole = all(
                token.word in ("please", "thanks", "speaking", "here") for token in heard[found.end :]
            )
            if whole:
                yield found


def find_choices(heard: Sequence[Token], context: Context) -> Iterator[Found]:
    """Every mention of an option, by what it is called or by where it stands in the list ("the second
    one")."""
    yield from _listed(heard, context.options)
    for i in range(len(heard)):
        if place := _place(heard, i, len(context.options)):
            option = context.options[place[0]]
            yield Found(Value(option, option, place[2]), i, place[1])


def _listed(heard: Sequence[Token], options: Sequence[str]) -> Iterator[Found]:
    """The options that are near to something said. An option that fits as well as another has at most 0.45:
    the desk had better ask "A or B?"."""
    fits = [(option, _fit(heard, option, options)) for option in options[:2_000]]
    near = sorted((fit for fit in fits if fit[1][0] >= 0.6), key=lambda fit: -fit[1][0])
    for rank, (option, (score, start, end)) in enumerate(near[:6]):
        rivals = [
            other[1][0]
            for n, other in enumerate(near)
            if n != rank and other[1][1] < end and start < other[1][2] and other[0] != option
        ]
        tied = any(rival >= score - 0.04 for rival in rivals)
        yield Found(Value(option, _aloud(option), min(score, 0.45) if tied else score), start, end)


def _fit(heard: Sequence[Token], option: str, options: Sequence[str]) -> tuple[float, int, int]:
    """How well the best stretch of the text fits the option, and where it stands."""
    best = (0.0, 0, 0)
    parts = _parts(option)
    if not parts:
        return best
    stretches = _stretches(tuple((token.word, i) for i, token in enumerate(heard)))
    whole = "".join(parts)
    sound = _sound(whole)
    most = len(parts) + 2
    for said, spoken, start, end, count in stretches:
        if count <= most and abs(len(said) - len(whole)) <= 3:
            score = _alike(said, spoken, whole, sound)
            if score > best[0] and score >= 0.75:
                best = (score, start, end)
    if len(parts) > 1:
        single = _fit_part(stretches, parts)
        if single[0] > best[0]:
            best = single
    if best[0] and _titled(heard, best[1], option) is False:
        return best[0] * 0.8, best[1], best[2]
    return best


def _fit_part(
    stretches: Sequence[tuple[str, str, int, int, int]], parts: Sequence[str]
) -> tuple[float, int, int]:
    """One word of the option said alone: the surname before others."""
    best = (0.0, 0, 0)
    for place, part in enumerate(parts):
        if len(part) < 3:
            continue
        weight = 0.93 if place == len(parts) - 1 else 0.9
        sound = _sound(part)
        for said, spoken, start, end, count in stretches:
            if count > 2 or abs(len(said) - len(part)) > 3:
                continue
            score = _alike(said, spoken, part, sound)
            if score >= 0.8 and score * weight > best[0]:
                best = (score * weight, start, end)
    return best


def _titled(heard: Sequence[Token], start: int, option: str) -> bool | None:
    """Whether the title that was said is the option's; None where one has none."""
    said = TITLES.get(word(heard, start - 1)) or TITLES.get(word(heard, start))
    first = TITLES.get(re.sub(r"\W", "", option.split()[0].lower()))
    return None if not said or not first else said == first


def _alike(said: str, spoken: str, wanted: str, sound: str) -> float:
    """0 to 1, by letters and by sound."""
    from rapidfuzz.distance import JaroWinkler, Levenshtein

    if said == wanted:
        return 1.0
    letters = Levenshtein.normalized_similarity(said, wanted)
    near = JaroWinkler.normalized_similarity(said, wanted)
    if spoken == sound and sound and letters >= 0.5 and len(wanted) > 2:
        return 0.9 + letters / 20
    by_sound = Levenshtein.normalized_similarity(spoken, sound) if sound else 0.0
    return min(0.89, 0.5 * letters + 0.25 * near + 0.25 * by_sound)


@lru_cache(maxsize=64)
def _stretches(said: tuple[tuple[str, int], ...]) -> tuple[tuple[str, str, int, int, int], ...]:
    """Every stretch of up to five words: its letters, its sound, start, end, how many words."""
    plain = [(re.sub(r"\W", "", word), i) for word, i in said]
    found = []
    for n in range(len(plain)):
        for count in range(1, 6):
            some = plain[n : n + count]
            if len(some) < count or (count == 1 and some[0][0] in _SMALL_WORDS) or some[0][0] in TITLES:
                continue
            letters = "".join(_numeral(word) for word, _ in some)
            if 1 < len(letters) <= 40 or letters.isdigit():
                found.append((letters, _sound(letters), n, n + count, count))
    return tuple(found)


@lru_cache(maxsize=4096)
def _parts(option: str) -> tuple[str, ...]:
    """The words of an option that tell it from others."""
    parts = [re.sub(r"[^\w]", "", part) for part in option.lower().replace("-", " ").split()]
    return tuple(_numeral(part) for part in parts if part and part not in TITLES and part not in _SMALL_WORDS)


def _numeral(name: str) -> str:
    value = ONES.get(name, TEENS.get(name))
    return name if value is None else str(value)


@lru_cache(maxsize=8192)
def _sound(letters: str) -> str:
    import jellyfish

    return jellyfish.metaphone(letters) if letters.isalpha() and letters.isascii() else ""


def _aloud(option: str) -> str:
    first, _, rest = option.partition(" ")
    title = TITLES_SAID.get(first.rstrip("."))
    return f"{title} {rest}" if title else option


def _place(heard: Sequence[Token], i: int, count: int) -> tuple[int, int, float] | None:
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
    """The name that begins at i: up to five words, what is spelled in it joined, a title in front."""
    parts: list[str] = []
    at = i
    starts = {run[0].start: run for run in runs(heard[i:], digits=False)}
    while at < len(heard) and len(parts) < 5:
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
        if token.word in STOPS or not token.word[:1].isalpha():
            if token.word == "-" and parts:
                at += 1
                continue
            break
        if token.hyphen and parts:
            parts[-1] += f"-{_cased(token)}"
        else:
            parts.append(_cased(token))
        at += 1
    if parts and parts[-1] not in TITLES.values() and any(c.isalpha() for c in parts[-1]):
        name = " ".join([*parts[:-1], parts[-1][:1].upper() + parts[-1][1:]])
        yield Found(Value(name, _aloud(name), score if at - i <= 4 or score > 0.7 else 0.5), i, at)


def _with_letter(heard: Sequence[Token], i: int, parts: list[str]) -> tuple[list[str], int] | None:
    """ "Smith with a y" is Smyth."""
    used = has(heard, i, "with a", "with an", "with double", "with two")
    letter = word(heard, i + used).removesuffix("'s") if used else ""
    if not parts or len(letter) != 1:
        return None
    name = parts[-1]
    if word(heard, i + 1) in ("double", "two"):
        changed = name if letter * 2 in name.lower() else re.sub(f"({letter})", r"\1\1", name, count=1)
        return [*parts[:-1], changed], i + used + 1
    if letter in name.lower():
        return parts, i + used + 1
    instead = {"y": "i", "i": "y", "k": "c", "c": "k", "v": "ph", "z": "s", "s": "z", "f": "ph"}.get(
        letter, ""
    )
    at = name.lower().find(instead) if instead else -1
    if at >= 0:
        put = letter.upper() if name[at].isupper() else letter
        return [*parts[:-1], name[:at] + put + name[at + len(instead) :]], i + used + 1
    return [*parts[:-1], name + letter], i + used + 1


def _cased(token: Token) -> str:
    if token.word in TITLES:
        return TITLES[token.word]
    if token.word in PARTICLES or any(c.isupper() for c in token.text[1:]):
        return token.text if token.text.islower() or not token.text.isupper() else token.text.capitalize()
    return "'".join(part[:1].upper() + part[1:] for part in token.text.split("'"))
